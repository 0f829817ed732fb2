"""Two tar archives side by side: the first member and field in which they differ.

Order counts, and so does every byte: where all members say the same, in their fields
and their bodies, what is left is how headers are written.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagesmith.model.text import printable
from imagesmith.unpack import tar
from imagesmith.unpack.header import Header

_PIECE = 65536
"""Bytes that are compared at once."""
_EXCERPT = 24
"""Bytes shown from where contents part."""


@attrs.frozen
class Parting:
    """Where two tars part; its texts are safe to print."""

    member: str = attrs.field(converter=printable)
    """A name as the archive has it, or empty."""
    field: str
    """`member`, `order`, a header's field, `content`, `size` or `bytes`."""
    one: str = attrs.field(converter=printable)
    other: str = attrs.field(converter=printable)


def first(one: memoryview, other: memoryview, *, name: str) -> Parting | None:
    """Return the first difference of two tars, None if there is none; `name` is of both.

    MalformedArtefact if one of them cannot be read.
    """
    if one == other:
        return None
    ours, theirs = (list(tar.entries(view, artefact=name)) for view in (one, other))
    named = [{header.name for header in headers} for headers in (ours, theirs)]
    for here, there in zip(ours, theirs, strict=False):
        if here.name != there.name:
            return _misplaced(here.name, there.name, named)
        found = next(_fields(here, there), None) or _body(here, there, one, other)
        if found:
            return found
    if len(ours) != len(theirs):
        rest = ours[len(theirs) :] or theirs[len(ours) :]
        return _only(rest[0].name, is_first=len(ours) > len(theirs))
    at = parting(one, other)
    last = next((header.name for header in ours if header.end > at), "")
    return Parting(last, "bytes", _shown(one, at), _shown(other, at))


def parting(one: memoryview, other: memoryview) -> int:
    """Return the offset of the first byte that is another, or where the shorter one ends."""
    shorter = min(len(one), len(other))
    for start in range(0, shorter, _PIECE):
        end = min(start + _PIECE, shorter)
        ours, theirs = bytes(one[start:end]), bytes(other[start:end])
        if ours != theirs:
            return start + next(at for at in range(len(ours)) if ours[at] != theirs[at])
    return shorter


def _misplaced(here: str, there: str, named: list[set[str]]) -> Parting:
    """Say which member is missing, of two the one whose name comes first, or stands elsewhere."""
    missing = [(here, True)] if here not in named[1] else []
    missing += [(there, False)] if there not in named[0] else []
    if missing:
        name, is_first = min(missing)
        return _only(name, is_first=is_first)
    return Parting(here, "order", here, there)


def _only(name: str, *, is_first: bool) -> Parting:
    one, other = ("present", "missing") if is_first else ("missing", "present")
    return Parting(name, "member", one, other)


def _fields(here: Header, there: Header) -> Iterator[Parting]:
    """Yield the fields in which two headers of one name differ."""
    for field, ours, theirs in (
        ("type", here.type, there.type),
        ("mode", f"{here.mode:04o}", f"{there.mode:04o}"),
        ("uid", str(here.uid), str(there.uid)),
        ("gid", str(here.gid), str(there.gid)),
        ("mtime", str(here.mtime), str(there.mtime)),
        ("link", here.link, there.link),
        ("uname", here.uname, there.uname),
        ("gname", here.gname, there.gname),
        ("pax records", str(here.records), str(there.records)),
    ):
        if ours != theirs:
            yield Parting(here.name, field, ours or "none", theirs or "none")


def _body(here: Header, there: Header, one: memoryview, other: memoryview) -> Parting | None:
    ours = one[here.offset : here.offset + here.size]
    theirs = other[there.offset : there.offset + there.size]
    if ours == theirs:
        return None
    at = parting(ours, theirs)
    if at < min(here.size, there.size):
        return Parting(here.name, "content", _shown(ours, at), _shown(theirs, at))
    return Parting(here.name, "size", str(here.size), str(there.size))


def _shown(view: memoryview, at: int) -> str:
    return f"{bytes(view[at : at + _EXCERPT])!r} at byte {at}"
