"""Names become image paths by the rules, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.unpack.paths import Refused, decoded, encoded, image_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./usr/bin/x", "/usr/bin/x"),
        ("usr/bin/x", "/usr/bin/x"),
        ("/usr/bin/x", "/usr/bin/x"),
        ("./", "/"),
        (".", "/"),
        ("/", "/"),
        ("./...", "/..."),
        ("./.hidden", "/.hidden"),
        ("./a.wh.b", "/a.wh.b"),
        ("./line\nfeed", "/line\nfeed"),
        ("./\udcff", "/\udcff"),
        ("./" + "a" * 255, "/" + "a" * 255),
        ("./" + "a/" * 127 + "a", "/" + "a/" * 127 + "a"),
    ],
)
def test_plain_names_have_a_path(name: str, expected: str) -> None:
    """One `./` or `/` says where the root is; any other byte is part of the name."""
    assert expected == image_path(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "path component ''"),
        ("../x", "path component '..'"),
        ("./a/../../x", "path component '..'"),
        ("a/..", "path component '..'"),
        ("././x", "path component '.'"),
        ("a/.", "path component '.'"),
        ("//x", "path component ''"),
        ("a//b", "path component ''"),
        ("a/", "path component ''"),
        ("a\0b", "NUL in a path"),
        (".wh.foo", "a whiteout name, which deletes files of lower layers"),
        ("./a/.wh..wh..opq", "a whiteout name, which deletes files of lower layers"),
        ("./.wh.", "a whiteout name, which deletes files of lower layers"),
        ("a" * 256, "path component longer than 255 bytes"),
        ("é" * 128, "path component longer than 255 bytes"),
        ("a" * 200 + "/" + "b/" * 2000, "path longer than 4095 bytes"),
        ("a/" * 128 + "a", "path deeper than 128 components"),
    ],
)
def test_other_names_have_none(name: str, expected: str) -> None:
    """Nothing is normalised, nothing truncated (hostile-inputs C1, C2, C22, C24)."""
    with pytest.raises(Refused) as caught:
        image_path(name)

    assert expected == str(caught.value)


@pytest.mark.parametrize("name", ["./usr/", "usr/", "/usr/", "./usr"])
def test_a_slash_may_end_the_name_of_a_directory(name: str) -> None:
    """That is how tar writes them."""
    assert image_path(name, directory=True) == "/usr"


def test_two_slashes_may_not() -> None:
    """A second one would be an empty component."""
    with pytest.raises(Refused):
        image_path("usr//", directory=True)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("./\udc80\udcff"), max_size=40))
def test_no_path_leaves_the_root(name: str) -> None:
    """What has a path has a normalised one, which names itself again."""
    try:
        path = image_path(name)
    except Refused:
        return

    parts = path[1:].split("/")
    assert path == "/" or not {"", ".", ".."}.intersection(parts)
    assert path == image_path("." + path) == image_path(path)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_survive_decoding(raw: bytes) -> None:
    """Names are bytes; text is only how they are held."""
    assert raw == encoded(decoded(raw))
