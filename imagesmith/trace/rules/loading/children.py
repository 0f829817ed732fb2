r"""Rule `children`: programs that a program starts.

What it is told to start nobody can read off it; but paths are often compiled
in, of programs and of directories full of them, and system(3) and popen(3)
always start /bin/sh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.facts import Elf, Script
from imagesmith.model.tree import Directory, File, is_executable
from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Binary, Scene
from imagesmith.trace.scripts import IMAGE_PATH

SHELL: Final = "/bin/sh"
"""_PATH_BSHELL (paths.h)."""
_SHELLS: Final = ("system", "popen")
_EXECS: Final = (
    *("execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "fexecve", "execveat"),
    *("posix_spawn", "posix_spawnp"),
)
_PATH: Final = re.compile(rb"(?<![\x20-\x7e])(/[\w.+/-]{2,250})(?=[\0 ])", re.ASCII)
"""A path by itself, or as the first word of a command."""


def find(scene: Scene) -> Iterator[Finding]:
    """Read the paths in whoever starts programs."""
    for binary, symbol in scene.importers(*_SHELLS):
        yield Ship(SHELL, binary.path, symbol)
    for binary, symbol in scene.importers(*_EXECS, *_SHELLS):
        usual = _usual(scene, binary)
        for path in scene.strings(binary, _PATH):
            found = scene.lookup(path)
            if found is None or found.path in usual:
                continue
            if is_program(found.entry):
                yield Ship(path, binary.path, symbol)
            elif isinstance(found.entry, Directory) and _holds_programs(scene, found.path):
                yield Ship(path, binary.path, symbol, content=True)


def _usual(scene: Scene, binary: Binary) -> frozenset[str]:
    """Return the directories that stand in many programs and tell nothing."""
    libraries = binary.loader.system_dirs if binary.loader is not None else ()
    found = (scene.lookup(directory) for directory in (*IMAGE_PATH, *libraries))
    return frozenset(each.path for each in found if each is not None)


def _holds_programs(scene: Scene, path: str) -> bool:
    """Say whether a directory is one of programs, such as /usr/lib/git-core."""
    return any(is_program(scene.entry(f"{path}/{name}")) for name in scene.names(path))


def is_program(entry: object) -> bool:
    """Say whether the kernel would start an entry: a script, or ELF with a loader or without."""
    if not isinstance(entry, File) or not is_executable(entry):
        return False
    match entry.facts:
        case Script():
            return True
        case Elf(interp=interp, dynamic=dynamic):
            return interp is not None or not dynamic
        case _:
            return False


CHILDREN: Final = Rule(
    name="children",
    title="programs whose paths stand in a file that starts others, and the shell of system",
    find=find,
    mode="listed",
)
