"""`test` and `[` (POSIX.1-2017, test): True, False, or None where it cannot be known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagesmith.model.tree import Directory, Entry, File
from imagesmith.rootfs.effects.filesystem import Filesystem
from imagesmith.rootfs.effects.outcome import is_known

_UNARY = re.compile("-[a-zA-Z]")
_FILES = frozenset("bcdefghkLprSsuwxO")
_NUMBERS = {
    "-eq": lambda order: order == 0,
    "-ne": lambda order: order != 0,
    "-lt": lambda order: order < 0,
    "-le": lambda order: order <= 0,
    "-gt": lambda order: order > 0,
    "-ge": lambda order: order >= 0,
}
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_DEVICES = frozenset(
    f"/dev/{name}" for name in ("null", "random", "stderr", "stdin", "stdout", "tty", "urandom")
)
"""What a container has below /dev."""


def evaluate(words: Sequence[str], files: Filesystem) -> bool | None:
    """Return what an expression says of the tree as it is at this moment."""
    match list(words):
        case []:
            return False
        case [word]:
            return _filled(word)
        case [first, operator, second] if operator in _OPERATORS:
            return _binary(first, operator, second)
        case ["!", *rest] if len(words) <= _FEW:
            return _negated(evaluate(rest, files))
        case ["(", *rest, ")"] if len(words) <= _FEW:
            return evaluate(rest, files)
        case _:
            found, rest = _either(list(words), files)
            return False if rest else found


_FEW = 4
"""Up to so many words are told apart by their count, more by the grammar."""
_OPERATORS = frozenset({"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef", *_NUMBERS})


def _negated(found: bool | None) -> bool | None:  # noqa: FBT001 - of three values
    return None if found is None else not found


def _filled(word: str) -> bool | None:
    """Say whether a word is not empty: what is known of it may be enough."""
    return True if word.strip("\0") else None if word else False


def _either(words: list[str], files: Filesystem) -> tuple[bool | None, list[str]]:
    """Read what -o joins; return its value and the words behind it."""
    found, rest = _both(words, files)
    while rest[:1] == ["-o"]:
        other, rest = _both(rest[1:], files)
        found = True if True in (found, other) else None if None in (found, other) else False
    return found, rest


def _both(words: list[str], files: Filesystem) -> tuple[bool | None, list[str]]:
    """Read what -a joins, which binds closer."""
    found, rest = _primary(words, files)
    while rest[:1] == ["-a"]:
        other, rest = _primary(rest[1:], files)
        found = False if False in (found, other) else None if None in (found, other) else True
    return found, rest


def _primary(words: list[str], files: Filesystem) -> tuple[bool | None, list[str]]:
    match words:
        case []:
            return None, []
        case [first, operator, second, *rest] if operator in _OPERATORS:
            return _binary(first, operator, second), rest
        case ["!", *rest]:
            found, rest = _primary(rest, files)
            return _negated(found), rest
        case ["(", *rest]:
            found, rest = _either(rest, files)
            return (found, rest[1:]) if rest[:1] == [")"] else (False, ["("])
        case [operator, operand, *rest] if _UNARY.fullmatch(operator):
            return _unary(operator, operand, files), rest
        case _:
            return _filled(words[0]), words[1:]


def _binary(first: str, operator: str, second: str) -> bool | None:
    if operator in ("=", "==", "!="):
        equal = _equal(first, second)
        return _negated(equal) if operator == "!=" else equal
    if operator in _NUMBERS and is_known(first + second):
        numbers = [_NUMBER.fullmatch(word) for word in (first, second)]
        if None in numbers:
            return False
        return bool(_NUMBERS[operator](int(first) - int(second)))
    return None


def _equal(first: str, second: str) -> bool | None:
    """Compare two texts; where parts are unknown, what surrounds them may tell them apart."""
    if is_known(first + second):
        return first == second
    heads = [text.partition("\0") for text in (first, second)]
    if heads[0][1] and heads[1][1]:
        return None
    known, (head, _, _) = (first, heads[1]) if heads[1][1] else (second, heads[0])
    tail = (second if heads[1][1] else first).rpartition("\0")[2]
    return None if known.startswith(head) and known.endswith(tail) else False


def _unary(operator: str, operand: str, files: Filesystem) -> bool | None:
    if operator in ("-n", "-z"):
        filled = _filled(operand)
        return filled if operator == "-n" else _negated(filled)
    letter = operator[1:]
    if operator != "-t" and (letter not in _FILES or not is_known(operand)):
        return None
    if operator == "-t" or not operand:
        return False
    if operand in _DEVICES:
        return letter in "erwc"
    if files.is_blurred(operand) or operand.startswith(("/proc/", "/sys/")):
        return None
    entry = files.at(operand, follow=letter not in "hL")
    return entry is not None and _is(letter, entry)


def _is(letter: str, entry: Entry) -> bool:
    """Say whether an entry is what a letter asks; root may read and write everything."""
    match entry:
        case Directory(mode=mode):
            return letter in "edxsrwO" or bool(mode & _BITS.get(letter, 0))
        case File(mode=mode, size=size):
            wanted = letter in "efrwO" or (letter == "s" and size > 0)
            return wanted or bool(mode & _BITS.get(letter, 0))
        case _:
            return letter in "ehL"


_BITS = {"x": 0o111, "u": 0o4000, "g": 0o2000, "k": 0o1000}
