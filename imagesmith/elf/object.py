"""One ELF file's dynamic facts.

Only program headers, the dynamic section and notes are read: sections need not
exist, and no loader looks at them (gABI, chapters 4 and 5).  Every offset, count
and string comes from an untrusted file and is checked against it before it is
used; what does not fit is a `MalformedElf`, never an exception.  Where two readers
could disagree about a file (two PT_DYNAMIC, an offset that contradicts its
address) the file is refused.

pyelftools supplies the layouts of the headers, once for each class and byte
order; `struct` reads by them.  Its own `ELFFile` is not used: it follows section
headers and rebuilds about 120 layouts for every file, which costs many times the
reading itself.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import attrs

from imagesmith.elf import dynamic, loader, notes
from imagesmith.elf.notes import Notes
from imagesmith.elf.segment import BadElfError, Segment, Segments
from imagesmith.model.facts import Elf, MalformedElf

MAX_HEADERS: Final = 65_536
"""Bytes of program headers: the kernel's limit (fs/binfmt_elf.c, load_elf_phdrs)."""
MAX_INTERP: Final = 4_096
"""PATH_MAX: the kernel takes no longer PT_INTERP."""
MAX_PIECE: Final = 8 << 20
"""Of each segment of a possible loader, searched for what it says of itself."""
ET_DYN: Final = 3
DF_1_PIE: Final = 0x8000000

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE = 1, 2, 3, 4
_NAMES: Final = {_PT_LOAD: "PT_LOAD", _PT_DYNAMIC: "PT_DYNAMIC", _PT_INTERP: "PT_INTERP"}
_EI_NIDENT: Final = 16
_BITS: Final[dict[int, Literal[32, 64]]] = {1: 32, 2: 64}
_ENDIANS: Final[dict[int, Literal["little", "big"]]] = {1: "little", 2: "big"}


def facts(view: memoryview) -> Elf | MalformedElf | None:
    """Read the facts of the file in `view`; None if it does not start with the ELF magic."""
    if bytes(view[:4]) != b"\x7fELF":
        return None
    try:
        return _read(view)
    except BadElfError as error:
        return MalformedElf(str(error))


def _read(view: memoryview) -> Elf:
    bits, endian = _identify(bytes(view[:_EI_NIDENT]))
    layout = _layout(bits, endian)
    if len(view) < layout.header.size:
        raise BadElfError("file too short")
    header = layout.header.read(view, 0)
    if header["e_version"] != 1:
        raise BadElfError("e_version is not 1")
    heads = tuple(_heads(view, layout.segment, header))
    segments = _segments(view, heads)
    found = dynamic.read(view, segments, layout.pair)
    opened, odd = notes.read(view, layout.pair.format[0], _notes(heads))
    elf = Elf(
        bits=bits,
        endian=endian,
        osabi=view[7],
        abiversion=view[8],
        type=header["e_type"],
        machine=header["e_machine"],
        flags=header["e_flags"],
        interp=_interp(view, segments.interp),
        dynamic=found is not None,
        dlopen=opened,
        odd_notes=odd,
        **attrs.asdict(found or dynamic.Dynamic(), recurse=False),
    )
    if not _may_be_loader(elf, header["e_entry"]):
        return elf
    pieces = [segment.content(view)[:MAX_PIECE] for segment in segments.loads]
    return attrs.evolve(elf, loader=loader.identify(pieces))


def _identify(ident: bytes) -> tuple[Literal[32, 64], Literal["little", "big"]]:
    if len(ident) < _EI_NIDENT:
        raise BadElfError("file too short")
    if ident[4] not in _BITS:
        raise BadElfError(f"unknown EI_CLASS {ident[4]}")
    if ident[5] not in _ENDIANS:
        raise BadElfError(f"unknown EI_DATA {ident[5]}")
    if ident[6] != 1:
        raise BadElfError(f"unknown EI_VERSION {ident[6]}")
    if any(ident[9:]):
        raise BadElfError("nonzero padding in e_ident")
    return _BITS[ident[4]], _ENDIANS[ident[5]]


@attrs.frozen
class _Fields:
    """One of pyelftools' layouts, ready to be read at once."""

    names: tuple[str, ...]
    packed: struct.Struct

    @classmethod
    def of(cls, order: str, fields: Iterable[Any]) -> _Fields:
        """Take over names and widths of pyelftools' fields; e_ident stays bytes."""
        widths = {field.name: field.sizeof() for field in fields}
        codes = {2: "H", 4: "I", 8: "Q"}
        packed = "".join(codes.get(width, f"{width}s") for width in widths.values())
        return cls(tuple(widths), struct.Struct(order + packed))

    @property
    def size(self) -> int:
        return self.packed.size

    def read(self, view: memoryview, at: int) -> Mapping[str, Any]:
        """Read all fields at an offset that was checked."""
        return dict(zip(self.names, self.packed.unpack_from(view, at), strict=True))


@attrs.frozen
class _Layout:
    """The headers of one class and byte order, and an entry of the dynamic section."""

    header: _Fields
    segment: _Fields
    pair: struct.Struct


@functools.cache
def _layout(bits: Literal[32, 64], endian: Literal["little", "big"]) -> _Layout:
    from elftools.elf.structs import ELFStructs

    structs = ELFStructs(little_endian=endian == "little", elfclass=bits)
    structs.create_basic_structs()
    structs.create_advanced_structs()
    order = "<" if endian == "little" else ">"
    return _Layout(
        header=_Fields.of(order, structs.Elf_Ehdr.subcons),
        segment=_Fields.of(order, structs.Elf_Phdr.subcons),
        pair=struct.Struct(order + {32: "2I", 64: "2Q"}[bits]),
    )


def _segments(view: memoryview, heads: Iterable[Mapping[str, Any]]) -> Segments:
    found: dict[int, list[Segment]] = {kind: [] for kind in _NAMES}
    for raw in heads:
        kind = raw["p_type"]
        if kind not in _NAMES:
            continue
        segment = Segment(raw["p_offset"], raw["p_vaddr"], raw["p_filesz"])
        if segment.offset + segment.size > len(view):
            raise BadElfError(f"{_NAMES[kind]} reaches beyond the end of the file")
        found[kind].append(segment)
    for kind in (_PT_DYNAMIC, _PT_INTERP):
        if len(found[kind]) > 1:
            raise BadElfError(f"more than one {_NAMES[kind]}")
    dynamics = [segment for segment in found[_PT_DYNAMIC] if segment.size]  # debug files: empty
    return Segments(
        tuple(found[_PT_LOAD]),
        next(iter(dynamics), None),
        next(iter(found[_PT_INTERP]), None),
    )


def _notes(heads: Iterable[Mapping[str, Any]]) -> Iterator[Notes]:
    """Yield where notes lie; what is wrong with one is no reason not to load the file."""
    for raw in heads:
        if raw["p_type"] == _PT_NOTE:
            segment = Segment(raw["p_offset"], raw["p_vaddr"], raw["p_filesz"])
            yield Notes(segment, raw["p_align"])


def _heads(
    view: memoryview, layout: _Fields, header: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield the program headers."""
    count, start, size = header["e_phnum"], header["e_phoff"], layout.size
    if count and header["e_phentsize"] != size:
        raise BadElfError(f"e_phentsize is {header['e_phentsize']}, not {size}")
    if count * size > MAX_HEADERS:
        raise BadElfError(f"{count} program headers")
    if start + count * size > len(view):
        raise BadElfError("program headers reach beyond the end of the file")
    for place in range(start, start + count * size, size):
        yield layout.read(view, place)


def _interp(view: memoryview, segment: Segment | None) -> str | None:
    if segment is None:
        return None
    if segment.size > MAX_INTERP:
        raise BadElfError("PT_INTERP is longer than PATH_MAX")
    path = bytes(segment.content(view))
    if not path.endswith(b"\0"):
        raise BadElfError("PT_INTERP is not NUL-terminated")
    if path.startswith(b"\0"):
        raise BadElfError("PT_INTERP is empty")
    return path.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _may_be_loader(elf: Elf, entry: int) -> bool:
    """Say whether the bytes are worth searching: a loader starts by itself and needs nothing."""
    alone = elf.interp is None and not elf.dependencies and not elf.flags_1 & DF_1_PIE
    return elf.type == ET_DYN and elf.dynamic and alone and entry != 0
