"""What a command comes to when it is read instead of run.

A value is a `str` in which `UNKNOWN` stands for any text at all: what depends on the
machine, the time or a question is carried along as far as it reaches.  No shell
value can hold a NUL, so nothing is mistaken for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

UNKNOWN = "\0"
MAX_TEXT = 64 * 1024
"""Characters of a value or an output; more is not known any more."""

Kind = Literal["reproduced", "inert", "skipped"]


def is_known(text: str) -> bool:
    """Say whether all of a value is known."""
    return UNKNOWN not in text


def bounded(text: str) -> str:
    """Return a value of bounded length."""
    return text if len(text) <= MAX_TEXT else UNKNOWN


@attrs.frozen
class Result:
    """How a command ends, what it prints, and what a ledger says of it."""

    status: int | None = 0
    """None where it cannot be known."""
    output: str = ""
    """Of a single command; what others print is in the shell's own output."""
    kind: Kind | None = None
    """None for what has no effect worth a word: conditions, queries, texts."""
    about: str = ""
    """What is reproduced, why nothing has to be, or why something is not."""


def inert(why: str, status: int | None = 0, output: str = "") -> Result:
    """Return the result of a command that changes nothing an image keeps."""
    return Result(status, output, "inert", why)


def reproduced(what: str) -> Result:
    """Return the result of a command whose effect is in the tree now."""
    return Result(0, "", "reproduced", what)


def skipped(why: str, status: int | None = None, output: str = UNKNOWN) -> Result:
    """Return the result of a command whose effect is left out."""
    return Result(status, output, "skipped", why)


class Unreproduced(Exception):
    """A command does something that is not reproduced; says why."""


@attrs.frozen(kw_only=True)
class Call:
    """One command as it is called: words expanded, input known or not."""

    words: tuple[str, ...]
    """Its name first."""
    reads: Callable[[], str] = str
    """Reads what is left of the input."""

    @property
    def stdin(self) -> str:
        """What is left of the input; it is read now."""
        return self.reads()

    @property
    def name(self) -> str:
        """The command's name without a directory."""
        return self.words[0].rpartition("/")[2]

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the name."""
        return self.words[1:]

    def known(self) -> tuple[str, ...]:
        """Return the arguments; Unreproduced unless all of them are known."""
        if not all(map(is_known, self.arguments)):
            raise Unreproduced("an argument cannot be known")
        return self.arguments


@attrs.frozen
class Options:
    """A command's options by name, without hyphens, and its operands."""

    given: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Say whether one of these was given."""
        return any(name in names for name, _ in self.given)

    def value(self, *names: str) -> str | None:
        """Return the last value given for one of these."""
        found = [value for name, value in self.given if name in names]
        return found[-1] if found else None


def options(call: Call, *, flags: str, valued: str = "") -> Options:
    """Read options as getopt_long(3) does; Unreproduced for one that is not listed.

    `flags` and `valued` list names, separated by blanks: letters and long ones alike.
    """
    bare, taking = frozenset(flags.split()), frozenset(valued.split())
    given: list[tuple[str, str]] = []
    operands: list[str] = []
    words = list(reversed(call.known()))
    while words:
        word = words.pop()
        if word == "--":
            operands += reversed(words)
            break
        if word.startswith("--"):
            given.append(_long(word, bare, taking, words))
        elif word.startswith("-") and len(word) > 1:
            given += _letters(word[1:], bare, taking, words)
        else:
            operands.append(word)
    return Options(tuple(given), tuple(operands))


def _long(
    word: str, bare: frozenset[str], taking: frozenset[str], words: list[str]
) -> tuple[str, str]:
    name, equals, value = word[2:].partition("=")
    if name in taking - bare and not equals and words:
        return name, words.pop()
    if name not in taking and (name not in bare or equals):
        raise Unreproduced(f"its option --{name} is not read")
    return name, value


def _letters(
    letters: str, bare: frozenset[str], taking: frozenset[str], words: list[str]
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for place, letter in enumerate(letters):
        if letter in taking:
            rest = letters[place + 1 :]
            found.append((letter, rest or (words.pop() if words else "")))
            break
        if letter not in bare:
            raise Unreproduced(f"its option -{letter} is not read")
        found.append((letter, ""))
    return found
