"""A program together with its loader, and the processes that may come of it.

Which subdirectories a loader looks into depends on the processor.  So a program
is put together once for what every possible processor can do, and again for
each better one for which the directories make a difference; audit modules have
a process of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from imagesmith.elf import machine
from imagesmith.elf.glibc import Glibc
from imagesmith.elf.hwcaps import Cpu, Cpus, cpus, known_names
from imagesmith.elf.musl import Musl
from imagesmith.elf.process import Process
from imagesmith.elf.result import Edge, LoaderClosure, Object
from imagesmith.elf.root import Root
from imagesmith.elf.search import Environment, Loaded, Notes, Opening, Rules
from imagesmith.model.facts import Elf, Loader
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, parent

CAPABILITY: Final = "security.capability"
SET_ID: Final = 0o6000


@attrs.frozen
class Seed:
    """A file the kernel maps: the program, or its loader."""

    path: str
    found: Found
    elf: Elf

    def loaded(self, rule: str, requester: Loaded | None = None) -> Loaded:
        """Return it as the first object of a process, or as its loader."""
        links = dict.fromkeys(self.found.links)
        return Loaded(self.path, self.found, self.elf, rule, requester, self.path, links=links)


@attrs.frozen
class Program:
    """A seed together with its loader."""

    root: Root
    environment: Environment
    main: Seed
    interp: Seed
    openings: tuple[Opening, ...] = ()

    @property
    def loader(self) -> Loader:
        """The loader's facts: `_interp` gives no other files."""
        assert self.interp.elf.loader is not None
        return self.interp.elf.loader

    @property
    def secure(self) -> bool:
        """Whether the kernel would set AT_SECURE."""
        entry = self.main.found.entry
        assert isinstance(entry, File)
        return bool(entry.mode & SET_ID) or any(name == CAPABILITY for name, _ in entry.xattrs)

    def closure(self) -> LoaderClosure:
        """Load for what every possible processor can do, then for the better ones."""
        notes = Notes()
        self._warn(notes)
        process = self._started(self.cpus.baseline, notes)
        mapped = {each.found.path for each in process.chain}
        missing, errors = dict(process.missing), dict(process.errors)
        extras: dict[str, Object] = {}
        edges = list(process.edges)
        for further in self._further(notes):
            for each in further.chain:
                if each.found.path not in mapped:
                    extras.setdefault(each.found.path, object_of(each))
            missing = {**further.missing, **missing}
            errors = {**further.errors, **errors}
            notes.warnings.update(further.warnings)
            edges += further.edges
        objects = tuple(object_of(each) for each in self._listed(process))
        return LoaderClosure(
            loader=self.loader,
            objects=objects,
            extras=tuple(extras.values()),
            missing=tuple(missing.values()),
            errors=tuple(errors.values()),
            warnings=tuple({**process.warnings, **notes.warnings}),
            edges=_edges(edges, (*objects, *extras.values())),
            consulted=tuple(notes.consulted.items()),
        )

    @property
    def cpus(self) -> Cpus:
        """The processors it may run on."""
        return cpus(self.interp.elf, self.loader, self.environment)

    def _started(self, cpu: Cpu, notes: Notes) -> Process:
        """Return the process with everything loaded, and with what it opens afterwards."""
        process = self._process(cpu, notes)
        process.load()
        for each in self.openings:
            process.open(each)
        return process

    def _process(self, cpu: Cpu, notes: Notes) -> Process:
        main = self.main.loaded("seed")
        interp = self.interp.loaded("interp", main)
        host, loader = self.interp.elf, self.loader
        shared = (self.root, host, loader, self.environment)
        rules: Rules
        if loader.kind == "glibc":
            variants = self.cpus.names
            rules = Glibc(*shared, cpu, variants, main, self.secure, notes)
        else:
            rules = Musl(*shared, interp, main, self.secure, notes)
        return Process(self.root, loader, rules, main, interp)

    def _further(self, notes: Notes) -> Iterator[Process]:
        """Yield the processes of better processors, and of each audit module."""
        if self.loader.kind != "glibc":
            return
        for cpu in self._better(notes):
            process = self._started(cpu, notes)
            yield _marked(process, self.cpus.names)
        for name in self.main.elf.audit:
            process = self._process(self.cpus.baseline, notes)
            process.load_auditor(name)
            yield process

    def _better(self, notes: Notes) -> Iterator[Cpu]:
        """Yield the processors for which the directories seen so far make a difference."""
        done = {self.cpus.baseline.only(notes.variants)}
        others = self.cpus.others
        # What one of them loads may lie beside further variants, so what was seen is asked anew.
        while fresh := {each.only(notes.variants): None for each in others}.keys() - done:
            chosen = next(p for each in others if (p := each.only(notes.variants)) in fresh)
            done.add(chosen)
            yield chosen

    def _warn(self, notes: Notes) -> None:
        known = known_names(self.interp.elf, self.loader)
        for name in self.environment.hwcaps or ():
            if name not in known and self.loader.kind == "glibc":
                notes.warnings[f"{name}: not a level of {machine.describe(self.interp.elf)}"] = None
        if self.secure and self.environment.library_path:
            what = f"{self.main.path}: is set-user-ID, set-group-ID or has capabilities"
            notes.warnings[f"{what}: LD_LIBRARY_PATH does not count"] = None
        if not self.loader.system_dirs and self.loader.kind == "glibc":
            what = f"{self.interp.path}: its system directories cannot be read"
            notes.warnings[f"{what}: none are searched"] = None

    def _listed(self, process: Process) -> Iterable[Loaded]:
        """Return the chain with the seed first, and the interpreter at its latest last."""
        chain = [process.main, *(each for each in process.chain if each is not process.main)]
        if self.main.elf.interp is not None and all(each is not process.interp for each in chain):
            chain.append(process.interp)
        return chain


def _marked(process: Process, variants: frozenset[str]) -> Process:
    """Give what lies in a processor's subdirectory that reason."""
    for each in process.chain:
        if parent(each.path).rpartition("/")[2] in variants:
            each.rule = "hwcaps"
    return process


def object_of(loaded: Loaded) -> Object:
    """Return the value that a closure lists for a loaded file."""
    return Object(
        path=loaded.path,
        real=loaded.found.path,
        soname=loaded.elf.soname,
        links=tuple(loaded.links),
        rule=loaded.rule,
        needed_by=loaded.requester.path if loaded.requester else None,
        name=loaded.name,
        detail=loaded.detail,
        aliases=tuple(loaded.aliases),
        searched=loaded.searched,
        passed_over=loaded.passed_over,
    )


def _edges(
    requests: Iterable[tuple[Loaded, str, Loaded]], objects: Iterable[Object]
) -> tuple[Edge, ...]:
    """Return each request once, between the paths under which the objects are listed."""
    listed = {each.real: each.path for each in objects}
    found = {
        Edge(listed[requester.found.path], name, listed[answer.found.path]): None
        for requester, name, answer in requests
    }
    return tuple(found)
