"""Places in registries: how they are spelled."""

from __future__ import annotations

import pytest

from imagesmith.errors import UsageError
from imagesmith.model.digest import Digest
from imagesmith.oci.registry.name import ImageName, parse

HEX = "0" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("r.example.org/a", ImageName(host="r.example.org", name="a", tag="latest")),
        ("localhost/a/b:1", ImageName(host="localhost", name="a/b", tag="1")),
        ("r:5000/a", ImageName(host="r:5000", name="a", tag="latest")),
        ("[::1]:5000/a", ImageName(host="[::1]:5000", name="a", tag="latest")),
        ("docker://r:1/a:V_1.x-2", ImageName(host="r:1", name="a", tag="V_1.x-2")),
        (
            f"r.org/a@sha256:{HEX}",
            ImageName(host="r.org", name="a", digest=Digest(HEX)),
        ),
        (
            f"r.org/a:t@sha256:{HEX}",
            ImageName(host="r.org", name="a", tag="t", digest=Digest(HEX)),
        ),
    ],
)
def test_a_place_has_a_host_a_name_and_a_tag_or_digest(text: str, expected: ImageName) -> None:
    """`latest` where neither is said; a digest is what is asked for."""
    found = parse(text)

    assert found == expected
    assert parse(str(found)) == found
    assert found.reference == (f"sha256:{HEX}" if found.digest else found.tag)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a/b", "team/app:1", "r.org/", "r.org/A", "r.org/a:", "r.org/a:b:c", "r.org//a"),
        *("r.org/a@sha256:0", "r.org/../a", "http://r.org/a", "r.org/a b", "r.org/" + "a" * 256),
    ],
)
def test_what_names_no_host_names_no_place(text: str) -> None:
    """There is no registry that everybody means."""
    with pytest.raises(UsageError) as e:
        parse(text)

    assert e.value.hint == "write it like registry.example.org/team/app:1.4.2, host included"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(("localhost", True), ("127.0.0.1:5000", True), ("127.1.2.3", True), ("[::1]:80", True)),
        *(("localhost.example.org", False), ("128.0.0.1", False), ("127.0.0.1.example", False)),
    ],
)
def test_this_machine_is_told_from_others(host: str, *, expected: bool) -> None:
    """Nobody listens between it and itself."""
    assert ImageName(host=host, name="a").is_local == expected
