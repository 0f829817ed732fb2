"""The dynamic string table of an untrusted file."""

from __future__ import annotations

from typing import Final

import attrs

from imagesmith.elf.segment import BadElfError

MAX_STRING: Final = 65_536
"""Far above any real RUNPATH; keeps thousands of endless names from costing seconds."""


@attrs.frozen
class Strings:
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
