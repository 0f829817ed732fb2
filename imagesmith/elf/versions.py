"""Version tables: which versions a file needs of others, and which it defines.

gABI has none; the LSB does ("Symbol Versioning", Core, chapter 10), and
elf/dl-version.c walks them: both are chains of relative offsets that only lead
forwards and end with zero, so a walk is bounded by the table's segment and by
`MAX_VERSIONS`.  The entry counts in the dynamic section are ignored, as by the
loader.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import attrs

from imagesmith.elf.segment import BadElfError
from imagesmith.elf.strings import Strings

MAX_VERSIONS: Final = 4_096
"""Entries of one table; libstdc++ defines about 50, LibreOffice needs a few hundred."""
VER_FLG_BASE: Final = 0x1
VER_FLG_WEAK: Final = 0x2
INDEX: Final = 0x7FFF
"""The bits of a version index; the one above says hidden."""

_VERNEED, _VERNAUX, _VERDEF, _VERDAUX = "HHIII", "IHHII", "HHHHIII", "II"


@attrs.frozen
class Need:
    """One Vernaux entry."""

    file: str
    version: str
    weak: bool
    index: int


@attrs.frozen
class Definition:
    """One Verdef entry."""

    version: str
    is_base: bool
    """Whether it is the file's own name, which no symbol bears."""
    index: int


def needs(table: memoryview, order: str, strings: Strings) -> Iterator[Need]:
    """Yield what DT_VERNEED leads to; `order` is the byte order as `struct` writes it."""
    chain = _Chain(table, "DT_VERNEED")
    for place, (revision, _, name, first, _) in chain.walk(0, struct.Struct(order + _VERNEED)):
        chain.check(revision)
        file = strings.at(name, "vn_file")
        for _, entry in chain.walk(place + first, struct.Struct(order + _VERNAUX)):
            _hash, flags, index, version, _ = entry
            weak = bool(flags & VER_FLG_WEAK)
            yield Need(file, strings.at(version, "vna_name"), weak, index & INDEX)


def definitions(table: memoryview, order: str, strings: Strings) -> Iterator[Definition]:
    """Yield what DT_VERDEF leads to."""
    chain = _Chain(table, "DT_VERDEF")
    layout, name = struct.Struct(order + _VERDEF), struct.Struct(order + _VERDAUX)
    for place, (revision, flags, index, _, _, first, _) in chain.walk(0, layout):
        chain.check(revision)
        at, _ = chain.entry(place + first, name)
        is_base = bool(flags & VER_FLG_BASE)
        yield Definition(strings.at(at, "vda_name"), is_base, index & INDEX)


@attrs.define
class _Chain:
    """A table of entries whose last field leads to the next one."""

    table: memoryview
    what: str
    walked: int = 0

    def walk(self, place: int, layout: struct.Struct) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield each entry of a chain with its place."""
        while True:
            self.walked += 1
            if self.walked > MAX_VERSIONS:
                raise BadElfError(f"more than {MAX_VERSIONS} entries in {self.what}")
            entry = self.entry(place, layout)
            yield place, entry
            if entry[-1] == 0:
                return
            place += entry[-1]

    def check(self, revision: int) -> None:
        """Refuse what the loader refuses: vn_version and vd_version are 1."""
        if revision != 1:
            raise BadElfError(f"unsupported version {revision} of {self.what}")

    def entry(self, place: int, layout: struct.Struct) -> tuple[int, ...]:
        """Return the entry at `place`."""
        if place + layout.size > len(self.table):
            raise BadElfError(f"{self.what} reaches beyond its segment")
        return layout.unpack_from(self.table, place)
