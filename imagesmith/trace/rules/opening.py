"""What programs open by name while they run: dlopen(3) worked out in their own processes.

Which file a name leads to depends on who asks, and on the program around it:
both lend their search paths.  So every process that has the requester is put
together again, opens the name, and what is mapped then and was not before
comes into the closure.  What was opened may open more: a trail says how an
object came into its process.
"""

from __future__ import annotations

from typing import Final

import attrs

from imagesmith.elf.closure import LoaderClosure, Object, Opening, load_in
from imagesmith.trace.closure import Reason
from imagesmith.trace.reasons import describe_error, describe_missing
from imagesmith.trace.rules.binaries import mains
from imagesmith.trace.rules.rule import Load
from imagesmith.trace.shipping import Shipping, unable

MAX_OPENINGS: Final = 16_384
"""Of a name in a process; Python's library needs some seventy.  A file may hold notes on any
number of names, and whoever wrote it is not trusted."""


@attrs.frozen
class Trail:
    """A process: a seed, and what was opened in it so far."""

    seed: str
    """As found."""
    is_program: bool
    """Whether the seed starts a process; otherwise it is a plugin that no program has loaded."""
    openings: tuple[Opening, ...] = ()


@attrs.frozen
class _Opened:
    """What one process maps when it opens a name that leads to a file."""

    trail: Trail
    """The opening is its last one."""
    target: Object
    added: LoaderClosure
    """What is mapped, missing and wrong only since then."""


@attrs.define
class Openings:
    """The processes of a closure, and what is opened in them."""

    shipping: Shipping
    most: int = MAX_OPENINGS
    _processes: dict[Trail, LoaderClosure] = attrs.field(init=False, factory=dict)
    _trails: dict[str, dict[str, Trail]] = attrs.field(init=False, factory=dict)
    """By real path, the processes an object is in, by their seeds.  The first way into each counts:
    libraries that open each other have more ways than anybody can try."""
    _learned: int = attrs.field(init=False, default=0)
    """How many loads of the closure are known here."""
    _done: set[tuple[str, Load, Trail]] = attrs.field(init=False, factory=set)

    def load(self, rule: str, finding: Load) -> bool:
        """Enter what every process that opens a library maps then; say whether any was new."""
        pending = [
            trail
            for trail in self._of(finding.needed_by)
            if (rule, finding, trail) not in self._done
        ]
        if pending and len(self._done) >= self.most:
            problem = f"runtime rules open more than {self.most} libraries by name"
            self.shipping.reasons.problems[problem] = None
            return False
        for trail in pending:
            self._done.add((rule, finding, trail))
            opened = self._first(trail, finding)
            if opened is not None:
                self._enter(rule, finding, opened)
            elif finding.required:
                self._miss(rule, finding, trail)
        return bool(pending)

    def target(self, finding: Load) -> str | None:
        """Return the real path of what is opened, in the first process that finds something."""
        found = (self._first(trail, finding) for trail in self._of(finding.needed_by))
        return next((opened.target.real for opened in found if opened is not None), None)

    def _enter(self, rule: str, finding: Load, opened: _Opened) -> None:
        reasons, target = self.shipping.reasons, opened.target
        if any(path in self.shipping.excluded for path in (target.real, *target.links)):
            return
        if not finding.required and not opened.added.complete:
            reasons.warnings[f"{target.real}: left out: {unable(opened.added)}"] = None
            return
        name = opened.trail.openings[-1].name
        found = f"{name} by {target.rule}" if name != target.real else ""  # the path says it
        detail = _said(finding, found)
        reasons.add(target.real, Reason(rule, finding.needed_by, detail))
        self._note(opened.added, opened.trail)
        if opened.added.objects:
            reasons.add_load(opened.added, self._process(opened.trail))
            self._learned += 1

    def _miss(self, rule: str, finding: Load, trail: Trail) -> None:
        """Note why none of the names can be opened."""
        for name in finding.names:
            added = self._added(trail, self._opening(trail, name, finding))
            why = [*map(describe_missing, added.missing), *map(describe_error, added.errors)]
            for problem in why or [f"{name}: {finding.needed_by} has no loader to open it with"]:
                self.shipping.reasons.problems[f"{problem}; {_said(finding, rule)}"] = None

    def _first(self, trail: Trail, finding: Load) -> _Opened | None:
        """Open the first of several names that leads to a file."""
        for name in finding.names:
            further = self._opening(trail, name, finding)
            target = _target(self._process(further), further.openings[-1])
            if target is not None:
                return _Opened(further, target, self._added(trail, further))
        return None

    def _opening(self, trail: Trail, name: str, finding: Load) -> Trail:
        opening = Opening(name, finding.needed_by)
        return attrs.evolve(trail, openings=(*trail.openings, opening))

    def _added(self, trail: Trail, further: Trail) -> LoaderClosure:
        return without(self._process(further), self._process(trail))

    def _process(self, trail: Trail) -> LoaderClosure:
        if trail not in self._processes:
            shipping = self.shipping
            self._processes[trail] = load_in(
                shipping.reasons.root, trail.seed, shipping.environment, trail.openings
            )
        return self._processes[trail]

    def _of(self, real: str) -> tuple[Trail, ...]:
        """Return the processes an object is in; a plugin's own only if no program has it."""
        loads = self.shipping.reasons.loads
        while self._learned < len(loads):
            self._learn(loads[self._learned])
            self._learned += 1
        trails = tuple(self._trails.get(real, {}).values())
        return tuple(each for each in trails if each.is_program) or trails[:1]

    def _learn(self, load: LoaderClosure) -> None:
        started = [each.path for each in mains(self.shipping.reasons.root, load)]
        alone = [each.path for each in load.objects[:1] if not started]
        for seed in (*started, *alone):
            trail = Trail(seed, is_program=bool(started))
            self._note(self._process(trail), trail)

    def _note(self, closure: LoaderClosure, trail: Trail) -> None:
        for each in (*closure.objects, *closure.extras):
            self._trails.setdefault(each.real, {}).setdefault(trail.seed, trail)


def without(after: LoaderClosure, before: LoaderClosure) -> LoaderClosure:
    """Return what a process has that it did not have before."""
    known = {each.real for each in (*before.objects, *before.extras)}
    return LoaderClosure(
        loader=after.loader,
        objects=tuple(each for each in after.objects if each.real not in known),
        extras=tuple(each for each in after.extras if each.real not in known),
        missing=tuple(each for each in after.missing if each not in before.missing),
        errors=tuple(each for each in after.errors if each not in before.errors),
        warnings=tuple(each for each in after.warnings if each not in before.warnings),
        edges=tuple(each for each in after.edges if each not in before.edges),
        consulted=tuple(each for each in after.consulted if each not in before.consulted),
    )


def _said(finding: Load, what: str) -> str:
    """Put what asked for it before what came of it."""
    return ": ".join(each for each in (finding.detail, what) if each)


def _target(after: LoaderClosure, opening: Opening) -> Object | None:
    """Return the object that answered an opening."""
    objects = (*after.objects, *after.extras)
    asking = {each.path for each in objects if each.real == opening.requester}
    answers = {
        edge.target
        for edge in after.edges
        if edge.requester in asking and edge.name == opening.name
    }
    return next((each for each in objects if each.path in answers), None)
