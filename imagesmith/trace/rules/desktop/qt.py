"""Qt: the plugins of an application, platforms above all.

Where they lie is compiled into QtCore relative to its prefix (QLibraryInfo); the
prefix is the first directory above the library that has them.  All of them that
the packages have are meant: which one is loaded depends on the display.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.tree import parents
from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Scene

_CORE: Final = re.compile(r"libQt[56]Core\.so\.[56]")
_QML: Final = re.compile(r"libQt[56]Qml\.so\.[56]")
_PLUGINS: Final = re.compile(rb"\0((?:[\w.+-]{1,64}/){0,8}plugins)(?=\0)")
_MODULES: Final = re.compile(rb"\0((?:[\w.+-]{1,64}/){0,8}qml)(?=\0)")


def _find(scene: Scene) -> Iterator[Finding]:
    has_qml = any(scene.named(_QML))
    for binary in scene.named(_CORE):
        names = [*scene.strings(binary, _PLUGINS)]
        names += scene.strings(binary, _MODULES) if has_qml else ()
        for name in names:
            for above in parents(binary.path):
                if scene.names(posixpath.join(above, name)):
                    path = posixpath.join(above, name)
                    yield Ship(path, binary.path, name, content=True)
                    break


QT: Final = Rule(
    name="qt",
    title="the plugins of Qt, and its QML modules where QML is used",
    find=_find,
    mode="listed",
)
