"""The Debian package format 2.0 (deb(5)), as a door to what is inside.

A .deb is an ar archive of exactly `debian-binary`, `control.tar` and `data.tar`
in this order; members whose names start with an underscore may stand before
the last one, nothing may follow it, and what a member's extension says of its
compression must be true.  The package's digest was checked before it came here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from imagesmith import compression
from imagesmith.compression import Kind
from imagesmith.errors import MalformedArtefact
from imagesmith.unpack import ar
from imagesmith.unpack import control as control_archive
from imagesmith.unpack.ar import Member
from imagesmith.unpack.control import Control, check_identity
from imagesmith.unpack.paths import Refused

__all__ = ["Control", "Deb", "Part", "check_identity", "control", "open_deb", "payload"]

MAX_CONTROL = 64 * 1024 * 1024
"""Bytes of a control archive; the checksums of 100,000 files take about 10 MiB."""

_VERSION = re.compile(rb"2\.[0-9]+\n\Z")
_CONTROL: dict[str, Kind] = {
    "control.tar": "none",
    "control.tar.gz": "gzip",
    "control.tar.xz": "xz",
    "control.tar.zst": "zstd",
}
_PAYLOAD: dict[str, Kind] = {
    "data.tar": "none",
    "data.tar.gz": "gzip",
    "data.tar.xz": "xz",
    "data.tar.zst": "zstd",
    "data.tar.bz2": "bzip2",
    "data.tar.lzma": "lzma",
}
_HEAD = 8
"""Bytes that tell how something is compressed."""


@attrs.frozen
class Part:
    """A compressed archive inside a package."""

    member: Member
    kind: Kind


@attrs.frozen(kw_only=True)
class Deb:
    """Where the parts of a package lie."""

    control: Part
    payload: Part
    """data.tar."""
    built: int
    """When the package was built: the mtime of its first member, in seconds."""


def open_deb(view: memoryview, *, artefact: str) -> Deb:
    """Find the parts of the package `view`; MalformedArtefact unless it is one."""
    members = ar.members(view, artefact=artefact)
    try:
        return _opened(view, members)
    except Refused as error:
        raise MalformedArtefact(artefact=artefact, member="", problem=str(error)) from None


def control(view: memoryview, deb: Deb, *, artefact: str) -> Control:
    """Read the control archive of the package `view`."""
    chunks = _decompressed(view, deb.control, artefact=artefact, limit=MAX_CONTROL)
    return control_archive.from_archive(b"".join(chunks), artefact=artefact)


def payload(view: memoryview, deb: Deb, *, artefact: str, limit: int) -> Iterator[bytes]:
    """Yield the decompressed data.tar, whole and at most `limit` bytes, or MalformedArtefact."""
    return _decompressed(view, deb.payload, artefact=artefact, limit=limit)


def _opened(view: memoryview, members: tuple[Member, ...]) -> Deb:
    if not members or members[0].name != "debian-binary":
        raise Refused("debian-binary is not the first member")
    if not _VERSION.match(bytes(members[0].slice(view))):
        raise Refused("not a package of format 2")
    control_part, rest = _part(view, members[1:], _CONTROL)
    payload_part, rest = _part(view, rest, _PAYLOAD)
    if rest:
        raise Refused(f"{rest[0].name} after {payload_part.member.name}")
    return Deb(control=control_part, payload=payload_part, built=members[0].mtime)


def _part(
    view: memoryview, members: tuple[Member, ...], kinds: dict[str, Kind]
) -> tuple[Part, tuple[Member, ...]]:
    """Return the first member that counts, which must be named in `kinds`, and those after it."""
    while members and members[0].name.startswith("_"):
        members = members[1:]
    wanted = next(iter(kinds))
    if not members:
        raise Refused(f"{wanted} is missing")
    member = members[0]
    kind = kinds.get(member.name)
    if kind is None:
        raise Refused(f"expected {wanted}, found {member.name}")
    if compression.kind_of(bytes(member.slice(view)[:_HEAD])) != kind:
        raise Refused(f"{member.name} is not what its name says")
    return Part(member, kind), members[1:]


def _decompressed(view: memoryview, part: Part, *, artefact: str, limit: int) -> Iterator[bytes]:
    what = f"{artefact}: {part.member.name}"
    return compression.decompressed([part.member.slice(view)], part.kind, what=what, limit=limit)
