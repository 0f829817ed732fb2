"""The table of an object's symbols: how long it is, its rows, their names.

gABI chapter 4, "Symbol Table".  Everything is read in bulk: a row is a tuple of
integers, and no object is made of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from imagesmith.elf import dynamic
from imagesmith.elf.machine import MIPS
from imagesmith.elf.relocations import relocated
from imagesmith.elf.segment import BadElfError
from imagesmith.elf.strings import MAX_STRING
from imagesmith.elf.tables import Tables

MAX_SYMBOLS: Final = 1 << 20
"""Of one object; the largest real ones have about 100,000."""
DT_SYMTAB: Final = 6

_DT_HASH, _DT_GNU_HASH, _DT_MIPS_SYMTABNO = 4, 0x6FFFFEF5, 0x70000011
_S390, _ALPHA = 22, 36_902
"""Machines whose 64-bit objects have DT_HASH in words of 64 bits."""
_WIDE: Final = 64
_CHUNK: Final = 1_024
_SHARING: Final = 8
"""How often the bytes of a string table may be used on average; twice is already odd."""


def rows(found: Tables, total: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield st_name, st_info, st_other, st_shndx and st_value of every symbol."""
    wide = found.elf.bits == _WIDE
    layout = struct.Struct(found.order + ("IBBHQ8x" if wide else "IIIBBH"))
    table = found.part(DT_SYMTAB, total * layout.size, "DT_SYMTAB")
    if wide:
        return layout.iter_unpack(table)
    narrow = layout.iter_unpack(table)
    return ((name, info, other, section, value) for name, value, _, info, other, section in narrow)


def count(found: Tables) -> int:
    """Return how many symbols there are: nothing says it plainly.

    DT_HASH has an entry for each.  DT_GNU_HASH has those that are exported, which come last; an
    object that exports nothing has only the symbols that its relocations name.
    """
    last = found.last
    if found.elf.machine == MIPS and _DT_MIPS_SYMTABNO in last:
        total = last[_DT_MIPS_SYMTABNO]
    else:
        total = max(
            _hash_count(found) if _DT_HASH in last else 0,
            _gnu_hash_count(found) if _DT_GNU_HASH in last else 0,
        )
    if not total:
        uses = relocated(found)
        total = 1 + max(uses.eager | uses.lazy, default=-1)
    if total > MAX_SYMBOLS:
        raise BadElfError(f"more than {MAX_SYMBOLS} symbols")
    return total


def _hash_count(found: Tables) -> int:
    """Return nchain (gABI chapter 5, "Hash Table")."""
    wide = found.elf.bits == _WIDE and found.elf.machine in (_S390, _ALPHA)
    return found.array("Q" if wide else "I", _DT_HASH, 2, "DT_HASH")[1]


def _gnu_hash_count(found: Tables) -> int:
    """Return the end of the chain that starts last; 0 if there is none."""
    buckets, first, bloom, _ = found.array("I", _DT_GNU_HASH, 4, "DT_GNU_HASH")
    table = found.rest(_DT_GNU_HASH, "DT_GNU_HASH")
    start = 16 + bloom * (found.elf.bits // 8)
    chains = start + 4 * buckets
    if chains > len(table):
        raise BadElfError("DT_GNU_HASH reaches beyond its segment")
    heads = struct.unpack(f"{found.order}{buckets}I", table[start:chains])
    index = max(heads, default=0)
    if index < max(first, 1):
        return 0
    word = struct.Struct(found.order + "I")
    ends = table[chains + 4 * (index - first) :]
    for (chained,) in word.iter_unpack(ends[: len(ends) // 4 * 4]):
        index += 1
        if chained & 1:
            return index
        if index > MAX_SYMBOLS:
            break
    raise BadElfError("a chain of DT_GNU_HASH has no end")


def strings(found: Tables) -> bytes:
    """Return the string table, in one piece."""
    table = dynamic.strings(found.view, found.segments, found.last)
    return bytes(found.view[table.start : table.start + table.size])


def names(strings: bytes, offsets: Sequence[int]) -> list[bytes]:
    """Return the names at these offsets; they must end inside the string table."""
    found: list[bytes] = []
    find, budget = strings.index, _SHARING * len(strings) + MAX_STRING
    for start in range(0, len(offsets), _CHUNK):
        chunk = offsets[start : start + _CHUNK]
        try:
            named = [strings[at : find(b"\0", at, at + MAX_STRING)] for at in chunk]
        except ValueError as error:
            raise BadElfError("the name of a symbol does not end inside DT_STRSZ") from error
        budget -= sum(map(len, named))
        if budget < 0:
            raise BadElfError("the names of symbols overlap")
        found += named
    return found
