"""Reading simple commands: assignments, words and redirections (POSIX.1-2017, §2.9.1)."""

from __future__ import annotations

import re
from typing import Literal, get_args

from imagesmith.rootfs.effects.syntax import Assignment, Redirection, Simple, Text, Word
from imagesmith.rootfs.effects.words import Broken, Reader

LONGEST = 200
"""Characters of a command that a ledger quotes."""

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(?!\()")
_NUMBER = re.compile(r"[0-9]+(?=[<>])")
_REDIRECTION = re.compile(r"<<-|<<|>>|>\||<>|<&|>&|<|>")
_Operator = Literal["<", ">", ">>", ">|", "<>", "<&", ">&", "<<"]


def word(reader: Reader) -> Word:
    """Read a word; Broken if there is none."""
    reader.blank()
    found = reader.word()
    if found is None:
        raise Broken("expected a word")
    return found


def literal(named: Word) -> str:
    """Return a word of plain characters; Broken if it is another."""
    match named.parts:
        case (Text(text=text, quoted=False),):
            return text
        case _:
            raise Broken("expected a name")


def command(reader: Reader) -> Simple:
    """Read assignments, words and redirections in any order."""
    start = reader.place
    assignments: list[Assignment] = []
    words: list[Word] = []
    sinks: list[Redirection] = []
    while True:
        reader.blank()
        sinks += redirections(reader)
        assigned = None if words else _ASSIGNMENT.match(reader.text, reader.place)
        if assigned is not None:
            reader.place = assigned.end()
            assignments.append(Assignment(assigned[1], reader.word() or Word()))
            continue
        found = reader.word()
        if found is None:
            break
        words.append(found)
    if reader.place == start:
        raise Broken(f"unexpected {reader.text[start : start + 10]!r}")
    return Simple(
        line=reader.line_at(start),
        text=quoted(reader, start),
        assignments=tuple(assignments),
        words=tuple(words),
        redirections=tuple(sinks),
    )


def quoted(reader: Reader, start: int) -> str:
    """Return what was read since `start` on one line."""
    text = reader.text[start : min(reader.place, start + 4 * LONGEST)].replace("\\\n", " ")
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def redirections(reader: Reader) -> list[Redirection]:
    """Read redirections as long as there are any."""
    found: list[Redirection] = []
    while True:
        number = _NUMBER.match(reader.text, reader.place)
        operator = _REDIRECTION.match(reader.text, number.end() if number else reader.place)
        if operator is None:
            return found
        reader.place = operator.end()
        reader.blank()
        spelled = operator[0].removesuffix("-") if operator[0] == "<<-" else operator[0]
        is_document = spelled == "<<"
        target = reader.document(indented="-" in operator[0]) if is_document else word(reader)
        assert spelled in get_args(_Operator)
        descriptor = int(number[0][:3]) if number else 0 if spelled.startswith("<") else 1
        found.append(Redirection(descriptor, spelled, target))  # type: ignore[arg-type]  # asserted
        reader.blank()
