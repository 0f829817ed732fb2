"""Destinations: how they are spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesmith.errors import UsageError
from imagesmith.oci.destination import Destination, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.tar", Destination("oci-archive", Path("a.tar"))),
        ("oci-archive:a.tar", Destination("oci-archive", Path("a.tar"))),
        ("oci:dir", Destination("oci", Path("dir"))),
        ("docker-archive:/x/a.tar", Destination("docker-archive", Path("/x/a.tar"))),
        ("tar:a:b", Destination("tar", Path("a:b"))),
        ("app:1.0.tar", Destination("oci-archive", Path("app:1.0.tar"))),
    ],
)
def test_a_known_prefix_is_a_kind(text: str, expected: Destination) -> None:
    """Any other belongs to the name of a file."""
    found = parse(text)

    assert found == expected
    assert parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "oci:", "tar:", "-", "tar:-"])
def test_a_destination_needs_a_path(text: str) -> None:
    """There is no default for one, and the standard output is for the digest."""
    with pytest.raises(UsageError):
        parse(text)
