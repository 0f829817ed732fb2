"""The dynamic section: tags, and the strings they name.

gABI chapter 5, "Dynamic Section"; tag numbers from glibc's elf.h.  Strings must
end inside DT_STRSZ: a name that is silently cut or empty would be a library
silently missing from the image.
"""

from __future__ import annotations

import struct
from typing import Final, Literal

import attrs

from imagesmith.elf.segment import BadElfError, Segments
from imagesmith.model.facts import Dependency

MAX_DEPENDENCIES: Final = 4_096
MAX_ENTRIES: Final = 65_536
"""Of a dynamic section, padding included; the largest real ones have about 100."""
MAX_STRING: Final = 65_536
"""Far above any real RUNPATH; keeps thousands of endless names from costing seconds."""

DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 5, 10, 14, 15, 29
DT_DEPAUDIT, DT_AUDIT, DT_FLAGS_1 = 0x6FFFFEFB, 0x6FFFFEFC, 0x6FFFFFFB

Kind = Literal["needed", "auxiliary", "filter"]
_KINDS: Final[dict[int, Kind]] = {1: "needed", 0x7FFFFFFD: "auxiliary", 0x7FFFFFFF: "filter"}
_NAMING: Final = frozenset({DT_SONAME, DT_RPATH, DT_RUNPATH, DT_DEPAUDIT, DT_AUDIT, *_KINDS})

Tags = tuple[tuple[int, int], ...]
"""(d_tag, d_val) in file order, without DT_NULL."""


@attrs.frozen
class Dynamic:
    """What the dynamic section says, where it says it."""

    soname: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0
    audit: tuple[str, ...] = ()


def read(view: memoryview, segments: Segments, pair: struct.Struct) -> Dynamic | None:
    """Read the dynamic section made of `pair` entries; None without PT_DYNAMIC.

    Of a repeated tag the last one counts, as for ld.so.
    """
    if segments.dynamic is None:
        return None
    tags = _tags(view, segments, pair)
    last = dict(tags)
    flags_1 = last.get(DT_FLAGS_1, 0)
    if _NAMING.isdisjoint(last):
        return Dynamic(flags_1=flags_1)
    strings = _strings(view, segments, last)

    def text(tag: int, what: str) -> str | None:
        return strings.at(last[tag], what) if tag in last else None

    return Dynamic(
        soname=text(DT_SONAME, "DT_SONAME"),
        dependencies=_dependencies(tags, strings),
        rpath=text(DT_RPATH, "DT_RPATH"),
        runpath=text(DT_RUNPATH, "DT_RUNPATH"),
        flags_1=flags_1,
        audit=_audit(tags, strings),
    )


def _tags(view: memoryview, segments: Segments, pair: struct.Struct) -> Tags:
    dynamic = segments.dynamic
    assert dynamic is not None
    offset, end = segments.offset(dynamic.address, "PT_DYNAMIC")
    # ld.so follows the address, many readers the offset: both must see the same entries.
    if offset != dynamic.offset:
        raise BadElfError("offset and address of PT_DYNAMIC disagree")
    usable = min(dynamic.size, end - offset) // pair.size * pair.size
    tags: list[tuple[int, int]] = []
    for tag, value in pair.iter_unpack(view[offset : offset + usable]):
        if tag == 0:
            break
        if len(tags) == MAX_ENTRIES:
            raise BadElfError(f"more than {MAX_ENTRIES} dynamic entries")
        tags.append((tag, value))
    return tuple(tags)


def _dependencies(tags: Tags, strings: _Strings) -> tuple[Dependency, ...]:
    named = [(_KINDS[tag], value) for tag, value in tags if tag in _KINDS]
    if len(named) > MAX_DEPENDENCIES:
        raise BadElfError(f"more than {MAX_DEPENDENCIES} dependencies")
    found = [Dependency(kind, strings.at(value, f"DT_{kind.upper()}")) for kind, value in named]
    for dependency in found:
        if not dependency.name:
            raise BadElfError(f"DT_{dependency.kind.upper()} is empty")
    return tuple(found)


def _audit(tags: Tags, strings: _Strings) -> tuple[str, ...]:
    values = [value for tag, value in tags if tag in (DT_AUDIT, DT_DEPAUDIT)]
    if len(values) > MAX_DEPENDENCIES:
        raise BadElfError(f"more than {MAX_DEPENDENCIES} audit modules")
    lists = [strings.at(value, "DT_AUDIT") for value in values]
    return tuple(name for names in lists for name in names.split(":") if name)


@attrs.frozen
class _Strings:
    """The dynamic string table."""

    view: memoryview
    start: int
    size: int

    def at(self, offset: int, what: str) -> str:
        """Return the string at `offset`; it must end inside the table."""
        if offset >= self.size:
            raise BadElfError(f"{what} points beyond DT_STRSZ")
        place, end = self.start + offset, self.start + min(self.size, offset + MAX_STRING)
        length = 64  # most names are shorter; a slice of the whole table would be copied
        while True:
            text, nul, _ = bytes(self.view[place : min(place + length, end)]).partition(b"\0")
            if nul:
                return text.decode("utf-8", "surrogateescape")
            if place + length >= end:
                raise BadElfError(f"{what} is not NUL-terminated")
            length *= 8


def _strings(view: memoryview, segments: Segments, last: dict[int, int]) -> _Strings:
    if DT_STRTAB not in last:
        raise BadElfError("names without DT_STRTAB")
    start, end = segments.offset(last[DT_STRTAB], "DT_STRTAB")
    size = last.get(DT_STRSZ, end - start)
    if size > end - start:
        raise BadElfError("DT_STRSZ reaches beyond its segment")
    return _Strings(view, start, size)
