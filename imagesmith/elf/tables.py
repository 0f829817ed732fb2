"""Where the tables of a file lie that its dynamic section names.

What `object.facts` told of the file is taken as read: the headers are walked
again with `struct` alone, because a build that finds its packages indexed
should not have to import pyelftools.  Every offset is still checked against the
bytes, which may be other bytes than those that were indexed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from imagesmith.elf import dynamic
from imagesmith.elf.segment import BadElfError, Segment, Segments
from imagesmith.model.facts import Elf

_PT_LOAD, _PT_DYNAMIC = 1, 2
_MAX_HEADERS: Final = 2_048
"""Program headers; 64 KiB of them, as in `object`."""


@attrs.frozen(eq=False)
class Tables:
    """One file's dynamic section, and how to follow its addresses."""

    view: memoryview
    elf: Elf
    segments: Segments
    last: Mapping[int, int]
    """Value by tag; of a repeated tag the last one counts."""

    @property
    def order(self) -> str:
        """The byte order as `struct` writes it."""
        return _ORDER[self.elf.endian]

    def rest(self, tag: int, what: str) -> memoryview:
        """Return the bytes from where a tag points to the end of that segment."""
        return self.segments.rest(self.view, self.last[tag], what)

    def part(self, tag: int, size: int, what: str) -> memoryview:
        """Return `size` bytes from where a tag points."""
        rest = self.rest(tag, what)
        if size > len(rest):
            raise BadElfError(f"{what} reaches beyond its segment")
        return rest[:size]

    def array(self, code: str, tag: int, number: int, what: str) -> tuple[int, ...]:
        """Return `number` integers, as `struct` spells them, from where a tag points."""
        layout = struct.Struct(f"{self.order}{number}{code}")
        return layout.unpack(self.part(tag, layout.size, what))


_SMALLEST: Final = 64
"""Bytes of the larger header; no file that has tables is shorter."""
_ORDER: Final = {"little": "<", "big": ">"}
_HEADER: Final = {32: (28, "I", 42), 64: (32, "Q", 54)}
"""By class: where e_phoff lies, its type, and where e_phentsize and e_phnum lie."""
_SEGMENT: Final = {32: "IIIxxxxI", 64: "IxxxxQQxxxxxxxxQ"}
"""p_type, p_offset, p_vaddr and p_filesz."""


def tables(view: memoryview, elf: Elf) -> Tables | None:
    """Return the tables of a file with these facts; None without a dynamic section."""
    order = _ORDER[elf.endian]
    segments = _segments(view, elf.bits, order)
    if segments.dynamic is None:
        return None
    pair = struct.Struct(order + {32: "2I", 64: "2Q"}[elf.bits])
    return Tables(view, elf, segments, dict(dynamic.tags(view, segments, pair)))


def _segments(view: memoryview, bits: int, order: str) -> Segments:
    """Return what is loaded, and the dynamic section."""
    loads: list[Segment] = []
    found: Segment | None = None
    for kind, offset, address, length in _headers(view, bits, order):
        if kind not in (_PT_LOAD, _PT_DYNAMIC):
            continue
        if offset + length > len(view):
            raise BadElfError("a segment reaches beyond the end of the file")
        if kind == _PT_LOAD:
            loads.append(Segment(offset, address, length))
        elif length:
            found = Segment(offset, address, length)
    return Segments(tuple(loads), found, None)


def _headers(view: memoryview, bits: int, order: str) -> Iterator[tuple[int, ...]]:
    """Yield p_type, p_offset, p_vaddr and p_filesz of every program header."""
    offset_at, word, count_at = _HEADER[bits]
    if len(view) < _SMALLEST:
        raise BadElfError("file too short")
    (start,) = struct.unpack_from(order + word, view, offset_at)
    size, count = struct.unpack_from(f"{order}2H", view, count_at)
    layout = struct.Struct(order + _SEGMENT[bits])
    if count > _MAX_HEADERS or size < layout.size:
        raise BadElfError("program headers cannot be read")
    if start + count * size > len(view):
        raise BadElfError("program headers reach beyond the end of the file")
    for place in range(start, start + count * size, size):
        yield layout.unpack_from(view, place)
