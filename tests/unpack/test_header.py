"""One tar header: numbers, checksums and names."""

from __future__ import annotations

import attrs
import pytest
from builders.tar import GNU, Raw
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.unpack.header import Header, header_at, number
from imagesmith.unpack.paths import Refused


def read(raw: Raw) -> Header | None:
    """Return the header of `raw` alone."""
    return header_at(memoryview(raw.to_bytes()), 0)


def test_every_field_is_read() -> None:
    """A ustar header says what its fields say."""
    raw = Raw(name=b"n", prefix=b"p", mode=0o4755, uid=7, gid=8, mtime=9, link=b"l", body=b"abc")

    assert Header(
        name="p/n",
        type="0",
        mode=0o4755,
        uid=7,
        gid=8,
        size=3,
        mtime=9,
        link="l",
        uname="root",
        gname="root",
        offset=512,
    ) == read(raw)


def test_bodies_are_padded() -> None:
    """The next header starts at a multiple of 512."""
    ends = [header.end for size in (0, 1, 512, 513) if (header := read(Raw(name=b"n", size=size)))]

    assert ends == [512, 1024, 1024, 1536]


def test_the_prefix_of_a_gnu_header_is_no_prefix() -> None:
    """GNU tar keeps other fields there."""
    header = read(Raw(name=b"n", prefix=b"p", magic=GNU))

    assert header is not None
    assert header.name == "n"


def test_names_end_at_their_first_nul() -> None:
    """What follows was left there by careless writers."""
    header = read(Raw(name=b"n\0rest", type=b"\0"))

    assert header is not None
    assert (header.name, header.type) == ("n", "0")


def test_zeros_are_no_header() -> None:
    """They end the archive."""
    assert None is header_at(memoryview(bytes(512)), 0)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (Raw(name=b"n", checksum=b"000001\0 "), "header checksum does not match"),
        (Raw(name=b"n", checksum=b""), "header checksum does not match"),
        (Raw(name=b"n", magic=bytes(8)), "neither a ustar nor a GNU header"),
        (Raw(name=b"n", magic=b"ustar\x0001"), "neither a ustar nor a GNU header"),
        (Raw(name=b"n", size=b"-1"), "malformed size field b'-1\\x00\\x00"),
        (Raw(name=b"n", size=b"\xff" * 12), "negative size"),
    ],
)
def test_bad_headers_are_refused(raw: Raw, expected: str) -> None:
    """A header is right in full or not used (hostile-inputs C15, C18)."""
    with pytest.raises(Refused) as caught:
        read(raw)

    assert str(caught.value).startswith(expected)


def test_a_cut_header_is_refused() -> None:
    """An archive cannot just end."""
    with pytest.raises(Refused, match="ends without"):
        header_at(memoryview(bytes(511)), 0)


@settings(deadline=None)
@given(st.integers(0, 511), st.integers(1, 255))
def test_any_changed_byte_is_noticed(position: int, difference: int) -> None:
    """The checksum covers every byte; those of the checksum itself may be respelled."""
    raw = bytearray(Raw(name=b"name", mode=0o755, body=b"x").to_bytes())
    before = header_at(memoryview(bytes(raw)), 0)
    raw[position] ^= difference
    try:
        after = header_at(memoryview(bytes(raw)), 0)
    except Refused:
        return

    assert 148 <= position < 156
    assert before == after


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"0000644\0", 0o644),
        (b"   644 \0", 0o644),
        (b"644     ", 0o644),
        (b"00000644", 0o644),
        (bytes(8), 0),
        (b"        ", 0),
        (b"\x80" + bytes(6) + b"\x05", 5),
        (b"\x80\0\0\0\x01\0\0\0", 1 << 24),
    ],
)
def test_numbers_are_octal_or_base_256(field: bytes, expected: int) -> None:
    """Blanks before, blanks and NULs behind, nothing at all: all are in use."""
    assert expected == number(field, "size")


@pytest.mark.parametrize(
    "field",
    [
        b"0000648\0",
        b"+644\0\0\0\0",
        b"6_4\0\0\0\0\0",
        b"\0000644\0",
        b"0o644\0\0\0",
        b"6 4\0\0\0\0\0",
    ],
)
def test_other_spellings_are_refused(field: bytes) -> None:
    """Python's int would take some of them, other readers some others."""
    with pytest.raises(Refused, match="malformed size field"):
        number(field, "size")


def test_a_time_may_be_negative() -> None:
    """Files from before 1970 exist (hostile-inputs C20)."""
    header = read(Raw(name=b"n", mtime=(-(10**20)).to_bytes(12, "big", signed=True)))

    assert header is not None
    assert header.mtime == -(10**20)


def test_headers_are_values() -> None:
    """They compare by what they say."""
    header = read(Raw(name=b"n"))

    assert header is not None
    assert header == attrs.evolve(header)
