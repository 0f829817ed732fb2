"""The symbols one object defines, and those it wants of others.

DT_SYMTAB is read in bulk, without section headers.  What a symbol is worth to a
lookup is decided here (elf/dl-lookup.c, `check_match`; musl's `find_sym2`); only
names remain, in sets that can be compared with one another at once.  A name is
bytes, as in the file; one with a version is followed by NUL and the version.

`references` is for the few names that nothing defines: it reads the
relocations, which say when a name is looked up, if it ever is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import attrs

from imagesmith.elf import dynamic, symtab, versions
from imagesmith.elf.machine import MIPS
from imagesmith.elf.relocations import Relocated, is_bound_at_once, relocated
from imagesmith.elf.segment import BadElfError
from imagesmith.elf.tables import Tables, tables
from imagesmith.model.facts import Elf, MalformedElf

Names = frozenset[bytes]
Moment = Literal["load", "call"]
"""When a name is looked up: when its object is loaded, or when it is first called."""

_DT_VERSYM, _DT_MIPS_GOTSYM = 0x6FFFFFF0, 0x70000013
_GLOBAL, _WEAK, _UNIQUE = 1, 2, 10
_TLS: Final = 6
_DEFINING_TYPES: Final = frozenset({0, 1, 2, 5, _TLS, 10})
"""STT_NOTYPE, OBJECT, FUNC, COMMON, TLS and GNU_IFUNC: code or variables."""
_LOPROC: Final = 13
"""STT_LOPROC: the meaning of the rest is the processor's, such as registers on SPARC."""
_SHN_ABS: Final = 0xFFF1
_DEFINES: Final = tuple(
    info >> 4 in (_GLOBAL, _WEAK, _UNIQUE) and info & 15 in _DEFINING_TYPES for info in range(256)
)
"""By st_info."""
_WANTS: Final = tuple(
    info >> 4 in (_GLOBAL, _UNIQUE) and info & 15 < _LOPROC for info in range(256)
)
"""By st_info; a weak reference may stay unresolved."""
_INSIDE: Final = (False, True, True, False)
"""By visibility: STV_INTERNAL and STV_HIDDEN concern no other object."""
_HIDDEN: Final = 0x8000
"""In DT_VERSYM: not the version that references without one mean."""
_FIRST: Final = 3
"""Indices below it are local, global and the first version: hidden or not, glibc takes them."""


@attrs.frozen(eq=False)
class Symbols:
    """One object's names, by what they are good for."""

    shown: Names = frozenset()
    """Defined and not hidden: what a reference without a version means."""
    early: Names = frozenset()
    """Hidden, but of the first version: glibc takes it for such a reference too."""
    plain: Names = frozenset()
    """Shown and without a version: glibc takes it for a reference with any."""
    exact: Names = frozenset()
    """Defined with a version."""
    versioned: Names = frozenset()
    """Wanted with a version."""
    unversioned: Names = frozenset()
    """Wanted without one."""


NONE: Final = Symbols()


def read(view: memoryview, elf: Elf) -> Symbols | MalformedElf:
    """Read the symbols of a file with these facts."""
    try:
        found = tables(view, elf)
        return NONE if found is None or symtab.DT_SYMTAB not in found.last else _read(found)
    except BadElfError as error:
        return MalformedElf(str(error))


def references(view: memoryview, elf: Elf) -> Mapping[bytes, Moment] | MalformedElf:
    """Say of each wanted name when it is looked up; a name no relocation uses is left out."""
    try:
        found = tables(view, elf)
        return {} if found is None or symtab.DT_SYMTAB not in found.last else _references(found)
    except BadElfError as error:
        return MalformedElf(str(error))


def _read(found: Tables) -> Symbols:
    total = symtab.count(found)
    strings, bearing = symtab.strings(found), _Versions.of(found, total)
    defined: list[tuple[int, int]] = []
    wanted: list[tuple[int, int]] = []
    for index, (name, info, other, section, value) in enumerate(symtab.rows(found, total)):
        if _INSIDE[other & 3]:
            continue
        if not section:
            if _WANTS[info]:
                wanted.append((name, index))
        elif _DEFINES[info] and (value or info & 15 == _TLS or section == _SHN_ABS):
            defined.append((name, index))
    versioned, unversioned = _split(_keys(strings, wanted, bearing))
    names = symtab.names(strings, [name for name, _ in defined])
    wants = Symbols(versioned=versioned, unversioned=unversioned)
    if bearing is None:
        shown = frozenset(names)
        return attrs.evolve(wants, shown=shown, plain=shown)
    return _with_versions(wants, bearing, names, [index for _, index in defined])


def _references(found: Tables) -> dict[bytes, Moment]:
    total = symtab.count(found)
    uses = _with_got(found, relocated(found))
    rows = enumerate(symtab.rows(found, total))
    wanted = [(row[0], index) for index, row in rows if not row[3] and _WANTS[row[1]]]
    keys = _keys(symtab.strings(found), wanted, _Versions.of(found, total))
    moments: dict[bytes, Moment] = {}
    for key, index in keys:
        if index in uses.eager:
            moments[key] = "load"
        elif index in uses.lazy:
            moments.setdefault(key, "call")
    return moments


def _with_got(found: Tables, uses: Relocated) -> Relocated:
    """Add what MIPS looks up for its global offset table: with a stub it can wait for a call."""
    first = found.last.get(_DT_MIPS_GOTSYM)
    if found.elf.machine != MIPS or first is None:
        return uses
    rows = enumerate(symtab.rows(found, symtab.count(found)))
    entries = [(index, bool(row[4])) for index, row in rows if index >= first and not row[3]]
    now = is_bound_at_once(found)
    eager = {index for index, has_stub in entries if now or not has_stub}
    lazy = {index for index, has_stub in entries if has_stub and not now}
    return Relocated(eager=uses.eager | eager, lazy=uses.lazy | lazy)


@attrs.frozen(eq=False)
class _Versions:
    """What DT_VERSYM says of each symbol."""

    numbers: Sequence[int]
    """By the symbol's index: a version's index, with `_HIDDEN`."""
    suffixes: Mapping[int, bytes]
    """NUL and name, by the version's index; there is none for local and global."""

    @classmethod
    def of(cls, found: Tables, total: int) -> _Versions | None:
        """Read the tables; None if the object has no versions, as `_dl_check_map_versions` does."""
        if _DT_VERSYM not in found.last:
            return None
        named = dict(_numbered(found))
        if not named:
            return None
        numbers = found.array("H", _DT_VERSYM, total, "DT_VERSYM")
        return cls(
            numbers,
            {
                index: b"\0" + name.encode("utf-8", "surrogateescape")
                for index, name in named.items()
                if name is not None
            },
        )


def _numbered(found: Tables) -> Iterator[tuple[int, str | None]]:
    """Yield index and name of each version; None for the object's own name."""
    table = dynamic.strings(found.view, found.segments, found.last)
    if dynamic.DT_VERDEF in found.last:
        rest = found.rest(dynamic.DT_VERDEF, "DT_VERDEF")
        for each in versions.definitions(rest, found.order, table):
            yield each.index, None if each.is_base else each.version
    if dynamic.DT_VERNEED in found.last:
        rest = found.rest(dynamic.DT_VERNEED, "DT_VERNEED")
        for need in versions.needs(rest, found.order, table):
            yield need.index, need.version


def _keys(
    strings: bytes, wanted: Sequence[tuple[int, int]], bearing: _Versions | None
) -> Iterator[tuple[bytes, int]]:
    """Yield each wanted name, with its version if it has one, and the symbol's index."""
    names = symtab.names(strings, [name for name, _ in wanted])
    for name, (_, index) in zip(names, wanted, strict=True):
        suffix = b""
        if bearing is not None:
            suffix = bearing.suffixes.get(bearing.numbers[index] & versions.INDEX, b"")
        yield name + suffix, index


def _split(keys: Iterable[tuple[bytes, int]]) -> tuple[Names, Names]:
    """Separate names with a version from names without."""
    found = frozenset(key for key, _ in keys if key)
    versioned = frozenset(key for key in found if b"\0" in key)
    return versioned, found - versioned


def _with_versions(
    wants: Symbols, bearing: _Versions, names: Sequence[bytes], indices: Sequence[int]
) -> Symbols:
    """Add definitions, each as its version has it."""
    numbers = [bearing.numbers[index] for index in indices]
    suffixes = {
        number: bearing.suffixes[number & versions.INDEX]
        for number in set(numbers)
        if number & versions.INDEX in bearing.suffixes
    }
    pairs = list(zip(names, numbers, strict=True))
    return attrs.evolve(
        wants,
        shown=frozenset({name for name, number in pairs if number < _HIDDEN}),
        early=frozenset({name for name, number in pairs if _HIDDEN <= number < _HIDDEN + _FIRST}),
        plain=frozenset(
            {name for name, number in pairs if number < _HIDDEN and number not in suffixes}
        ),
        exact=frozenset({name + suffixes[number] for name, number in pairs if number in suffixes}),
    )
