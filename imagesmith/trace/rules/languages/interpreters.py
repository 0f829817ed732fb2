"""Libraries of interpreters that have no rule of their own: the directories distributions use.

Whoever runs such a program knows which of its modules it needs.  This rule only
says where they are, or ships all there are if the recipe asks for it by name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.tree import parent
from imagesmith.trace.rules.libc.clibrary import glibc
from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Binary, Scene

_LIBRARIES: Final = (
    (r"ruby[\d.]*|libruby[\w.-]*\.so[\d.]*", "ruby"),
    (r"node(?:js)?|libnode\.so[\d.]*", "nodejs"),
    (r"lua[\d.]*|liblua[\d.]*(?:-c\+\+)?\.so[\d.]*", "lua"),
    (r"tclsh[\d.]*|libtcl[\d.]*\.so[\d.]*", "tcltk"),
    (r"php[\d.]*|php-fpm[\d.]*|libphp[\d.]*\.so", "php"),
    (r"guile[\d.-]*|libguile-[\d.]+\.so[\d.]*", "guile"),
)
"""File name or soname of an interpreter, and what its directories are called."""
_ABOVE: Final = ("/usr/lib", "/usr/share", "/usr/local/lib", "/usr/local/share")
"""Where they are; modules for one machine lie among its libraries, beside the C library."""


def _find(scene: Scene) -> Iterator[Finding]:
    for pattern, directory in _LIBRARIES:
        for binary in scene.named(re.compile(pattern)):
            yield from _library(scene, binary, directory)


def _library(scene: Scene, binary: Binary, directory: str) -> Iterator[Finding]:
    machine = (parent(libc.path) for libc in glibc(scene))
    for above in dict.fromkeys((*_ABOVE, *machine)):
        path = posixpath.join(above, directory)
        if scene.names(path):
            yield Ship(path, binary.path, "library of the interpreter", content=True)


INTERPRETERS: Final = Rule(
    name="interpreters",
    title="the libraries of Ruby, Node, Lua, Tcl, PHP and Guile",
    find=_find,
    mode="listed",
)
