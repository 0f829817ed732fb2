"""One check of an image, run: its steps one after the other, in a small world of their own.

The world is memory in place of all that may be written to, and a network that is but a
loopback interface (`holder`).  What the steps see of the image is read-only, as
`run` has it.  Whatever happens, nothing of it is left when the check is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import attrs

from imagesmith.errors import HostError, ProgramNotFound, ProgramRefused, UsageError
from imagesmith.manifest.sections import Check, Step
from imagesmith.sandbox.checks import capture, expect, holder
from imagesmith.sandbox.checks.capture import Running
from imagesmith.sandbox.checks.holder import Held
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.starting.launch import Host, Launch
from imagesmith.sandbox.starting.program import Asked
from imagesmith.sandbox.trees.lending import Exported

EMULATED = 10
"""How much longer a step may take where an emulator runs it."""

_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost\n"


@attrs.frozen(kw_only=True)
class Stage:
    """Where checks of an image take place."""

    image: Exported
    full: Exported | None
    """The union of its packages, if a check asks for it."""
    stop: int
    """The signal that ends background steps."""
    host: Host
    patience: float = 1
    """What every time limit is multiplied with."""


@attrs.frozen(kw_only=True)
class Failure:
    """The step a check failed at."""

    step: int
    """Its index."""
    problem: str
    """What was expected, and what happened."""
    tail: tuple[str, ...] = ()
    """The last lines it printed."""
    sought: tuple[str, ...] = ()
    """Where the program, or its interpreter, would have to be for it to start at all."""


class _Failed(Exception):
    """A step failed, and the check with it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


Through = Callable[[int], Sequence[str]]
"""Gives words to start bubblewrap through, for a step by its index."""


def plainly(_step: int) -> Sequence[str]:
    """Start nothing but bubblewrap."""
    return ()


def run(check: Check, stage: Stage, *, through: Through = plainly) -> Failure | None:
    """Run a check; None if it passes.

    HostError where this machine cannot; whatever else keeps a program from starting is a failure.
    """
    with ExitStack() as stack:
        shared = stack.enter_context(holder.held(stage.host))
        course = _Course(
            stage=stage,
            writable=check.writable,
            shared=shared,
            hosts=shared.file("hosts", _HOSTS),
            through=through,
        )
        try:
            course.take(check.steps, stack)
        except _Failed as failed:
            return failed.failure
    return None


@attrs.define(kw_only=True)
class _Course:
    """A check while it runs."""

    stage: Stage
    writable: tuple[str, ...]
    shared: Held
    hosts: str
    """A file with what /etc/hosts is to say."""
    through: Through
    background: list[_Step] = attrs.field(factory=list, init=False)
    """What was started and is to run until the end."""

    def take(self, steps: Sequence[Step], stack: ExitStack) -> None:
        """Run every step; _Failed at the first that does not do what is expected."""
        for index, step in enumerate(steps):
            prepared = self._prepared(index, step)
            running = capture.started(prepared, stdin=step.stdin.encode())
            begun = _Step(index, step, stack.enter_context(running))
            if step.background:
                self._await_ready(begun)
                self.background.append(begun)
            else:
                self._await_end(begun)
        while self.background:
            last = self.background.pop()
            last.running.signal(self.stage.stop)
            self._await_end(last)

    def _prepared(self, index: int, step: Step) -> Launch:
        tree = self.stage.image if step.tree == "image" else self.stage.full
        assert tree is not None, "whoever makes a stage knows what the checks ask for"
        try:
            asked = _asked(step, self.stage.image, self.writable, self.hosts)
            prepared = launch.prepare(tree, asked, self.stage.host, shared=self.shared)
        except (ProgramRefused, UsageError) as error:
            sought = error.sought if isinstance(error, ProgramNotFound) else ()
            raise _Failed(Failure(step=index, problem=error.message, sought=sought)) from None
        words = (*self.through(index), *self.shared.entering, *prepared.through)
        return prepared._replace(options=("--share-net", *prepared.options), through=words)

    def _await_ready(self, begun: _Step) -> None:
        """Wait until a background step is ready for others."""
        step, running = begun.step, begun.running

        def is_ready() -> bool:
            told = running.has_printed(step.ready.encode())
            return told and (step.port is None or running.listens_on(step.port))

        seconds = step.timeout * self.stage.patience
        self._wait(begun, is_ready, seconds)
        if running.status is not None:
            ended = expect.spelled_status(running.status)
            raise begun.failed(f"{ended} before it was ready", self.stage.host)
        if not is_ready():
            raise begun.failed(f"not ready after {seconds:g} s", self.stage.host)

    def _await_end(self, begun: _Step) -> None:
        """Wait until a step has ended, as it was expected to."""
        running, seconds = begun.running, begun.step.timeout * self.stage.patience
        self._wait(begun, lambda: False, seconds)
        if running.status is None:
            raise begun.failed(f"still running after {seconds:g} s", self.stage.host)
        problem = expect.problem(begun.step, running, stop=self.stage.stop)
        if problem:
            raise begun.failed(problem, self.stage.host)

    def _wait(self, begun: _Step, until: Callable[[], bool], seconds: float) -> None:
        """Wait for a step until something is true, or it or a step in the background has ended.

        Whoever waits for a dead server is not to blame: _Failed blames that one.
        """
        programs = [begun.running, *(each.running for each in self.background)]

        def is_over() -> bool:
            return any(each.status is not None for each in programs) or until()

        capture.wait(programs, is_over, seconds=seconds)
        self._check_alive()

    def _check_alive(self) -> None:
        """Require every background step to run still."""
        for each in self.background:
            each.running.look()
            if each.running.status is not None:
                ended = expect.spelled_status(each.running.status)
                raise each.failed(f"{ended} while other steps needed it", self.stage.host)


@attrs.frozen
class _Step:
    """A step that was started."""

    index: int
    step: Step
    running: Running

    def failed(self, problem: str, host: Host) -> _Failed:
        """Return that it failed; HostError if there was no sandbox for it."""
        if not self.running.has_begun:
            prepared = self.running.launch
            error = launch.why_not(prepared.bwrap, prepared.path, host)
            if isinstance(error, HostError):
                raise error
            problem = error.message
        return _Failed(Failure(step=self.index, problem=problem, tail=expect.tail(self.running)))


def _asked(step: Step, image: Exported, writable: tuple[str, ...], hosts: str) -> Asked:
    """Return what a step wants; where the image may be written to, the full tree may be too."""
    return Asked(
        arguments=(*step.command[1:], *step.args),
        entrypoint=step.command[0] if step.command else None,
        user=step.user or None,
        env=tuple(f"{name}={value}" for name, value in step.env),
        volumes=((hosts, "/etc/hosts", False),),
        writable=(*writable, *image.writable) if step.tree == "full" else writable,
    )
