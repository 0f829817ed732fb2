r"""Rule `files`: files and directories whose paths stand in a program or a library.

Most programs have the paths of their configuration, their plugins and their own
data compiled in, alone or as a list with colons.  Which of these a run opens
nobody can read off: a person decides, or `record` finds out.  What the C library
names is left to the rules that know it, and directories that everybody uses tell
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.tree import Directory, File
from imagesmith.trace.rules.loading.children import is_program
from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Binary, Scene
from imagesmith.trace.scripts import IMAGE_PATH

_PATHS: Final = re.compile(
    rb"(?<![\x20-\x7e])((?:/[\w.+-]{1,64}){2,12}[\w.+:/-]{0,512})\0", re.ASCII
)
_SHALLOW: Final = 2
"""Components of directories such as /usr/share: too large to be meant."""
_OF_RULES: Final = frozenset({"locale", "locale.alias", "man", "terminfo", "zoneinfo"})
"""Last components of what nearly everything names and other rules, or nobody, ships."""
_LIBC: Final = re.compile(r"lib(?:c|pthread|dl|resolv)\.so\..*|ld-.*")


def find(scene: Scene) -> Iterator[Finding]:
    """Read the paths in every binary."""
    libc = {binary.path for binary in scene.named(_LIBC)}
    for binary in scene.binaries:
        if binary.path not in libc:
            usual = _usual(scene, binary)
            for text in scene.strings(binary, _PATHS):
                for path in map(_plain, text.split(":")):
                    if _is_particular(scene, path, usual):
                        yield Ship(path, binary.path, "compiled in", content=True)


def _plain(path: str) -> str:
    """Leave out slashes that mean nothing."""
    return re.sub("/+", "/", path).rstrip("/")


def _usual(scene: Scene, binary: Binary) -> frozenset[str]:
    """Return the directories of programs and libraries."""
    libraries = binary.loader.system_dirs if binary.loader is not None else ()
    return frozenset(map(scene.real, (*IMAGE_PATH, *libraries)))


def _is_particular(scene: Scene, path: str, usual: frozenset[str]) -> bool:
    """Say whether there is something that is no program, which `children` looks for."""
    found = scene.lookup(path) if path.startswith("/") else None
    if found is None or found.path in usual or path.rpartition("/")[2] in _OF_RULES:
        return False
    if isinstance(found.entry, Directory):
        return found.path.count("/") > _SHALLOW
    return isinstance(found.entry, File) and not is_program(found.entry)


FILES: Final = Rule(
    name="files",
    title="files and directories whose paths stand in a program or library",
    find=find,
    mode="listed",
)
