"""The C library of a closure, and the directories that are compiled into it.

Paths are read from its strings, so nothing here knows a triplet or a
distribution.  A static program carries its C library's strings itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Suspect
from imagesmith.trace.rules.scene import Binary, Scene

_GLIBC: Final = re.compile(r"libc\.so\.6(?:\.1)?")
"""Its soname (shlib-versions); with a further number on Alpha and IA-64."""


def glibc(scene: Scene) -> Iterator[Binary]:
    """Yield the C libraries that are glibc's: one for each machine and root of libraries."""
    return scene.with_libc("glibc", scene.named(_GLIBC))


def musl(scene: Scene) -> Iterator[Binary]:
    """Yield the C libraries that are musl's, which are its loaders."""
    for each in scene.binaries:
        if each.elf.loader is not None and each.elf.loader.kind == "musl":
            yield each


def static(scene: Scene) -> Iterator[Binary]:
    """Yield the programs that no loader starts: whatever they know is compiled in."""
    return (each for each in scene.mains if not each.libc)


def asked(scene: Scene, what: str, symbols: tuple[str, ...], key: str) -> Iterator[Suspect]:
    """Suspect that `what` is wanted, once: of the first program that imports one of `symbols`.

    Without a program the first library stands for all; `key` is where a recipe would say it.
    """
    importers = sorted(scene.importers(*symbols), key=lambda each: not each[0].is_main)
    for binary, symbol in importers[:1]:
        yield Suspect(what, binary.path, f"{symbol}: {key} says which", present=scene.exists(what))
