"""A shell that executes nothing: its variables, its doubts, and where it is in a script.

What cannot be known has both outcomes walked (`branches`, `loops`); what they would
change is left out and noted.  Two things are taken for granted, because packages
that cannot be installed are in nobody's image: a script ends with success, so a
branch that ends it with failure is not taken; and where the shell ends at the
first failure, commands of unknown outcome succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, NoReturn

import attrs

from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.doubts import Doubt, State, Way
from imagesmith.rootfs.effects.ledger import Note
from imagesmith.rootfs.effects.outcome import UNKNOWN, Kind, Result, bounded
from imagesmith.rootfs.effects.streams import Heard, Input
from imagesmith.rootfs.effects.world import World

MAX_STEPS = 20_000
"""Commands walked in one script, kibibytes of their values, and paths that patterns match.

The longest script of Debian 12 takes some hundreds.
"""
MAX_DEPTH = 60
"""Constructs and calls within each other."""

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
    loops: int = 0
    """Around the present command, in this function."""
    globs: bool = True
    """Whether patterns stand for names of files: not after `set -f`."""
    trapped: str = ""
    """What is done at the end."""
    own: list[dict[str, str | None]] = attrs.field(factory=list)
    """For each function entered: what its `local` variables were outside."""
    joined: int = 0
    """How many commands around the present one have their messages read with their output."""
    checked: int = 0
    """How many conditions the present command is in: failing there ends nothing."""

    def special(self, name: str) -> str:
        """Return `$?`, `$#` and their kin."""
        if name == "?":
            return UNKNOWN if self.status is None else str(self.status)
        count = UNKNOWN if UNKNOWN in self.positional else str(len(self.positional))
        return {"#": count, "0": self.world.script}.get(name, UNKNOWN)

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""
        self.spend(len(value) // 1024)
        self.variables[name] = bounded(value)

    def substitute(self, body: sh.Sequence) -> str:
        """Return what commands print; their status is that of an assignment.

        A condition that they are in does not keep them from ending at a failure.
        """
        status, checked, self.checked = self.status, self.checked, 0
        try:
            with self.listening() as heard:
                self.substituted = self.subshell(lambda: self.run(body)).status
        finally:
            self.checked = checked
        self.status = status
        return heard.text

    def print(self, text: str) -> None:
        """Print something to whoever listens."""
        self.spend(len(self.output + text) // 1024)
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

    def doubted(self, way: Way | Literal["branch"], why: str, state: State) -> None:
        """Go on in a world that is not kept; `state` is what there is if nothing goes on."""
        self.doubts.append(Doubt(way, why, self.world, state))
        self.world = self.world.copy()

    def certain(self, before: int, result: Result, *ways: str) -> Result:
        """Forget the doubts since there were `before` that end here, and what was done in them.

        `result` is that of what ends here; behind it, only what is the same in any case is known.
        """
        since = self.doubts[before:]
        if not since:
            return result
        self.world = since[0].world
        del self.doubts[before:]
        state = self.state(result.status)
        for doubt in since:
            if doubt.way not in ways:
                self.doubts.append(attrs.evolve(doubt, world=self.world))
                self.world = self.world.copy()
            elif doubt.way != "branch":
                state = state.merged(doubt.state)
        self.restore(state)
        return attrs.evolve(result, status=state.status)

    def state(self, status: int | None) -> State:
        """Return what commands left behind."""
        return State(
            variables=dict(self.variables),
            positional=tuple(self.positional),
            functions=dict(self.functions),
            status=status,
            output=self.output,
        )

    def restore(self, state: State) -> None:
        """Be as a state says."""
        self.variables, self.functions = dict(state.variables), dict(state.functions)
        self.positional, self.output = list(state.positional), state.output

    def run(self, command: sh.Command) -> Result:
        """Walk a command."""
        self.spend(1)
        with self.deeper():
            result = self.walk(self, command)
        self.status = result.status
        return Result(result.status)

    def spend(self, steps: int) -> None:
        """Take some steps; GivenUp after too many."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise GivenUp

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
        before, state = len(self.doubts), self.state(None)
        kept = self.errexit, self.globs, self.trapped, self.loops
        umask, directory = self.world.umask, self.world.files.directory
        self.subshells += 1
        self.trapped = ""
        try:
            result = self.to_the_end(walk)
        finally:
            self.subshells -= 1
            self.errexit, self.globs, self.trapped, self.loops = kept
        result = self.certain(before, result, "exit", "return", "break", "continue")
        self.restore(attrs.evolve(state, output=self.output))
        self.world.umask, self.world.files.directory = umask, directory
        return result

    def to_the_end(self, walk: Walk) -> Result:
        """Walk something whatever ends it, and behind it what is trapped (§2.14, trap)."""
        try:
            result = walk()
        except Left as left:
            result = Result(left.status)
        trapped, self.trapped = self.trapped, ""
        if trapped:
            words = (sh.Word((sh.Text("eval"),)), sh.Word((sh.Text(trapped, quoted=True),)))
            try:
                self.run(sh.Simple(line=self.line, text=f"trap {trapped}", words=words))
            except Left as left:
                result = Result(left.status)
        return result

    def call(self, body: sh.Command, arguments: list[str]) -> Result:
        """Walk a function's body with parameters and variables of its own."""
        positional, before = list(self.positional), len(self.doubts)
        loops, self.loops = self.loops, 0
        self.positional = arguments
        self.own.append({})
        try:
            result = self.run(body)
        except Left as left:
            if left.way != "return":
                raise
            result = Result(left.status)
        finally:
            self.loops = loops
            result_own = self.own.pop()
        result = self.certain(before, result, "return")
        self.positional = positional
        self.unset(result_own)
        return result

    def unset(self, outside: Mapping[str, str | None]) -> None:
        """Give variables the values they had outside, or none."""
        for name, value in outside.items():
            if value is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = value
