"""The dynamic section: tags, and the strings they name.

gABI chapter 5, "Dynamic Section"; tag numbers from glibc's elf.h.  Strings must
end inside DT_STRSZ: a name that is silently cut or empty would be a library
silently missing from the image.  Version tables are read by `versions`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, Literal

import attrs

from imagesmith.elf import versions
from imagesmith.elf.segment import BadElfError, Segments
from imagesmith.elf.strings import Strings
from imagesmith.model.facts import Dependency, VersionNeed

MAX_DEPENDENCIES: Final = 4_096
MAX_ENTRIES: Final = 65_536
"""Of a dynamic section, padding included; the largest real ones have about 100."""

DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 5, 10, 14, 15, 29
DT_DEPAUDIT, DT_AUDIT, DT_FLAGS_1 = 0x6FFFFEFB, 0x6FFFFEFC, 0x6FFFFFFB
DT_RELR, DT_VERDEF, DT_VERNEED = 36, 0x6FFFFFFC, 0x6FFFFFFE

Kind = Literal["needed", "auxiliary", "filter"]
_KINDS: Final[dict[int, Kind]] = {1: "needed", 0x7FFFFFFD: "auxiliary", 0x7FFFFFFF: "filter"}
_NAMING: Final = frozenset(
    {DT_SONAME, DT_RPATH, DT_RUNPATH, DT_DEPAUDIT, DT_AUDIT, DT_VERDEF, DT_VERNEED, *_KINDS}
)

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
    verneed: tuple[VersionNeed, ...] = ()
    verdef: tuple[str, ...] | None = None
    relr: bool = False


def read(view: memoryview, segments: Segments, pair: struct.Struct) -> Dynamic | None:
    """Read the dynamic section made of `pair` entries; None without PT_DYNAMIC.

    Of a repeated tag the last one counts, as for ld.so.
    """
    if segments.dynamic is None:
        return None
    entries = tags(view, segments, pair)
    last = dict(entries)
    plain = Dynamic(flags_1=last.get(DT_FLAGS_1, 0), relr=DT_RELR in last)
    if _NAMING.isdisjoint(last):
        return plain
    table = strings(view, segments, last)

    def text(tag: int, what: str) -> str | None:
        return table.at(last[tag], what) if tag in last else None

    return attrs.evolve(
        plain,
        soname=text(DT_SONAME, "DT_SONAME"),
        dependencies=_dependencies(entries, table),
        rpath=text(DT_RPATH, "DT_RPATH"),
        runpath=text(DT_RUNPATH, "DT_RUNPATH"),
        audit=_audit(entries, table),
        verneed=_verneed(view, segments, last, table, pair.format[0]),
        verdef=_verdef(view, segments, last, table, pair.format[0]),
    )


def tags(view: memoryview, segments: Segments, pair: struct.Struct) -> Tags:
    """Return the entries of the dynamic section; there must be one."""
    dynamic = segments.dynamic
    assert dynamic is not None
    offset, end = segments.offset(dynamic.address, "PT_DYNAMIC")
    # ld.so follows the address, many readers the offset: both must see the same entries.
    if offset != dynamic.offset:
        raise BadElfError("offset and address of PT_DYNAMIC disagree")
    usable = min(dynamic.size, end - offset) // pair.size * pair.size
    found: list[tuple[int, int]] = []
    for tag, value in pair.iter_unpack(view[offset : offset + usable]):
        if tag == 0:
            break
        if len(found) == MAX_ENTRIES:
            raise BadElfError(f"more than {MAX_ENTRIES} dynamic entries")
        found.append((tag, value))
    return tuple(found)


def _dependencies(entries: Tags, table: Strings) -> tuple[Dependency, ...]:
    named = [(_KINDS[tag], value) for tag, value in entries if tag in _KINDS]
    if len(named) > MAX_DEPENDENCIES:
        raise BadElfError(f"more than {MAX_DEPENDENCIES} dependencies")
    found = [Dependency(kind, table.at(value, f"DT_{kind.upper()}")) for kind, value in named]
    for dependency in found:
        if not dependency.name:
            raise BadElfError(f"DT_{dependency.kind.upper()} is empty")
    return tuple(found)


def _audit(entries: Tags, table: Strings) -> tuple[str, ...]:
    values = [value for tag, value in entries if tag in (DT_AUDIT, DT_DEPAUDIT)]
    if len(values) > MAX_DEPENDENCIES:
        raise BadElfError(f"more than {MAX_DEPENDENCIES} audit modules")
    lists = [table.at(value, "DT_AUDIT") for value in values]
    return tuple(name for names in lists for name in names.split(":") if name)


def _verneed(
    view: memoryview, segments: Segments, last: Mapping[int, int], table: Strings, order: str
) -> tuple[VersionNeed, ...]:
    if DT_VERNEED not in last:
        return ()
    rest = segments.rest(view, last[DT_VERNEED], "DT_VERNEED")
    found: dict[str, list[versions.Need]] = {}
    for need in versions.needs(rest, order, table):
        found.setdefault(need.file, []).append(need)
    return tuple(
        VersionNeed(
            file,
            tuple(need.version for need in needs),
            tuple(need.version for need in needs if need.weak),
        )
        for file, needs in found.items()
    )


def _verdef(
    view: memoryview, segments: Segments, last: Mapping[int, int], table: Strings, order: str
) -> tuple[str, ...] | None:
    if DT_VERDEF not in last:
        return None
    rest = segments.rest(view, last[DT_VERDEF], "DT_VERDEF")
    return tuple(definition.version for definition in versions.definitions(rest, order, table))


def strings(view: memoryview, segments: Segments, last: Mapping[int, int]) -> Strings:
    """Return the string table that the entries name."""
    if DT_STRTAB not in last:
        raise BadElfError("names without DT_STRTAB")
    start, end = segments.offset(last[DT_STRTAB], "DT_STRTAB")
    size = last.get(DT_STRSZ, end - start)
    if size > end - start:
        raise BadElfError("DT_STRSZ reaches beyond its segment")
    return Strings(view, start, size)
