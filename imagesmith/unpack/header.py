"""One tar header: 512 bytes, read strictly.

ustar and GNU headers are understood (POSIX.1-2024 pax, "ustar Interchange
Format"; GNU tar manual, "Basic Tar Format"); older ones without a magic are
not.  Every checksum is verified.  Problems are `Refused`, without a place: `tar`
knows where in which archive it was.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from zlib import adler32

import attrs

from imagesmith.unpack.paths import Refused, decoded

BLOCK = 512
"""Bytes of a header; bodies are padded to a multiple of it."""

_ZERO = bytes(BLOCK)
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_USTAR = b"ustar\x0000"
_GNU = b"ustar  \0"


@attrs.frozen(kw_only=True)
class Header:
    """A member as its headers describe it; names verbatim, no rule applied yet."""

    name: str
    type: str
    """The typeflag: `0` file, `1` hard link, `2` symbolic link, `5` directory, and others."""
    mode: int
    uid: int
    gid: int
    size: int
    """Bytes of the body."""
    mtime: int
    link: str
    uname: str
    gname: str
    records: tuple[tuple[str, bytes], ...] = ()
    """The PAX records that apply to this member alone, in their order."""
    offset: int
    """Where the body starts."""

    @property
    def end(self) -> int:
        """Where the next header starts."""
        return self.offset + (self.size + BLOCK - 1) // BLOCK * BLOCK


def header_at(view: memoryview, position: int) -> Header | None:
    """Read the header at `position`; None for a block of zeros, ValueError for a bad one."""
    block = bytes(view[position : position + BLOCK])
    if len(block) < BLOCK:
        raise Refused("the archive ends without its end-of-archive blocks")
    if block == _ZERO:
        return None
    (name, mode, uid, gid, size, mtime, checksum, kind, link, magic, uname, gname, _, _, prefix) = (
        _FIELDS.unpack(block)
    )
    if number(checksum, "checksum") != _sum(block) - sum(checksum) + 8 * ord(" "):
        raise Refused("header checksum does not match")
    if magic not in (_USTAR, _GNU):
        raise Refused("neither a ustar nor a GNU header")
    path = _text(name)
    if magic == _USTAR and prefix[0]:
        path = f"{_text(prefix)}/{path}"
    return Header(
        name=path,
        type="0" if kind == b"\0" else kind.decode("latin-1"),
        mode=number(mode, "mode"),
        uid=number(uid, "uid"),
        gid=number(gid, "gid"),
        size=number(size, "size"),
        mtime=number(mtime, "mtime", signed=True),
        link=_text(link),
        uname=_text(uname),
        gname=_text(gname),
        offset=position + BLOCK,
    )


@lru_cache(maxsize=1024)  # modes, owners and times repeat from member to member
def number(field: bytes, name: str, *, signed: bool = False) -> int:
    """Read a numeric field: octal digits, or GNU's base-256 where they do not suffice.

    An empty field is zero, as everywhere.  Signs, inner white space and
    whatever else Python's `int` would forgive are not.
    """
    if field[0] & 0x80:
        return _base256(field, name, signed=signed)
    digits = field.rstrip(b" \0").lstrip(b" ")
    if digits.isdigit() and b"8" not in digits and b"9" not in digits:
        return int(digits, 8)
    if not digits:
        return 0
    raise Refused(f"malformed {name} field {field!r}")


def _base256(field: bytes, name: str, *, signed: bool) -> int:
    """Read a big-endian two's complement number whose first bit only marks it."""
    bits = 8 * len(field) - 1
    value = int.from_bytes(field, "big") & ((1 << bits) - 1)
    if not value >> (bits - 1):
        return value
    if not signed:
        raise Refused(f"negative {name}")
    return value - (1 << bits)


def _sum(block: bytes) -> int:
    """Add up the bytes of a block.

    The low half of Adler-32 is one more than the sum of the bytes, modulo
    65,521, which 256 bytes cannot reach: twelve times as fast as `sum`.
    """
    middle = BLOCK // 2
    return (adler32(block[:middle]) & 0xFFFF) + (adler32(block[middle:]) & 0xFFFF) - 2


def _text(field: bytes) -> str:
    return decoded(field.partition(b"\0")[0])
