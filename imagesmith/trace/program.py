"""What running a program maps and opens: scripts down to their interpreters, ELF to its libraries.

A script has no loader, its interpreter has.  So the closure of a script is the
script itself, followed by the closure of what the kernel (or env) runs for it;
rule `shebang` or `env` stands where a program's own closure says `seed`.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagesmith.elf.closure import (
    BARE,
    Environment,
    LoaderClosure,
    Missing,
    Object,
    Root,
    Unloadable,
    load_in,
)
from imagesmith.model.facts import Script
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, is_executable
from imagesmith.trace.scripts import MAX_DEPTH, Command, Shebang, Unclear, env_command, shebang

Check = Callable[[LoaderClosure], LoaderClosure]
"""Adds to the closure of one process what is wrong with it."""


def _unchecked(closure: LoaderClosure) -> LoaderClosure:
    return closure


def program(
    root: Root, path: str, environment: Environment = BARE, *, check: Check = _unchecked
) -> LoaderClosure:
    """Return everything that starting the file at `path` needs."""
    return _Run(root, environment, check).run(_Step(path, "seed"))


@attrs.frozen
class _Step:
    """One file that is executed, and why."""

    path: str
    rule: str
    needed_by: str | None = None
    detail: str = ""
    scripts: tuple[str, ...] = ()
    """The scripts the kernel went through to come here."""
    visited: frozenset[str] = frozenset()
    """Every script of the chain, across env."""


@attrs.frozen
class _Run:
    root: Root
    environment: Environment
    check: Check

    def run(self, step: _Step) -> LoaderClosure:
        found = self.root.lookup(step.path)
        entry = found.entry if isinstance(found, Found) else None
        if not isinstance(found, Found) or not isinstance(entry, File):
            return self._elf(step)
        if not isinstance(entry.facts, Script):
            return self._elf(step)
        this = _object(step, found)
        if len(step.scripts) == MAX_DEPTH:
            return _failed(this, f"more than {MAX_DEPTH} scripts in a row")
        if found.path in step.visited:
            return _failed(this, "the script leads back to itself")
        line = shebang(entry.facts)
        if isinstance(line, Unclear):
            return _failed(this, line.problem)
        below = _Step(
            line.interpreter,
            "shebang",
            step.path,
            str(line),
            (*step.scripts, found.path),
            step.visited | {found.path},
        )
        closure = _joined(LoaderClosure(objects=(this,)), self.run(below))
        return self._with_env(closure, line, below) if line.runs_env else closure

    def _elf(self, step: _Step) -> LoaderClosure:
        """Load an ELF file; as an interpreter it is no seed, and its absence has a requester."""
        closure = self.check(load_in(self.root, step.path, self.environment))
        if step.rule == "seed":
            return closure
        seed, *others = closure.objects or (None,)
        objects = () if seed is None else (_renamed(seed, step), *others)
        missing = tuple(
            attrs.evolve(each, needed_by=step.needed_by) if each.needed_by is None else each
            for each in closure.missing
        )
        return attrs.evolve(closure, objects=objects, missing=missing)

    def _with_env(self, closure: LoaderClosure, line: Shebang, step: _Step) -> LoaderClosure:
        """Add what env runs, looked up on the PATH of the image."""
        command = env_command(line.argument)
        script = step.needed_by
        assert script is not None
        match command:
            case None:
                return closure
            case Unclear(problem):
                return attrs.evolve(closure, errors=(*closure.errors, Unloadable(script, problem)))
            case Command():
                return self._command(closure, command, step)

    def _command(self, closure: LoaderClosure, command: Command, step: _Step) -> LoaderClosure:
        path = self._executable(command)
        if path is not None:
            below = attrs.evolve(step, path=path, rule="env", scripts=())
            return _joined(closure, self.run(below))
        advice = (
            "the kernel passes one argument; env -S splits it" if " " in command.program else None
        )
        searched = () if "/" in command.program else command.path
        missing = Missing(command.program, step.needed_by, searched, advice)
        return attrs.evolve(closure, missing=(*closure.missing, missing))

    def _executable(self, command: Command) -> str | None:
        """Return the first executable file that answers, as execvp(3) would."""
        paths = [f"{directory}/{command.program}" for directory in command.path]
        for path in [command.program] if "/" in command.program else paths:
            found = self.root.lookup(path) if path.startswith("/") else None
            entry = found.entry if isinstance(found, Found) else None
            if isinstance(entry, File) and is_executable(entry):
                return path
        return None


def _object(step: _Step, found: Found) -> Object:
    return Object(
        path=step.path,
        real=found.path,
        links=found.links,
        rule=step.rule,
        needed_by=step.needed_by,
        name=step.path,
        detail=step.detail,
    )


def _renamed(seed: Object, step: _Step) -> Object:
    return attrs.evolve(seed, rule=step.rule, needed_by=step.needed_by, detail=step.detail)


def _failed(script: Object, problem: str) -> LoaderClosure:
    return LoaderClosure(objects=(script,), errors=(Unloadable(script.path, problem),))


def _joined(first: LoaderClosure, second: LoaderClosure) -> LoaderClosure:
    """Put two closures together; a file that both have is listed where it comes first."""
    known = {each.real for each in first.objects}
    return LoaderClosure(
        loader=second.loader or first.loader,
        objects=(*first.objects, *(each for each in second.objects if each.real not in known)),
        extras=(*first.extras, *second.extras),
        missing=(*first.missing, *second.missing),
        errors=(*first.errors, *second.errors),
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings))),
        edges=tuple(dict.fromkeys((*first.edges, *second.edges))),
        consulted=tuple({**dict(first.consulted), **dict(second.consulted)}.items()),
    )
