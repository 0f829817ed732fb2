"""glibc's search paths: their elements and the tokens inside them.

ld.so(8) "Dynamic string tokens"; elf/dl-load.c `_dl_dst_substitute` and
`fillin_rpath`.  An element relative to the working directory would make the
image depend on where it is started: it is left out, with a warning.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

TOKEN: Final = re.compile(
    r"\$(?:\{(?P<braced>ORIGIN|LIB|PLATFORM)\}|(?P<plain>ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))"
)


@attrs.frozen
class Tokens:
    """The values of the tokens for one object."""

    values: Mapping[str, str | None]
    """ORIGIN, LIB and PLATFORM; None where unknown."""
    trusted: tuple[str, ...] | None = None
    """For a program with AT_SECURE: the directories under which its $ORIGIN may lead."""
    secure: bool = False

    def expand(self, text: str) -> str | None:
        """Return `text` with its tokens replaced, or None if it has to be dropped."""
        if "$" not in text:
            return text
        found = [match["braced"] or match["plain"] for match in TOKEN.finditer(text)]
        if any(self.values[token] is None for token in found):
            return None
        expanded = TOKEN.sub(lambda m: self.values[m["braced"] or m["plain"]] or "", text)
        if self.secure and "ORIGIN" in found and not self._is_safe(text, expanded):
            return None
        return expanded

    def _is_safe(self, text: str, expanded: str) -> bool:
        """Say whether AT_SECURE allows an $ORIGIN: leading, alone, and in a trusted directory."""
        tokens = [m for m in TOKEN.finditer(text) if (m["braced"] or m["plain"]) == "ORIGIN"]
        end = tokens[0].end()
        if len(tokens) > 1 or tokens[0].start() or text[end : end + 1] not in ("", "/"):
            return False
        if self.trusted is None:
            return True
        target = posixpath.normpath(expanded) + "/"
        return any(target.startswith(directory.rstrip("/") + "/") for directory in self.trusted)


@attrs.frozen
class Dropped:
    """An element of a search path that does not take part."""

    element: str
    problem: str


def elements(text: str, separators: str, tokens: Tokens) -> Iterator[str | Dropped]:
    """Yield the absolute directories of a search path in order, and what is left out."""
    for element in re.split(f"[{re.escape(separators)}]", text):
        expanded = tokens.expand(element)
        if expanded is None:
            yield Dropped(element, _unknown(element, tokens))
        elif not expanded.startswith("/"):
            yield Dropped(element, "is relative to the working directory")
        else:
            yield expanded.rstrip("/") or "/"


def _unknown(element: str, tokens: Tokens) -> str:
    if "PLATFORM" in element and tokens.values["PLATFORM"] is None:
        return "depends on the processor ($PLATFORM)"
    return "is not allowed in a program with AT_SECURE"
