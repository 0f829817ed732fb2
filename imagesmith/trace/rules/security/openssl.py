"""OpenSSL: its configuration, and the providers and engines that this asks for.

libcrypto reads `openssl.cnf` from the directory compiled into it as soon as
anything uses it, and takes its absence for an empty file.  The default provider
is built in; one more is a file only if the configuration activates it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Finding, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Binary, Scene
from imagesmith.trace.rules.security import openssl_conf

_LIBRARY: Final = re.compile(r"libcrypto\.so\..*")
_DIRECTORIES: Final = {
    kind: re.compile(rb'%s: "(/[^"\0]{0,255})"' % word)
    for kind, word in (
        ("configuration", b"OPENSSLDIR"),
        ("provider", b"MODULESDIR"),
        ("engine", b"ENGINESDIR"),
    )
}
"""What `openssl version -a` prints."""
_BUILT_IN: Final = frozenset({"base", "default", "null"})
"""Providers without a file (provider(7ossl)); legacy has one where it is not linked in."""


def directory(scene: Scene, library: Binary, kind: str) -> str:
    """Return a directory compiled into a libcrypto; empty if it does not say."""
    return next(iter(scene.strings(library, _DIRECTORIES[kind])), "")


def libraries(scene: Scene) -> Iterator[Binary]:
    """Yield the libcryptos of the closure."""
    return scene.named(_LIBRARY)


def _find(scene: Scene) -> Iterator[Finding]:
    for library in libraries(scene):
        path = f"{directory(scene, library, 'configuration')}/openssl.cnf"
        if not scene.exists(path):
            continue
        configuration = openssl_conf.read(path, scene.lines, scene.names, scene.real)
        for each in configuration.files:
            yield Ship(each, library.path, "configuration")
        for module in configuration.modules:
            yield from _module(scene, library, path, module)


def _module(
    scene: Scene, library: Binary, configuration: str, module: openssl_conf.Module
) -> Iterator[Finding]:
    """Find the file of a module; legacy may as well be linked in."""
    beside = f"{directory(scene, library, module.kind)}/{module.name}.so"
    path = module.path if module.path.startswith("/") else beside
    if module.path and not module.path.startswith("/"):
        path = f"{beside.rpartition('/')[0]}/{module.path}"
    if scene.exists(path):
        yield Ship(path, library.path, f"{module.kind} {module.name} of {configuration}")
    elif module.name not in _BUILT_IN:
        yield Warn(f"{configuration}: {module.kind} {module.name} is in no package ({path})")


OPENSSL: Final = Rule(
    name="openssl",
    title="OpenSSL's configuration with its includes, and the modules that it activates",
    find=_find,
)
