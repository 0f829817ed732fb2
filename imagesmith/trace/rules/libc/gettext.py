r"""Message catalogues: `LC_MESSAGES/<domain>.mo` of the declared languages.

A program names its domain and its directory in its own strings (bindtextdomain(3),
textdomain(3)), so the catalogues that exist are held against the strings of those
who import gettext's functions: what nobody in the image translates is left out.
The C library has a domain of its own.  A language is looked for as gettext does
(glibc, intl/l10nflist.c): with territory, codeset and modifier, and without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import hints
from imagesmith.trace.rules.compiled import START
from imagesmith.trace.rules.libc.clibrary import glibc
from imagesmith.trace.rules.libc.locale import normalised
from imagesmith.trace.rules.rule import Absent, Finding, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Binary, Scene

_KEY: Final = "runtime.languages"
_SYMBOLS: Final = (
    "bindtextdomain",
    "textdomain",
    "dgettext",
    "dcgettext",
    "dngettext",
    "dcngettext",
)
_DIRECTORY: Final = re.compile(rb"(" + START + rb"[!-~]{1,255}/locale)\0")
_MESSAGES: Final = "LC_MESSAGES"
_CATALOGUE: Final = ".mo"
_LIBC: Final = "libc"
"""The domain of the C library, whose other strings are no domains: `shadow` is a database."""


def _find(scene: Scene) -> Iterator[Finding]:
    languages = scene.runtime.languages
    if not languages:
        return
    translated = (*glibc(scene), *(binary for binary, _ in scene.importers(*_SYMBOLS)))
    own = {binary.path: scene.strings(binary, _DIRECTORY) for binary in translated}
    every = tuple(dict.fromkeys(path for paths in own.values() for path in paths))
    for language in languages:
        folders = [folder for path in every for folder in _folders(scene, path, language)]
        if not folders:
            known = {name for path in every for name in scene.names(path)}
            yield Absent(_KEY, language, hints.close(language, known))
            continue
        catalogues = [
            (binary, path) for binary in translated for path in _of(scene, binary, folders)
        ]
        for binary, path in catalogues:
            yield Ship(path, binary.path, language, _KEY)
        if not catalogues:
            yield Warn(f"{_KEY}: nothing in the image has messages in {language}")


def _folders(scene: Scene, directory: str, language: str) -> Iterator[str]:
    """Yield where catalogues of a language lie, the most particular first."""
    for name in spellings(language):
        if scene.names(folder := f"{directory}/{name}/{_MESSAGES}"):
            yield folder


def spellings(language: str) -> tuple[str, ...]:
    """Return the directories in which gettext looks for a language, in its order."""
    plain, at, modifier = language.partition("@")
    place, dot, _ = plain.partition(".")
    names = [plain, normalised(plain)] if dot else []
    names += [place, place.partition("_")[0]]
    with_modifier = [f"{name}@{modifier}" for name in names] if at else []
    return tuple(dict.fromkeys((*with_modifier, *names)))


def _of(scene: Scene, binary: Binary, folders: list[str]) -> Iterator[str]:
    """Yield the catalogues whose domain is among a file's strings.

    Linkers let strings share their ends, so `GNU coreutils` may hold the domain as well.
    """
    for folder in folders:
        files = [name for name in scene.names(folder) if name.endswith(_CATALOGUE)]
        domains = b"|".join(re.escape(_domain(name)) for name in files)
        named = re.compile(rb"(?<![\w.+-])(" + domains + rb")\0") if domains else None
        for domain in () if named is None else scene.strings(binary, named):
            if domain == _LIBC or not (binary.elf.soname or "").startswith(f"{_LIBC}."):
                yield f"{folder}/{domain}{_CATALOGUE}"


def _domain(name: str) -> bytes:
    return name.removesuffix(_CATALOGUE).encode("utf-8", "surrogateescape")


GETTEXT: Final = Rule(
    name="gettext",
    title="message catalogues of the declared languages, for the domains that programs name",
    find=_find,
    mode="declared",
)
