"""Rule `dlopen`: libraries that a file says it opens by name.

`[runtime] dlopen` is the least priority that counts; notes below it are
suspects.  Only what is marked required has to be there: the program does
without the rest, and so may the packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Finding, Load, Rule, Warn
from imagesmith.trace.rules.scene import Scene

_RANKS: Final = {"required": 0, "recommended": 1, "suggested": 2}


def find(scene: Scene) -> Iterator[Finding]:
    """Follow the notes of every binary."""
    least = _RANKS[scene.runtime.dlopen]
    for binary in scene.binaries:
        for problem in binary.elf.odd_notes:
            yield Warn(f"{binary.path}: {problem}")
        for note in binary.elf.dlopen:
            yield Load(
                note.sonames,
                binary.path,
                f"{note.priority}, for {note.feature}" if note.feature else note.priority,
                required=note.priority == "required",
                doubtful=_RANKS[note.priority] > least,
            )


DLOPEN: Final = Rule(
    name="dlopen",
    title="libraries that a note in the file says it opens by name",
    find=find,
)
