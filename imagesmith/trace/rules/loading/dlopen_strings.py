r"""Rule `dlopen-strings`: names of libraries that stand in a file which calls dlopen(3).

A guess, for files without notes: any string that looks like a soname.  What the
closure has already is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Finding, Load, Rule, Ship
from imagesmith.trace.rules.scene import Scene

SYMBOLS: Final = ("dlopen", "dlmopen")
_NAME: Final = re.compile(rb"(?<![\x20-\x7e])([\w.+/-]{1,250}\.so(?:\.\d{1,9}){0,3})\0", re.ASCII)
"""A whole string; it may be an absolute path."""


def find(scene: Scene) -> Iterator[Finding]:
    """Read the strings of whoever imports dlopen."""
    for binary, symbol in scene.importers(*SYMBOLS):
        own = {binary.elf.soname, *(each.name for each in binary.elf.dependencies)}
        noted = {name for note in binary.elf.dlopen for name in note.sonames}
        for name in scene.strings(binary, _NAME):
            if name in own or name in noted:
                continue
            if name.startswith("/"):
                yield Ship(name, binary.path, symbol)
            elif "/" not in name:
                yield Load((name,), binary.path, symbol)


DLOPEN_STRINGS: Final = Rule(
    name="dlopen-strings",
    title="what looks like the name of a library in a file that calls dlopen",
    find=find,
    mode="listed",
)
