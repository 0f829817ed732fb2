"""Terminals: the entries that setupterm(3) of ncurses reads for $TERM.

libtinfo has the directories it searches among its strings (terminfo(5),
"Fetching Compiled Descriptions"); an entry lies below the first letter of its
name, or below that letter's code in hexadecimal where file names are not told
apart by case.  Without a declaration the terminals that nearly everybody has are
shipped, as far as the packages have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import hints
from imagesmith.trace.rules.rule import Absent, Finding, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Binary, Scene

_KEY: Final = "runtime.terminals"
USUAL: Final = ("dumb", "linux", "screen", "vt100", "xterm", "xterm-256color")
"""Consoles, the emulators that call themselves so, and what runs without any."""
_READER: Final = re.compile(r"lib(?:tinfow?|n?cursest?w?|termcap)\.so\..*")
"""Those that read entries: libncurses does it itself where it is built without libtinfo."""
_CURSES: Final = re.compile(r"lib(?:tinfo|n?curses|panel|menu|form|tic|termcap).*\.so\..*")
"""Libraries that import the functions on somebody's behalf."""
_DIRECTORIES: Final = re.compile(
    rb"(?<![!-~])((?:/[!-9;-~]{0,255}terminfo)(?::/[!-9;-~]{0,255}terminfo){0,9})\0"
)
_SYMBOLS: Final = ("setupterm", "tgetent", "initscr", "newterm", "_nc_setupterm")


def _find(scene: Scene) -> Iterator[Finding]:
    curses = {binary.path for binary in scene.named(_CURSES)}
    user = next((each for each, _ in scene.importers(*_SYMBOLS) if each.path not in curses), None)
    readers = tuple(scene.named(_READER))
    directories = tuple(dict.fromkeys(_searched(scene, readers)))
    if user is not None or scene.runtime.terminals:
        by = user.path if user is not None else None
        yield from _entries(scene, by, directories)


def _searched(scene: Scene, readers: tuple[Binary, ...]) -> Iterator[str]:
    """Yield the directories in the order in which they are searched."""
    for reader in readers:
        lists = scene.strings(reader, _DIRECTORIES)
        for each in sorted(lists, key=lambda text: -text.count(":")):
            yield from each.split(":")


def _entries(scene: Scene, by: str | None, directories: tuple[str, ...]) -> Iterator[Finding]:
    declared = scene.runtime.terminals
    if not directories:
        if declared:
            yield Warn(f"{_KEY}: no library in the image reads terminal descriptions")
        return
    for terminal in declared or USUAL:
        places = [place for above in directories for place in _places(above, terminal)]
        path = next((place for place in places if scene.exists(place)), None)
        if path is not None:
            yield Ship(path, by, terminal, _KEY if declared else "")
        elif declared:
            known = {name for above in directories for name in _beside(scene, above, terminal)}
            yield Absent(
                _KEY, terminal, hints.close(terminal, known, "ncurses-term has more of them")
            )


def _places(directory: str, terminal: str) -> tuple[str, str]:
    return f"{directory}/{terminal[0]}/{terminal}", f"{directory}/{ord(terminal[0]):x}/{terminal}"


def _beside(scene: Scene, directory: str, terminal: str) -> Iterator[str]:
    for place in _places(directory, terminal):
        yield from scene.names(place.rpartition("/")[0])


TERMINFO: Final = Rule(
    name="terminfo",
    title="terminal descriptions for ncurses: the usual ones, or those declared",
    find=_find,
)
