"""The ar archive, as .debs use it (deb(5); `!<arch>` with 16-byte names).

Every byte is accounted for: members follow each other to the end, odd ones are
padded with a line feed.  The name tables of GNU and BSD ar, which .debs never
use, are refused, as are signs and blanks in numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from imagesmith.errors import MalformedArtefact
from imagesmith.unpack.paths import Refused, decoded

MAX_MEMBERS = 64
"""A .deb has three, and perhaps a few of someone's own."""

_MAGIC = b"!<arch>\n"
_HEADER = struct.Struct("16s12s6s6s8s10s2s")
"""Name, mtime, uid, gid, mode, size and `_TRAILER`, each padded with blanks."""
_TRAILER = b"`\n"


@attrs.frozen
class Member:
    """One member of an ar archive."""

    name: str
    """Without the slash some writers end it with."""
    offset: int
    """Where its bytes start."""
    size: int
    mtime: int

    def slice(self, view: memoryview) -> memoryview:
        """Return the member's bytes in the archive `view`."""
        return view[self.offset : self.offset + self.size]


def members(view: memoryview, *, artefact: str) -> tuple[Member, ...]:
    """Return the members of the archive `view`, in order; MalformedArtefact if it is none."""
    try:
        return tuple(_members(view))
    except Refused as error:
        raise MalformedArtefact(artefact=artefact, member="", problem=str(error)) from None


def _members(view: memoryview) -> Iterator[Member]:
    if bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise Refused("not an ar archive")
    position = len(_MAGIC)
    for _ in range(MAX_MEMBERS):
        if position == len(view):
            return
        member = _member_at(view, position)
        yield member
        position = _end(view, member)
    raise Refused(f"more than {MAX_MEMBERS} members")


def _member_at(view: memoryview, position: int) -> Member:
    raw = bytes(view[position : position + _HEADER.size])
    if len(raw) < _HEADER.size or not raw.endswith(_TRAILER):
        raise Refused(f"no member header at byte {position}")
    name, mtime, _, _, _, size, _ = _HEADER.unpack(raw)
    member = Member(
        name=_name(name),
        offset=position + _HEADER.size,
        size=_number(size, "size"),
        mtime=_number(mtime, "mtime"),
    )
    if member.offset + member.size > len(view):
        raise Refused(f"{member.name} is cut short")
    return member


def _name(field: bytes) -> str:
    name = decoded(field.rstrip(b" ").removesuffix(b"/"))
    if not name or "/" in name or " " in name or not name.isprintable():
        raise Refused(f"member name {decoded(field)!r}")
    return name


def _number(field: bytes, name: str) -> int:
    digits = field.rstrip(b" ")
    if not digits.isdigit():
        raise Refused(f"malformed {name} {field!r} of a member")
    return int(digits)


def _end(view: memoryview, member: Member) -> int:
    """Return where the next member's header starts, behind the padding."""
    end = member.offset + member.size
    if member.size % 2 == 0:
        return end
    if bytes(view[end : end + 1]) != b"\n":
        raise Refused(f"{member.name} is not padded to an even length")
    return end + 1
