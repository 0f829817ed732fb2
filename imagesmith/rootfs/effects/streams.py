"""What a command reads, and what is heard of what it prints."""

from __future__ import annotations

import attrs

from imagesmith.rootfs.effects.outcome import UNKNOWN, is_known


@attrs.define
class Input:
    """What a command reads, and how far it was read."""

    text: str = ""
    place: int = 0

    def rest(self) -> str:
        """Return what was not read yet, and read it."""
        place, self.place = self.place, len(self.text)
        return self.text[place:]

    def line(self) -> str:
        """Return the next line with its end, which the last one may lack."""
        if self.place < len(self.text) and not is_known(self.text):
            return UNKNOWN
        start, end = self.place, self.text.find("\n", self.place) + 1
        self.place = end or len(self.text)
        return self.text[start : self.place]


@attrs.define
class Heard:
    """What was printed while somebody listened."""

    text: str = ""
