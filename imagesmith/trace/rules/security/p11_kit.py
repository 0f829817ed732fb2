"""PKCS #11: the modules that libp11-kit is configured to load.

A `*.module` file names a module by its path, or relative to the directory of
modules that is compiled in (pkcs11.conf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import compiled
from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Binary, Scene

_LIBRARY: Final = re.compile(r"libp11-kit\.so\..*")
_CONFIGURED: Final = re.compile(
    rb"(" + compiled.START + rb"[!-~]{1,255}"
    rb"(?:/pkcs11/modules|/p11-kit/modules|/pkcs11/pkcs11\.conf))\0"
)
_MODULES: Final = re.compile(rb"(" + compiled.START + rb"[!-~]{1,255}/pkcs11)\0")
_MODULE: Final = re.compile(r"module\s*:\s*(?P<path>\S+)")


def _find(scene: Scene) -> Iterator[Finding]:
    for library in scene.named(_LIBRARY):
        for found in compiled.paths(scene, library, _CONFIGURED):
            yield found
            yield from _modules(scene, library, found.path)


def _modules(scene: Scene, library: Binary, directory: str) -> Iterator[Finding]:
    above = next(iter(scene.strings(library, _MODULES)), "")
    for name in scene.names(directory):
        for line in scene.lines(f"{directory}/{name}"):
            if module := _MODULE.fullmatch(line):
                path = module["path"]
                path = path if path.startswith("/") else f"{above}/{path}"
                yield Ship(path, library.path, f"module of {directory}/{name}")


P11_KIT: Final = Rule(
    name="p11-kit",
    title="PKCS #11 modules that p11-kit's configuration names",
    find=_find,
    mode="listed",
)
