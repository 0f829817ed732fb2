"""OpenSSL's configuration: which files it is made of, and which modules it asks for.

config(5ossl): sections of `name = value`, `.include` of files and directories,
`.pragma includedir`.  Only what the library itself follows from `openssl_conf` on
counts; the sections of the openssl program are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

import attrs

_SECTION: Final = re.compile(r"\[(?P<name>[^\]]*)\]")
_INCLUDE: Final = re.compile(r"\.include(?:\s*=\s*|\s+)(?P<path>\S.*)")
_INCLUDE_DIR: Final = re.compile(r"\.pragma(?:\s*=\s*|\s+)includedir\s*:\s*(?P<path>\S+)")
_SETTING: Final = re.compile(r"(?P<key>[^=\s]+)\s*=\s*(?P<value>.*)")
_SUFFIXES: Final = (".cnf", ".conf")
"""Of the files that are read of an included directory."""
_DEFAULT: Final = "default"
"""The section of what stands before the first one."""
_OFF: Final = frozenset({"0", "no", "false", "off"})
MAX_DEPTH: Final = 10
"""Includes in a row."""

Lines = Callable[[str], tuple[str, ...]]
"""The lines of the file at a path without comments; none if there is no file."""
Names = Callable[[str], tuple[str, ...]]
"""The names in the directory at a path; none if there is no directory."""
Real = Callable[[str], str]
"""Where a path leads: a file may be included by more names than anybody can count."""


@attrs.frozen
class Module:
    """A provider or an engine that the configuration asks for."""

    kind: Literal["provider", "engine"]
    name: str
    path: str = ""
    """Where it says so itself."""


@attrs.frozen(kw_only=True)
class Configuration:
    """What was read."""

    files: tuple[str, ...]
    """Every file and directory it is made of, in the order they are opened."""
    modules: tuple[Module, ...]


def read(path: str, lines: Lines, names: Names, real: Real) -> Configuration:
    """Read the configuration at a path with everything it includes, each file once."""
    reader = _Reader(lines, names, real)
    reader.file(path, 0)
    return Configuration(files=tuple(reader.files), modules=tuple(_modules(reader.sections)))


@attrs.define
class _Reader:
    lines: Lines
    names: Names
    real: Real
    files: dict[str, None] = attrs.field(factory=dict)
    known: set[str] = attrs.field(factory=set)
    """The real paths of what was read."""
    sections: dict[str, dict[str, str]] = attrs.field(factory=lambda: {_DEFAULT: {}})
    directory: str = ""
    section: str = _DEFAULT

    def file(self, path: str, depth: int) -> None:
        if depth > MAX_DEPTH or not self._is_new(path):
            return
        for line in self.lines(path):
            if pragma := _INCLUDE_DIR.fullmatch(line):
                self.directory = pragma["path"]
            elif include := _INCLUDE.fullmatch(line):
                self._include(include["path"].strip("\"' "), depth + 1)
            elif section := _SECTION.fullmatch(line):
                self.section = section["name"].strip()
            elif setting := _SETTING.fullmatch(line):
                values = self.sections.setdefault(self.section, {})
                values[setting["key"]] = setting["value"].strip("\"' ")

    def _is_new(self, path: str) -> bool:
        """Note what is opened; say whether it was not under another name before."""
        self.files[path] = None
        real = self.real(path)
        is_new = real not in self.known
        self.known.add(real)
        return is_new

    def _include(self, path: str, depth: int) -> None:
        """Follow an include; one relative to a working directory names nothing in an image."""
        if not path.startswith("/"):
            if not self.directory.startswith("/"):
                return
            path = f"{self.directory}/{path}"
        if not (content := self.names(path)):
            self.file(path, depth)
            return
        for name in content if self._is_new(path) else ():
            if name.endswith(_SUFFIXES):
                self.file(f"{path}/{name}", depth)


def _modules(sections: Mapping[str, Mapping[str, str]]) -> Iterator[Module]:
    """Yield the modules that loading the configuration loads."""
    start = _referred(sections, sections[_DEFAULT], "openssl_conf")
    for name in (providers := _referred(sections, start, "providers")):
        settings = _referred(sections, providers, name)
        if settings.get("activate", "0").lower() not in _OFF:
            yield Module("provider", settings.get("identity", name), settings.get("module", ""))
    for name in (engines := _referred(sections, start, "engines")):
        settings = _referred(sections, engines, name)
        yield Module("engine", settings.get("engine_id", name), settings.get("dynamic_path", ""))


def _referred(
    sections: Mapping[str, Mapping[str, str]], section: Mapping[str, str], key: str
) -> Mapping[str, str]:
    """Return the section that a setting names; an empty one for a setting that is not there."""
    return sections.get(section[key], {}) if key in section else {}
