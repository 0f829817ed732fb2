"""File modes as chmod(1) takes them."""

from __future__ import annotations

import re

from imagesmith.rootfs.effects.filesystem import Refusal

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)\Z")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}


def parse(text: str, present: int, *, is_directory: bool = True) -> int:
    """Return the mode that `text` makes of a present one; Refusal if it is none.

    A script's umask is 022, which matters where nobody is named.
    """
    if re.fullmatch("[0-7]{1,5}", text):
        mode = int(text, 8)
        # chmod(1) leaves a directory's setuid and setgid bits alone unless told with five digits
        kept = present & 0o6000 if is_directory and len(text) <= len("0755") else 0
        return mode & 0o7777 | kept
    for clause in text.split(","):
        match = _CLAUSE.match(clause)
        if match is None:
            raise Refusal(f"{text} is no mode")
        for operator, letters in _ACTION.findall(match[2]):
            present = _changed(present, match[1], operator, letters, is_directory=is_directory)
    return present


def _changed(mode: int, who: str, operator: str, letters: str, *, is_directory: bool) -> int:
    people = "ugo" if not who or "a" in who else who
    umask = 0 if who else 0o022
    searchable = is_directory or bool(mode & 0o111)
    plain = letters.replace("X", "x" if searchable else "")
    copied = mode >> _SHIFTS[letters] & 7 if letters in _SHIFTS else 0
    bits = copied | sum(_BITS.get(letter, 0) for letter in set(plain))
    wanted = cleared = 0
    for person in set(people):
        wanted |= bits << _SHIFTS[person]
        cleared |= 7 << _SHIFTS[person]
        if "s" in letters and person in "ug":
            wanted |= {"u": 0o4000, "g": 0o2000}[person]
    if "t" in letters:
        wanted |= 0o1000
    wanted &= ~umask
    match operator:
        case "+":
            return mode | wanted
        case "-":
            return mode & ~wanted
        case _:
            return mode & ~cleared | wanted
