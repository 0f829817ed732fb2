"""A shell that executes nothing: its variables, its doubts, and where it is in a script.

What cannot be known has both outcomes walked (`branches`, `loops`); what they would
change is left out and noted.  Two things are taken for granted, because packages
that cannot be installed are in nobody's image: a script ends with success, so a
branch that ends it with failure is not taken; and where the shell ends at the
first failure, commands of unknown outcome succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NoReturn

import attrs

from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.ledger import Note
from imagesmith.rootfs.effects.outcome import UNKNOWN, Kind, Result, bounded, is_known
from imagesmith.rootfs.effects.world import World

MAX_STEPS = 20_000
"""Commands walked in one script; the longest of Debian 12 takes some hundreds."""
MAX_DEPTH = 60
"""Constructs and calls within each other."""

Way = Literal["exit", "return", "break", "continue"]
Walk = Callable[[], Result]
"""Something to be walked now or later."""


class Left(Exception):
    """A script leaves where it is: by exit, return, break or continue."""

    def __init__(self, way: Way, status: int | None, levels: int = 1) -> None:
        """Leave by `way`, loops by as many `levels`."""
        super().__init__(way)
        self.way, self.status, self.levels = way, status, levels


class GivenUp(Exception):
    """A script takes more steps than anybody's does."""


@attrs.define
class Input:
    """What a command reads, and how far it was read."""

    text: str = ""
    place: int = 0

    def rest(self) -> str:
        """Return what was not read yet, and read it."""
        place, self.place = self.place, len(self.text)
        return self.text[place:]

    def line(self) -> str | None:
        """Return the next line without its end; None where there is none."""
        if self.place >= len(self.text):
            return None
        if not is_known(self.text):
            return UNKNOWN
        end = self.text.find("\n", self.place)
        end = len(self.text) if end < 0 else end
        start, self.place = self.place, end + 1
        return self.text[start:end]


@attrs.define
class Heard:
    """What was printed while somebody listened."""

    text: str = ""


@attrs.frozen
class Doubt:
    """Why what follows may not happen, and the world to go back to."""

    way: Way | Literal["branch"]
    why: str
    world: World


@attrs.define(kw_only=True)
class Shell:
    """A shell in the middle of a script."""

    world: World
    walk: Callable[[Shell, sh.Command], Result]
    """What knows every kind of command."""
    variables: dict[str, str]
    positional: list[str]
    errexit: bool = False
    functions: dict[str, sh.Command] = attrs.field(factory=dict)
    notes: list[tuple[Kind, Note]] = attrs.field(factory=list)
    input: Input = attrs.field(factory=Input)
    doubts: list[Doubt] = attrs.field(factory=list)
    output: str = ""
    """What was printed since somebody listens."""
    status: int | None = 0
    """Of the last command, `$?`."""
    substituted: int | None = 0
    """Of the last command substitution in the present command."""
    line: int = 1
    """Of the last simple command."""
    steps: int = 0
    depth: int = 0
    subshells: int = 0
    checked: int = 0
    """How many conditions the present command is in: failing there ends nothing."""

    def special(self, name: str) -> str:
        """Return `$?`, `$#` and their kin."""
        if name == "?":
            return UNKNOWN if self.status is None else str(self.status)
        return {"#": str(len(self.positional)), "0": self.world.script}.get(name, UNKNOWN)

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""
        self.variables[name] = bounded(value)

    def substitute(self, body: sh.Sequence) -> str:
        """Return what commands print; their status is that of an assignment."""
        status = self.status
        with self.listening() as heard:
            self.substituted = self.subshell(lambda: self.run(body)).status
        self.status = status
        return heard.text

    def print(self, text: str) -> None:
        """Print something to whoever listens."""
        self.output = bounded(self.output + text)

    @contextmanager
    def listening(self) -> Iterator[Heard]:
        """Hear what is printed meanwhile; nobody else does."""
        heard, before, self.output = Heard(), self.output, ""
        try:
            yield heard
        finally:
            heard.text, self.output = self.output, before

    def ends(self, status: int | None) -> NoReturn:
        """Leave the script."""
        raise Left("exit", status)

    def note(self, kind: Kind, line: int, text: str, about: str) -> None:
        """Keep a note."""
        self.notes.append((kind, Note(line, text, about)))

    @property
    def doubt(self) -> str:
        """Why what is being walked may not happen; empty if it does."""
        return self.doubts[-1].why if self.doubts else ""

    def doubted(self, way: Way | Literal["branch"], why: str) -> None:
        """Go on in a world that is not kept."""
        self.doubts.append(Doubt(way, why, self.world))
        self.world = self.world.copy()

    def certain(self, before: int, *ways: str) -> None:
        """Forget the doubts since there were `before` that end here, and what was done in them."""
        since = self.doubts[before:]
        if not since:
            return
        self.world = since[0].world
        del self.doubts[before:]
        for doubt in since:
            if doubt.way not in ways:
                self.doubted(doubt.way, doubt.why)

    def run(self, command: sh.Command) -> Result:
        """Walk a command."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise GivenUp
        with self.deeper():
            result = self.walk(self, command)
        self.status = result.status
        return Result(result.status)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Be in one construct more; GivenUp in too many."""
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise GivenUp
            yield
        finally:
            self.depth -= 1

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Be in a condition."""
        self.checked += 1
        try:
            yield
        finally:
            self.checked -= 1

    def failing(self, result: Result) -> Result:
        """End the script at a failure, where it asks for that."""
        if not self.errexit or self.checked or result.status == 0:
            return result
        if result.status is None:
            return attrs.evolve(result, status=0)
        raise Left("exit", result.status)

    def subshell(self, walk: Walk) -> Result:
        """Walk something whose variables and exit stay inside."""
        variables, functions = dict(self.variables), dict(self.functions)
        positional, errexit, before = list(self.positional), self.errexit, len(self.doubts)
        umask = self.world.umask
        self.subshells += 1
        try:
            result = walk()
        except Left as left:
            result = Result(left.status)
        finally:
            self.subshells -= 1
            self.variables, self.functions = variables, functions
            self.positional, self.errexit = positional, errexit
        self.certain(before, "exit", "return", "break", "continue")
        self.world.umask = umask
        return result

    def call(self, body: sh.Command, arguments: list[str]) -> Result:
        """Walk a function's body with parameters of its own."""
        positional, before = self.positional, len(self.doubts)
        self.positional = arguments
        try:
            return self.run(body)
        except Left as left:
            if left.way != "return":
                raise
            return Result(left.status)
        finally:
            self.positional = positional
            self.certain(before, "return")
