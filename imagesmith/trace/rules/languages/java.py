"""Java: the runtime around a launcher, as jlink or a package lays it out.

`java` needs libjli, which opens libjvm by a path relative to itself (the JDK's
src/java.base/unix/native/libjli/java_md.c); everything else is opened once that
is loaded.  The runtime's home is the first directory above with `lib/modules`,
or `lib/rt.jar` before Java 9.  Of it are shipped `lib`, `conf` and `release`:
other commands, manuals, licences, headers and sources are not.

Where Debian keeps configuration below /etc, the links lead there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.tree import Symlink, parent, parents
from imagesmith.trace.rules.languages import language
from imagesmith.trace.rules.rule import Finding, Load, Rule, Warn
from imagesmith.trace.rules.scene import Scene

_LIBRARY: Final = re.compile(r"libjli\.so|libjvm\.so")
_LANDMARKS: Final = ("lib/modules", "lib/rt.jar")
_MACHINE: Final = re.compile(r"lib/(?:[^/]+/)?(?:server|client|minimal|zero)/libjvm\.so")
_SHIPPED: Final = re.compile(r"(?:lib|conf)/.*|release")
_LEFT_OUT: Final = re.compile(r"lib/(?:src\.zip|ct\.sym|.*\.a)")
"""Sources, signatures that only the compiler reads, archives for the linker."""


def _find(scene: Scene) -> Iterator[Finding]:
    """Find the runtime of every launcher, or of a program that embeds one."""
    for binary in scene.named(_LIBRARY):
        home = _home(scene, binary.path)
        if home is None:
            yield Warn(f"{binary.path}: there is no Java runtime around it in the packages")
        else:
            yield from _runtime(scene, home, binary.path)


def _home(scene: Scene, path: str) -> str | None:
    """Return the first directory above with a runtime's landmark."""
    for above in parents(path):
        if any(scene.exists(posixpath.join(above, landmark)) for landmark in _LANDMARKS):
            return above
    return None


def _runtime(scene: Scene, home: str, launcher: str) -> Iterator[Finding]:
    """Yield the machines first: what else is loaded finds them in its process."""
    detail = f"Java runtime {home}"
    relative = {path: path.removeprefix(f"{home}/") for path in language.files_below(scene, home)}
    machines = [path for path in relative if _MACHINE.fullmatch(relative[path])]
    yield from (Load((path,), launcher, detail) for path in machines if path != launcher)
    host = machines[0] if machines else launcher
    for path, name in relative.items():
        if path in machines or not _SHIPPED.fullmatch(name) or _LEFT_OUT.fullmatch(name):
            continue
        yield language.wanted(scene, path, host, detail)
        entry = scene.root.filesystem.entry(path)
        if isinstance(entry, Symlink) and not scene.exists(path):
            target = posixpath.normpath(posixpath.join(parent(path), entry.target))
            if target not in scene.promised:
                yield Warn(f"{path}: leads to {target}, which the packages do not have")


JAVA: Final = Rule(
    name="java",
    title="the Java runtime around a launcher or libjvm",
    find=_find,
)
