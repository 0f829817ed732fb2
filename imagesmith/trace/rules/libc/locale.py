"""Locales: the compiled categories that setlocale(3) of glibc opens by a locale's name.

Nobody can read off a program which locale its user will set, so locales are
declared.  Each is a directory; the locale-archive that localedef(1) can make
instead would depend on the order in which it was filled.  C and POSIX are built
in, C.UTF-8 is a directory like any other.  musl has no such files.

Names are compared as locale/findlocale.c and intl/l10nflist.c of glibc do: the
codeset is written as the user likes, the directory has its letters and digits in
lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import hints
from imagesmith.trace.rules.compiled import START
from imagesmith.trace.rules.libc.clibrary import asked, glibc
from imagesmith.trace.rules.rule import Absent, Finding, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Scene

_KEY: Final = "runtime.locales"
_ARCHIVE: Final = re.compile(rb"(" + START + rb"[!-~]{1,255})/locale-archive\0")
_BUILT_IN: Final = ("C", "POSIX")
_NAME: Final = re.compile(r"(?P<place>[^.@]*)(?:\.(?P<codeset>[^@]*))?(?P<modifier>@.*)?")
_COMPILED: Final = "LC_CTYPE"
"""A directory without this file is no locale."""


def normalised(locale: str) -> str:
    """Return the name of a locale's directory as glibc's tools make it."""
    parts = _NAME.fullmatch(locale)
    if parts is None or not parts["codeset"]:
        return locale
    codeset = "".join(letter for letter in parts["codeset"] if letter.isalnum()).lower()
    if codeset.isdigit():
        codeset = f"iso{codeset}"
    return f"{parts['place']}.{codeset}{parts['modifier'] or ''}"


def _find(scene: Scene) -> Iterator[Finding]:
    wanted = [name for name in scene.runtime.locales if name not in _BUILT_IN]
    found = False
    for libc in glibc(scene):
        for directory in scene.strings(libc, _ARCHIVE)[:1]:
            found = True
            if not scene.runtime.locales:
                example = f"{directory}/C.utf8"
                yield from asked(scene, example, ("setlocale", "newlocale"), _KEY)
            for name in wanted:
                yield _declared(scene, libc.path, directory, name)
    if wanted and not found:
        yield Warn(f"{_KEY}: no C library in the image reads locales from files")


def _declared(scene: Scene, libc: str, directory: str, name: str) -> Finding:
    """Find the directory of one locale, under whichever of its names it is there."""
    for spelling in (name, normalised(name)):
        path = f"{directory}/{spelling}"
        if scene.exists(f"{path}/{_COMPILED}"):
            return Ship(path, libc, name, _KEY, content=True)
    known = [
        each for each in scene.names(directory) if scene.exists(f"{directory}/{each}/{_COMPILED}")
    ]
    return Absent(
        _KEY, name, hints.close(normalised(name), known) or "package locales-all has locales"
    )


LOCALE: Final = Rule(
    name="locale",
    title="locales for setlocale(3): the directories of those declared",
    find=_find,
    mode="declared",
)
