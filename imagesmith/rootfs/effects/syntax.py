"""The shell command language as values (POSIX.1-2017, Shell & Utilities §2), as far as it is read.

Compound commands nest; everything else is flat.  Whatever can be named in a
ledger knows the line it stands on and the words it is written with.
"""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Unreadable:
    """A script that is not what the parser reads, and where that shows first."""

    line: int
    problem: str


@attrs.frozen
class Text:
    """Literal characters; quoted ones are no patterns."""

    text: str
    quoted: bool = False


@attrs.frozen
class Parameter:
    """`$name` or `${name}` with an operator such as `:-` or `%%` and its argument."""

    name: str
    operator: str = ""
    argument: Word | None = None
    quoted: bool = False


@attrs.frozen
class Substitution:
    """`$(…)`, or the same between backquotes."""

    body: Sequence
    quoted: bool = False


@attrs.frozen
class Arithmetic:
    """`$((…))`; nobody computes it."""

    quoted: bool = False


Part = Text | Parameter | Substitution | Arithmetic


@attrs.frozen
class Word:
    """One word before expansion."""

    parts: tuple[Part, ...] = ()


@attrs.frozen
class Assignment:
    """`name=value` before or instead of a command."""

    name: str
    value: Word


@attrs.frozen
class Redirection:
    """`>` and its kind; the target of `<<` is the document itself."""

    number: int
    """The file descriptor; 0 or 1 where none is written."""
    operator: Literal["<", ">", ">>", ">|", "<>", "<&", ">&", "<<"]
    target: Word


@attrs.frozen(kw_only=True)
class Simple:
    """A simple command."""

    line: int
    text: str
    """As it is written, on one line and cut where it is long."""
    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word, ...] = ()
    redirections: tuple[Redirection, ...] = ()


@attrs.frozen
class Pipeline:
    """Commands joined by `|`, and whether `!` stands before them."""

    commands: tuple[Command, ...]
    negated: bool = False


@attrs.frozen
class Chain:
    """Pipelines joined by `&&` and `||`, from left to right."""

    first: Command
    rest: tuple[tuple[Literal["&&", "||"], Command], ...]


@attrs.frozen
class If:
    """`if`, every `elif`, and `else`."""

    branches: tuple[tuple[Sequence, Sequence], ...]
    """Condition and body."""
    otherwise: Sequence


@attrs.frozen
class Arm:
    """One `pattern) … ;;`."""

    patterns: tuple[Word, ...]
    body: Sequence


@attrs.frozen
class Case:
    """`case`."""

    subject: Word
    arms: tuple[Arm, ...]


@attrs.frozen
class For:
    """`for`; without `in` it walks the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence


@attrs.frozen
class Loop:
    """`while`, or `until` where the condition is negated."""

    condition: Sequence
    body: Sequence
    until: bool


@attrs.frozen
class Function:
    """A function's definition."""

    name: str
    body: Command


@attrs.frozen
class Group:
    """`{ … }`, or `( … )` in a subshell."""

    body: Sequence
    subshell: bool


@attrs.frozen
class Background:
    """`command &`."""

    command: Command


@attrs.frozen(kw_only=True)
class Redirected:
    """A compound command with redirections behind it."""

    line: int
    text: str
    command: Command
    redirections: tuple[Redirection, ...]


@attrs.frozen
class Sequence:
    """Commands one after another."""

    commands: tuple[Command, ...] = ()


Command = (
    Simple
    | Pipeline
    | Chain
    | If
    | Case
    | For
    | Loop
    | Function
    | Group
    | Background
    | Redirected
    | Sequence
)
