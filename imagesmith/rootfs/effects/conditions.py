"""`test` and `[` (POSIX.1-2017, test): True, False, or None where it cannot be known."""

from __future__ import annotations

from collections.abc import Sequence

from imagesmith.model.tree import Directory, Entry, File
from imagesmith.rootfs.effects.filesystem import Filesystem
from imagesmith.rootfs.effects.outcome import is_known

_FILES = frozenset("bcdefghkLprSsuwxO")
_NUMBERS = {
    "-eq": lambda order: order == 0,
    "-ne": lambda order: order != 0,
    "-lt": lambda order: order < 0,
    "-le": lambda order: order <= 0,
    "-gt": lambda order: order > 0,
    "-ge": lambda order: order >= 0,
}
_DEVICES = frozenset(
    f"/dev/{name}" for name in ("null", "random", "stderr", "stdin", "stdout", "tty", "urandom")
)
"""What a container has below /dev."""


def evaluate(words: Sequence[str], files: Filesystem) -> bool | None:  # noqa: PLR0911 - a case for each count of words
    """Return what an expression says of the tree as it is at this moment."""
    match list(words):
        case []:
            return False
        case ["!", *rest] if rest and not (len(words) == _BINARY and rest[0] in _OPERATORS):
            return _negated(evaluate(rest, files))
        case ["(", *rest, ")"] if rest:
            return evaluate(rest, files)
        case [word]:
            return _filled(word)
        case [operator, operand]:
            return _unary(operator, operand, files)
        case [first, operator, second] if operator in _OPERATORS:
            return _binary(first, operator, second)
        case _:
            return _compound(words, files)


_BINARY = 3
_OPERATORS = frozenset({"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef", *_NUMBERS})


def _negated(found: bool | None) -> bool | None:  # noqa: FBT001 - of three values
    return None if found is None else not found


def _filled(word: str) -> bool | None:
    """Say whether a word is not empty: what is known of it may be enough."""
    return True if word.strip("\0") else None if word else False


def _compound(words: Sequence[str], files: Filesystem) -> bool | None:
    """Evaluate what is joined by -o and -a, the latter binding closer."""
    for joint, decisive in (("-o", True), ("-a", False)):
        if joint in words[1:-1]:
            place = words.index(joint, 1)
            first = evaluate(words[:place], files)
            second = evaluate(words[place + 1 :], files)
            if decisive in (first, second):
                return decisive
            return None if None in (first, second) else not decisive
    return None


def _binary(first: str, operator: str, second: str) -> bool | None:
    if operator in ("=", "==", "!="):
        equal = _equal(first, second)
        return _negated(equal) if operator == "!=" else equal
    if operator in _NUMBERS and is_known(first + second):
        try:
            return bool(_NUMBERS[operator](int(first) - int(second)))
        except ValueError:
            return False
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
    if files.is_blurred(operand):
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
