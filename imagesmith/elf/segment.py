"""Program headers as values: which part of the file appears at which address.

gABI chapter 5, "Program Header".  Everything that can be wrong with an ELF file
is raised as `BadElf` here and in `dynamic`, and turned into a `MalformedElf` by
`object.facts`; it never leaves this room.
"""

from __future__ import annotations

import attrs


class BadElfError(Exception):
    """What is wrong with a file, for `MalformedElf.problem`."""


@attrs.frozen
class Segment:
    """One program header of a file, checked to lie inside it."""

    offset: int
    address: int
    size: int
    """p_filesz."""

    def content(self, view: memoryview) -> memoryview:
        """Return the segment's bytes in the file."""
        return view[self.offset : self.offset + self.size]


@attrs.frozen
class Segments:
    """The program headers a loader looks at."""

    loads: tuple[Segment, ...]
    dynamic: Segment | None
    interp: Segment | None

    def offset(self, address: int, what: str) -> tuple[int, int]:
        """Map an address to its file offset and the offset at which its segment ends."""
        for load in self.loads:
            if load.address <= address < load.address + load.size:
                return address - load.address + load.offset, load.offset + load.size
        raise BadElfError(f"{what} lies in no loadable segment")

    def rest(self, view: memoryview, address: int, what: str) -> memoryview:
        """Return the bytes from an address to the end of its segment."""
        start, end = self.offset(address, what)
        return view[start:end]
