"""Two tars side by side: the first member and field that differ are named."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from builders.tar import END, Raw, make_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.audit import tars
from imagesmith.audit.tars import Parting
from imagesmith.errors import MalformedArtefact

MOTD = Raw(name=b"etc/motd", mode=0o644, body=b"hello\n")
LAST = Raw(name=b"etc/z", body=b"z")


def tar(*members: Raw) -> memoryview:
    """Return the tar of some members."""
    return memoryview(b"".join(member.to_bytes() for member in members) + END)


def first(one: memoryview, other: memoryview) -> Parting | None:
    """Compare two tars that nobody needs to tell apart."""
    return tars.first(one, other, name="x")


@pytest.mark.parametrize(
    ("changed", "field", "one", "other"),
    [
        ({"type": b"5", "body": b""}, "type", "0", "5"),
        ({"mode": 0o600}, "mode", "0644", "0600"),
        ({"uid": 7}, "uid", "0", "7"),
        ({"gid": 7}, "gid", "0", "7"),
        ({"mtime": 7}, "mtime", "0", "7"),
        ({"body": b"help\n "}, "content", r"b'lo\n' at byte 3", r"b'p\n ' at byte 3"),
        ({"body": b"hello\n\n"}, "size", "6", "7"),
        ({"body": b"hello"}, "size", "6", "5"),
        ({"mode": b"00644 \0\0"}, "bytes", "b'", "b'"),
    ],
)
def test_the_field_is_named(changed: dict[str, Any], field: str, one: str, other: str) -> None:
    """With both values; what is the same to every reader differs in bytes."""
    found = first(tar(MOTD, LAST), tar(attrs.evolve(MOTD, **changed), LAST))

    assert found is not None
    assert (found.member, found.field) == ("etc/motd", field)
    assert (found.one, found.other) == (one, other) or field == "bytes"


def test_a_link_is_compared_by_its_target() -> None:
    """An empty one is called none."""
    one = Raw(name=b"a", type=b"2", link=b"b")

    assert first(tar(one), tar(attrs.evolve(one, link=b"c"))) == Parting("a", "link", "b", "c")


def test_members_that_one_lacks_are_named() -> None:
    """In the middle, and at the end; and those that stand elsewhere."""
    both, only = tar(MOTD, LAST), tar(LAST)

    assert first(both, only) == Parting("etc/motd", "member", "present", "missing")
    assert first(only, both) == Parting("etc/motd", "member", "missing", "present")
    assert first(both, tar(MOTD)) == Parting("etc/z", "member", "present", "missing")
    assert first(tar(MOTD), both) == Parting("etc/z", "member", "missing", "present")
    assert first(both, tar(LAST, MOTD)) == Parting("etc/motd", "order", "etc/motd", "etc/z")


def test_what_is_behind_the_last_member_counts() -> None:
    """More zeros at the end are other bytes, of no member."""
    one = tar(MOTD)
    found = first(one, memoryview(bytes(one) + bytes(512)))

    assert found == Parting("", "bytes", f"b'' at byte {len(one)}", found.other if found else "")


def test_texts_are_safe_to_print() -> None:
    """Names are from strangers."""
    evil = Raw(name=b"a\x1b[31m", body=b"x")
    found = first(tar(evil), tar(attrs.evolve(evil, body=b"\x1b")))

    assert found is not None
    assert found.member == r"a\x1b[31m"
    assert found.other == r"b'\x1b' at byte 0"


def test_what_is_no_tar_is_refused() -> None:
    """It is malformed, whatever it is compared with."""
    with pytest.raises(MalformedArtefact):
        first(tar(MOTD), memoryview(b"x" * 1024))


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200_000), st.data())
def test_the_first_byte_that_differs_is_found(content: bytes, drawn: st.DataObject) -> None:
    """Whatever its offset; a tar with itself has no difference."""
    at = drawn.draw(st.integers(0, len(content)))
    other = content[:at] + bytes(255 - each for each in content[at : at + 1]) + content[at + 1 :]

    assert tars.parting(memoryview(content), memoryview(other)) == at
    packed = memoryview(make_tar({"/a": content}))
    assert first(packed, packed) is None
