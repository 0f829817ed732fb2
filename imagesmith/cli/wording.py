"""The words that `trace` and `why` share, so that one thing has one name.

The rules of `trace --json` are spelled as people know them: what an object was
found through, and whose it is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

_WORDS: Final = {
    "rpath": "RPATH",
    "runpath": "RUNPATH",
    "library-path": "LD_LIBRARY_PATH",
    "cache": "ld.so.cache",
    "preload": "ld.so.preload",
}
_NAMED_FEW: Final = 3


def rule(name: str, detail: str = "") -> str:
    """Spell the rule an object was found by: `RUNPATH of libx.so`, `ld.so.cache`, `default`."""
    word = _WORDS.get(name, name)
    match name:
        case "rpath" | "runpath" if detail:
            return f"{word} of {posixpath.basename(detail)}"
        case "shebang" if detail:
            return detail
        case "default" if detail:  # musl's path file stands for its default directories
            return f"{word}, by {detail}"
        case _:
            return word


def size(count: float) -> str:
    """Spell a number of bytes in SI units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - SI units
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def few(names: Sequence[str]) -> str:
    """Name the first ones and count the others."""
    shown = ", ".join(names[:_NAMED_FEW])
    others = len(names) - _NAMED_FEW
    return f"{shown} and {others} more" if others > 0 else shown


def plural(count: int, noun: str) -> str:
    """Count things: `1 object`, `2 objects`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells below one another and two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip()
        for row in rows
    ]
