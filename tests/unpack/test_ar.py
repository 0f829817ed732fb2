"""The ar reader: three honest layouts, and every lie of hostile-inputs B5, B7 and B9."""

from __future__ import annotations

import pytest
from builders.deb import ArMember, make_ar

from imagesmith.errors import MalformedArtefact
from imagesmith.unpack.ar import Member, members

FIRST = ArMember(name=b"first", body=b"odd", mtime=b"12")
SECOND = ArMember(name=b"second/", body=b"even")


def problem(raw: bytes) -> str:
    """Return what is wrong with the archive `raw`."""
    with pytest.raises(MalformedArtefact) as caught:
        members(memoryview(raw), artefact="x.deb")
    assert caught.value.artefact == "x.deb"
    return caught.value.problem


def test_members_are_listed_in_order() -> None:
    """Offsets are those of the bodies; a slash that ends a name is not part of it."""
    raw = make_ar(FIRST, SECOND)

    assert (
        Member("first", 68, 3, 12),
        Member("second", 132, 4, 1_700_000_000),
    ) == members(memoryview(raw), artefact="x.deb")
    assert bytes(members(memoryview(raw), artefact="x")[1].slice(memoryview(raw))) == b"even"


def test_an_archive_may_be_empty() -> None:
    """Only the magic is needed."""
    assert members(memoryview(make_ar()), artefact="x.deb") == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "not an ar archive"),
        (make_ar(magic=b"!<thin>\n"), "not an ar archive"),
        (make_ar(FIRST) + b"g" * 70, "no member header at byte 72"),
        (make_ar(FIRST) + b"\n", "no member header at byte 72"),
        (make_ar(FIRST)[:-1], "first is not padded to an even length"),
        (
            make_ar(ArMember(name=b"a", body=b"odd", padding=b"\0")),
            "a is not padded to an even length",
        ),
        (make_ar(FIRST, SECOND)[:-1], "second is cut short"),
        (make_ar(ArMember(name=b"a", body=b"x", size=b"1001")), "a is cut short"),
        (make_ar(ArMember(name=b"a", body=b"x", magic=b"`\r")), "no member header at byte 8"),
        (
            make_ar(ArMember(name=b"a", body=b"x", size=b"-1")),
            "malformed size b'-1        ' of a member",
        ),
        (
            make_ar(ArMember(name=b"a", body=b"x", size=b"1_0")),
            "malformed size b'1_0       ' of a member",
        ),
        (
            make_ar(ArMember(name=b"a", body=b"x", size=b" 1")),
            "malformed size b' 1        ' of a member",
        ),
        (
            make_ar(ArMember(name=b"a", body=b"x", mtime=b"")),
            "malformed mtime b'            ' of a member",
        ),
        (make_ar(ArMember(name=b"//", body=b"long/")), "member name '//              '"),
        (make_ar(ArMember(name=b"/1", body=b"x")), "member name '/1              '"),
        (make_ar(ArMember(name=b"#1/20", body=b"x")), "member name '#1/20           '"),
        (make_ar(ArMember(name=b"a\x1b[m", body=b"x")), "member name 'a\\x1b[m            '"),
        (make_ar(ArMember(name=b"", body=b"x")), "member name '                '"),
        (make_ar(*[FIRST] * 65), "more than 64 members"),
    ],
)
def test_anything_else_is_refused(raw: bytes, expected: str) -> None:
    """No byte is skipped, no number forgiven, no name table followed."""
    assert expected == problem(raw)
