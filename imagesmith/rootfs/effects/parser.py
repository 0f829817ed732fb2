"""Maintainer scripts as commands: the grammar of POSIX.1-2017, Shell & Utilities §2.10.

`parse` gives a value for any bytes: the commands, or `Unreadable` with the first
line that is not understood.  Nothing is ever executed or looked up; time is
linear in the length of the script, which is bounded, as is its depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

from imagesmith.rootfs.effects import simple
from imagesmith.rootfs.effects.syntax import (
    Arm,
    Background,
    Case,
    Chain,
    Command,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Redirected,
    Sequence,
    Unreadable,
    Word,
)
from imagesmith.rootfs.effects.words import Broken, Reader

MAX_BYTES = 256 * 1024
"""Of one script; the longest in Debian 12 has a fifth of it."""

_SHEBANG_LENGTH = 256
"""All that the kernel looks at (BINPRM_BUF_SIZE)."""
_SHELLS = ("sh", "dash", "bash")
_SHEBANG = re.compile(r"#![ \t]*(?P<path>\S+)(?:[ \t]+(?P<arguments>[^\n]*))?")
_KEYWORD = re.compile(
    r"(?:if|then|else|elif|fi|do|done|case|esac|while|until|for|in|function|!|\{|\})"
    r"(?=[\s;&|()<>]|\Z)"
)
_FUNCTION = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*\([ \t]*\)")
_ENDS = frozenset({"then", "else", "elif", "fi", "do", "done", "esac", "}"})


def parse(script: bytes) -> Sequence | Unreadable:
    """Return the commands of a script whose first line names a shell."""
    text = script.decode("utf-8", "surrogateescape")
    shebang = _SHEBANG.match(text)
    if shebang is None:
        return Unreadable(1, "no script")
    name = shebang["path"].rpartition("/")[2]
    if name not in _SHELLS:
        return Unreadable(1, f"written for {name}")
    return parse_text(text)


def errexit(script: bytes) -> bool:
    """Say whether the first line of a script asks the shell to end at the first failure."""
    shebang = _SHEBANG.match(script[:_SHEBANG_LENGTH].decode("utf-8", "surrogateescape"))
    return bool(shebang and re.match(r"-[a-z]*e", shebang["arguments"] or ""))


def is_bash(script: bytes) -> bool:
    """Say whether a script is written for bash, whose echo takes options."""
    shebang = _SHEBANG.match(script[:_SHEBANG_LENGTH].decode("utf-8", "surrogateescape"))
    return bool(shebang and shebang["path"].endswith("/bash"))


def parse_text(text: str) -> Sequence | Unreadable:
    """Return the commands of a text that is sourced."""
    if len(text) > MAX_BYTES:
        return Unreadable(1, f"longer than {MAX_BYTES} bytes")
    if "\0" in text:
        return Unreadable(1, "no text")
    reader = Reader(text, _commands)
    try:
        return _commands(reader, "")
    except Broken as error:
        return Unreadable(reader.line, str(error))


def _commands(reader: Reader, closing: str) -> Sequence:
    """Read commands and the closing parenthesis, or all of the text."""
    found = _sequence(reader)
    if closing and not reader.takes(closing):
        raise Broken(f"no closing {closing}")
    if not closing and not reader.ended():
        raise Broken(f"unexpected {reader.text[reader.place : reader.place + 10]!r}")
    return found


def _sequence(reader: Reader) -> Sequence:
    """Read commands as long as there are any."""
    found: list[Command] = []
    while True:
        _lines(reader)
        if reader.ended() or reader.sees(")") or reader.sees(";") or _keyword(reader) in _ENDS:
            return Sequence(tuple(found))
        command = _chain(reader)
        if reader.sees("&"):
            reader.place += 1
            command = Background(command)
        elif not reader.sees(";;"):
            reader.takes(";")
        found.append(command)


def _lines(reader: Reader) -> None:
    """Pass blanks and line ends."""
    reader.blank()
    while reader.newline():
        reader.blank()


def _keyword(reader: Reader) -> str:
    """Return the reserved word that is next, or nothing."""
    match = _KEYWORD.match(reader.text, reader.place)
    return match[0] if match else ""


def _expect(reader: Reader, keyword: str) -> None:
    _lines(reader)
    if _keyword(reader) != keyword:
        raise Broken(f"expected {keyword}")
    reader.place += len(keyword)


def _chain(reader: Reader) -> Command:
    """Read pipelines joined by `&&` and `||`."""
    first = _pipeline(reader)
    rest: list[tuple[Literal["&&", "||"], Command]] = []
    while True:
        operator: Literal["&&", "||"] | None = (
            "&&" if reader.takes("&&") else "||" if reader.takes("||") else None
        )
        if operator is None:
            return Chain(first, tuple(rest)) if rest else first
        _lines(reader)
        rest.append((operator, _pipeline(reader)))


def _pipeline(reader: Reader) -> Command:
    """Read commands joined by `|`."""
    negated = False
    while _keyword(reader) == "!":
        reader.place += 1
        reader.blank()
        negated = not negated
    commands = [_command(reader)]
    while reader.sees("|") and not reader.sees("||"):
        reader.place += 1
        _lines(reader)
        commands.append(_command(reader))
    return commands[0] if len(commands) == 1 and not negated else Pipeline(tuple(commands), negated)


def _command(reader: Reader) -> Command:
    """Read one command, compound ones with their redirections."""
    reader.blank()
    start = reader.place
    function = _FUNCTION.match(reader.text, start)
    if function is not None:
        reader.place = function.end()
        _lines(reader)
        return Function(function[1], _nested(reader))
    if not (_keyword(reader) or reader.sees("(")):
        return simple.command(reader)
    command = _nested(reader)
    text = simple.quoted(reader, start)
    redirections = tuple(simple.redirections(reader))
    if not redirections:
        return command
    line = reader.line_at(start)
    return Redirected(line=line, text=text, command=command, redirections=redirections)


def _nested(reader: Reader) -> Command:
    """Read a compound command one level deeper."""
    reader.deeper()
    if reader.takes("("):
        command: Command = Group(_commands(reader, ")"), subshell=True)
    else:
        keyword = _keyword(reader)
        compound = _COMPOUND.get(keyword)
        if compound is None:
            raise Broken(f"unexpected {keyword or 'command'}")
        reader.place += len(keyword)
        command = compound(reader)
    reader.shallower()
    reader.blank()
    return command


def _group(reader: Reader) -> Group:
    body = _sequence(reader)
    _expect(reader, "}")
    return Group(body, subshell=False)


def _if(reader: Reader) -> If:
    branches: list[tuple[Sequence, Sequence]] = []
    otherwise = Sequence()
    keyword = "elif"
    while keyword == "elif":
        condition = _sequence(reader)
        _expect(reader, "then")
        branches.append((condition, _sequence(reader)))
        keyword = _keyword(reader)
        reader.place += len(keyword)
    if keyword == "else":
        otherwise = _sequence(reader)
        _expect(reader, "fi")
    elif keyword != "fi":
        raise Broken("expected fi")
    return If(tuple(branches), otherwise)


def _while(reader: Reader) -> Loop:
    return _loop(reader, until=False)


def _until(reader: Reader) -> Loop:
    return _loop(reader, until=True)


def _loop(reader: Reader, *, until: bool) -> Loop:
    condition = _sequence(reader)
    return Loop(condition, _body(reader), until)


def _body(reader: Reader) -> Sequence:
    _expect(reader, "do")
    body = _sequence(reader)
    _expect(reader, "done")
    return body


def _for(reader: Reader) -> For:
    name = simple.literal(simple.word(reader))
    _lines(reader)
    words: list[Word] | None = None
    if _keyword(reader) == "in":
        reader.place += len("in")
        words = []
        reader.blank()
        while (word := reader.word()) is not None:
            words.append(word)
            reader.blank()
    reader.takes(";")
    return For(name, None if words is None else tuple(words), _body(reader))


def _case(reader: Reader) -> Case:
    subject = simple.word(reader)
    _expect(reader, "in")
    arms: list[Arm] = []
    _lines(reader)
    while _keyword(reader) != "esac":
        arms.append(_arm(reader))
        _lines(reader)
    reader.place += len("esac")
    return Case(subject, tuple(arms))


def _arm(reader: Reader) -> Arm:
    reader.takes("(")
    patterns = [simple.word(reader)]
    reader.blank()
    while reader.takes("|"):
        patterns.append(simple.word(reader))
        reader.blank()
    if not reader.takes(")"):
        raise Broken("expected ) behind a pattern")
    body = _sequence(reader)
    if not reader.takes(";;") and _keyword(reader) != "esac":
        raise Broken("expected ;;")
    return Arm(tuple(patterns), body)


_COMPOUND: Mapping[str, Callable[[Reader], Command]] = {
    "{": _group,
    "if": _if,
    "while": _while,
    "until": _until,
    "for": _for,
    "case": _case,
}
