"""Paths that a library has compiled in, for the rules that need to know no more of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Ship
from imagesmith.trace.rules.scene import Binary, Scene

START: Final = rb"/(?<![!-~]/)"
"""The slash that begins a path, for patterns: one that began at every slash would go over a long
run of them again and again."""


def paths(scene: Scene, library: Binary, pattern: re.Pattern[bytes]) -> Iterator[Ship]:
    """Yield what lies at the paths that a pattern finds in a library, directories with content.

    Several may be joined by colons, as in a search path.
    """
    for text in scene.strings(library, pattern):
        for path in text.split(":"):
            if scene.exists(path):
                yield Ship(path, library.path, "compiled in", content=True)
