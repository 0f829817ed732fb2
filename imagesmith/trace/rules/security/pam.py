"""PAM: the configuration of the declared services, and the modules it names.

Which service a program is, it says in a call (pam_start(3)), so services are
declared.  libpam has its directories among its strings: of configuration, and of
modules, which are loaded like any plugin.  `other` speaks for services without a
file.  Files that pam-auth-update(8) would make are made as it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from imagesmith.model.tree import File
from imagesmith.trace.rules import hints
from imagesmith.trace.rules.compiled import START
from imagesmith.trace.rules.libc.clibrary import asked
from imagesmith.trace.rules.rule import Absent, Finding, Make, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Binary, Scene
from imagesmith.trace.rules.security import pam_conf, pam_profiles

_KEY: Final = "runtime.pam"
_LIBRARY: Final = re.compile(r"libpam\.so\..*")
_SERVICES: Final = re.compile(rb"(" + START + rb"[!-~]{1,255}/)%s\0")
_MODULES: Final = re.compile(rb"(" + START + rb"[!-~]{0,255}/security/)\0")
_SETTINGS: Final = re.compile(rb"(" + START + rb"etc/[!-~]{1,255})\0")
"""Configuration that a module has compiled in: limits.conf, limits.d/*.conf, login.defs."""
_ACCOUNTS: Final = ("/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow")
"""Made for the image, whatever the packages have."""
_OTHER: Final = "other"


def _find(scene: Scene) -> Iterator[Finding]:
    libraries = tuple(scene.named(_LIBRARY))
    if not scene.runtime.pam:
        for library in libraries:
            for directory in scene.strings(library, _SERVICES)[:1]:
                yield from asked(scene, directory.rstrip("/"), ("pam_start",), _KEY)
        return
    if not libraries:
        yield Warn(f"{_KEY}: nothing in the image uses PAM")
    for library in libraries:
        places = scene.strings(library, _SERVICES)
        modules = next(iter(scene.strings(library, _MODULES)), "")
        yield from _Services(scene, library, places, modules).findings()
        yield from _settings(scene, modules)


def _settings(scene: Scene, modules: str) -> Iterator[Ship]:
    """Yield the configuration of the modules that are in the closure by now."""
    directory = scene.lookup(modules.rstrip("/") or "/")
    for binary in scene.binaries:
        if directory is None or binary.path.rpartition("/")[0] != directory.path:
            continue
        for text in scene.strings(binary, _SETTINGS):
            path = text.partition("/*")[0]
            if path not in _ACCOUNTS:
                yield Ship(path, binary.path, "compiled in", content=True)


@attrs.frozen
class _Services:
    """The services of one libpam."""

    scene: Scene
    library: Binary
    places: tuple[str, ...]
    """Directories of configuration, each ending in a slash."""
    modules: str
    """The directory of modules, likewise."""

    def findings(self) -> Iterator[Finding]:
        """Follow the declared services through everything they include."""
        pending = [(name, _KEY) for name in reversed((*self.scene.runtime.pam, _OTHER))]
        names: set[str] = set()
        known: set[str] = set()  # by real path: a file may be included by many names
        while pending:
            name, requester = pending.pop()
            if name in names:
                continue
            names.add(name)
            path, found, lines = self._file(name)
            if found is not None:
                yield found
                if (real := self.scene.real(path)) not in known:
                    known.add(real)
                    stack = pam_conf.read(lines)
                    yield from self._stack(path, stack)
                    pending += [(each, path) for each in reversed(stack.includes)]
            elif name != _OTHER:
                yield self._absent(name, requester)

    def _file(self, name: str) -> tuple[str, Finding | None, tuple[str, ...]]:
        """Return path, finding and lines of a file; no finding where nothing has it."""
        paths = [name] if name.startswith("/") else [f"{above}{name}" for above in self.places]
        for path in paths:
            if self.scene.exists(path):
                return (
                    path,
                    Ship(path, self.library.path, f"service {name}"),
                    self.scene.lines(path),
                )
        made = self._made(name)
        if made is None or not paths:
            return "", None, ()
        text = (line.partition("#")[0].strip() for line in made.splitlines())
        entry = File.of(made.encode("utf-8", "surrogateescape"))
        detail = "as pam-auth-update makes it"
        return paths[0], Make(paths[0], entry, self.library.path, detail), tuple(filter(None, text))

    def _made(self, name: str) -> str | None:
        """Return the content that pam-auth-update would give a file, if it has a template."""
        template = self.scene.content(f"{pam_profiles.TEMPLATES}/{name}")
        if template is None or "/" in name:
            return None
        profiles = {
            each: pam_profiles.profile(self._text(f"{pam_profiles.PROFILES}/{each}"))
            for each in self.scene.names(pam_profiles.PROFILES)
            if not each.endswith("~")
        }
        enabled = pam_profiles.enabled(profiles)
        if not enabled:  # a stack without a module lets everybody in
            return None
        return pam_profiles.filled(template.decode("utf-8", "surrogateescape"), name, enabled)

    def _text(self, path: str) -> str:
        return (self.scene.content(path) or b"").decode("utf-8", "surrogateescape")

    def _stack(self, path: str, stack: pam_conf.Stack) -> Iterator[Finding]:
        """Find the modules of one file, and the files they are given as arguments."""
        for module in stack.modules:
            name = module.name
            place = name if name.startswith("/") else f"{self.modules}{name}"
            if not self.scene.exists(place) and not module.is_optional:
                yield Absent(_KEY, place, f"{path} requires it")
            yield Ship(place, self.library.path, f"{name} of {path}")
            for argument in module.paths:
                yield Ship(argument, place, f"argument in {path}")

    def _absent(self, name: str, requester: str) -> Absent:
        if requester != _KEY:
            return Absent(_KEY, name, f"{requester} includes it")
        known = {each for above in self.places for each in self.scene.names(above)}
        return Absent(_KEY, name, hints.close(name, known))


PAM: Final = Rule(
    name="pam",
    title="PAM services: the configuration of those declared, its includes and its modules",
    find=_find,
    mode="declared",
)
