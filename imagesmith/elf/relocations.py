"""Which symbols an object's relocations look up, and when.

gABI chapter 5, "Relocation"; elf/do-rel.h.  Relocations of DT_JMPREL may wait
until their function is called, unless the object asks for the contrary; all
others are done before anything of the object runs.  DT_RELR names no symbols.
MIPS has none of this for its global offset table: the entries of all symbols
from DT_MIPS_GOTSYM on are filled like relocations (elf/dl-machine.h).
"""

from __future__ import annotations

import struct
from typing import Final, Literal

import attrs

from imagesmith.elf.machine import MIPS
from imagesmith.elf.segment import BadElfError
from imagesmith.elf.tables import Tables

_DT_PLTRELSZ, _DT_RELA, _DT_RELASZ, _DT_REL, _DT_RELSZ = 2, 7, 8, 17, 18
_DT_PLTREL, _DT_JMPREL, _DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 20, 23, 24, 30, 0x6FFFFFFB
_DT_RELACOUNT, _DT_RELCOUNT = 0x6FFFFFF9, 0x6FFFFFFA
_DF_BIND_NOW, _DF_1_NOW = 0x8, 0x1

_WIDE: Final = 64
_Kind = Literal["REL", "RELA"]
_SIZES: Final[dict[_Kind, dict[int, str]]] = {
    "REL": {32: "2I", 64: "2Q"},
    "RELA": {32: "3I", 64: "3Q"},
}


@attrs.frozen
class Relocated:
    """Symbols by their index in DT_SYMTAB."""

    eager: frozenset[int]
    """Looked up while the object is loaded."""
    lazy: frozenset[int]
    """Looked up when called for the first time, if nobody asks for all of it at once."""


def relocated(tables: Tables) -> Relocated:
    """Return the symbols that relocations name."""
    last = tables.last
    kind: _Kind = "REL" if last.get(_DT_PLTREL) == _DT_REL else "RELA"
    jumps = _indices(tables, kind, _DT_JMPREL, last.get(_DT_PLTRELSZ, 0), 0)
    rela = _indices(tables, "RELA", _DT_RELA, _size(tables, _DT_RELA, _DT_RELASZ), _DT_RELACOUNT)
    rel = _indices(tables, "REL", _DT_REL, _size(tables, _DT_REL, _DT_RELSZ), _DT_RELCOUNT)
    if is_bound_at_once(tables):
        return Relocated(eager=rela | rel | jumps, lazy=frozenset())
    return Relocated(eager=rela | rel, lazy=jumps)


def is_bound_at_once(tables: Tables) -> bool:
    """Say whether an object forbids lazy binding."""
    last = tables.last
    flags, flags_1 = last.get(_DT_FLAGS, 0), last.get(_DT_FLAGS_1, 0)
    return _DT_BIND_NOW in last or bool(flags & _DF_BIND_NOW) or bool(flags_1 & _DF_1_NOW)


def _size(tables: Tables, start: int, size: int) -> int:
    """Return the size of a table without the part of it that DT_JMPREL covers.

    Some linkers count the one into the other (elf/dynamic-link.h, `_ELF_DYNAMIC_DO_RELOC`).
    """
    at, length = tables.last.get(start, 0), tables.last.get(size, 0)
    jumps = tables.last.get(_DT_JMPREL, -1)
    return jumps - at if at <= jumps < at + length else length


def _indices(tables: Tables, kind: _Kind, tag: int, size: int, relative: int) -> frozenset[int]:
    """Return the symbols named in one table, without those that come first and name none."""
    if tag not in tables.last or not size:
        return frozenset()
    bits, last = tables.elf.bits, tables.last
    layout = struct.Struct(tables.order + _SIZES[kind][bits])
    part = tables.part(tag, size // layout.size * layout.size, f"DT_{kind}SZ")
    skipped = last.get(relative, 0) * layout.size
    if skipped > len(part):
        raise BadElfError(f"DT_{kind}COUNT reaches beyond DT_{kind}SZ")
    entries = layout.iter_unpack(part[skipped:])
    if bits != _WIDE:
        return frozenset({entry[1] >> 8 for entry in entries} - {0})
    if tables.elf.machine == MIPS and tables.elf.endian == "little":
        # Here r_sym is a word of its own, and comes first in either byte order.
        return frozenset({entry[1] & 0xFFFFFFFF for entry in entries} - {0})
    return frozenset({entry[1] >> 32 for entry in entries} - {0})
