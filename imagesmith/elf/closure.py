"""The closure of one program: a seed in, everything its loader would map out.

The interpreter decides the rules, by its content; a library without PT_INTERP is
traced with the loader that the filesystem has for its machine.  The result is
what `ld.so --list` would print inside the image, except that nothing is run,
that a name which cannot be found does not end the search, and that what better
processors and audit modules need besides is listed too, as `extras`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from imagesmith.elf import hint, machine
from imagesmith.elf.candidate import ET_DYN, ET_EXEC
from imagesmith.elf.glibc import DF_1_PIE, Glibc
from imagesmith.elf.hwcaps import Cpu, Cpus, cpus, known_names
from imagesmith.elf.musl import Musl
from imagesmith.elf.process import Process
from imagesmith.elf.result import Edge, LoaderClosure, Missing, Object
from imagesmith.elf.root import Read, Root
from imagesmith.elf.search import (
    BARE,
    Environment,
    Loaded,
    Notes,
    Rules,
    Unloadable,
    elf_at,
    foreign,
)
from imagesmith.model.facts import Elf, Loader
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, Filesystem, parent

__all__ = [
    "BARE",
    "Edge",
    "Environment",
    "LoaderClosure",
    "Missing",
    "Object",
    "Root",
    "Unloadable",
    "load",
    "load_in",
]

CAPABILITY: Final = "security.capability"
SET_ID: Final = 0o6000


def load(
    filesystem: Filesystem, seed: str, environment: Environment = BARE, *, read: Read
) -> LoaderClosure:
    """Load one seed from a filesystem; `read` gives the bytes of a file by its real path."""
    return load_in(Root(filesystem, read), seed, environment)


def load_in(root: Root, seed: str, environment: Environment = BARE) -> LoaderClosure:
    """Load one seed; a `Root` shared by several seeds keeps what was looked up."""
    found = root.lookup(seed)
    if not isinstance(found, Found):
        return LoaderClosure(missing=(Missing(seed, None, hint=hint.file(root, seed)),))
    elf = elf_at(seed, found)
    if isinstance(elf, Unloadable):
        return LoaderClosure(errors=(elf,))
    if elf.type not in (ET_EXEC, ET_DYN):
        return LoaderClosure(errors=(Unloadable(seed, "is neither a program nor a library"),))
    main = _Seed(seed, found, elf)
    interp = _interp(root, main)
    if isinstance(interp, LoaderClosure):
        return interp
    return _Program(root, environment, main, interp).closure()


@attrs.frozen
class _Seed:
    path: str
    found: Found
    elf: Elf

    def loaded(self, rule: str, requester: Loaded | None = None) -> Loaded:
        """Return it as the first object of a process, or as its loader."""
        links = dict.fromkeys(self.found.links)
        return Loaded(self.path, self.found, self.elf, rule, requester, self.path, links=links)


def _interp(root: Root, main: _Seed) -> _Seed | LoaderClosure:
    """Return the loader of a program or library, or the closure if none will run."""
    alone = LoaderClosure(loader=main.elf.loader, objects=(_object(main.loaded("seed")),))
    if main.elf.interp is not None:
        return _named_interp(root, main, main.elf.interp)
    static_pie = _is_alone(main.elf) and main.elf.flags_1 & DF_1_PIE
    if not main.elf.dynamic or main.elf.loader is not None or static_pie:
        return alone
    paths = hint.loader_paths(main.elf)
    for path in paths:
        found = _loader_at(root, path, main.elf)
        if isinstance(found, _Seed) and found.elf.loader is not None:
            return attrs.evolve(alone, loader=found.elf.loader) if _is_alone(main.elf) else found
    if not main.elf.dependencies:
        return alone
    wanted = paths[0] if paths else "a dynamic loader"
    advice = f"there is no loader for {machine.describe(main.elf)}"
    return attrs.evolve(alone, missing=(Missing(wanted, main.path, paths, advice),))


def _is_alone(elf: Elf) -> bool:
    """Say whether no loader is involved: a static program that happens to be relocatable."""
    return not elf.dependencies and not elf.audit


def _named_interp(root: Root, main: _Seed, path: str) -> _Seed | LoaderClosure:
    """Follow PT_INTERP as the kernel does: that exact path, for that machine."""
    alone = LoaderClosure(objects=(_object(main.loaded("seed")),))
    if not path.startswith("/"):
        problem = Missing(path, main.path, (path,), "PT_INTERP is relative")
        return attrs.evolve(alone, missing=(problem,))
    found = _loader_at(root, path, main.elf)
    if found is None:
        advice = hint.dangling(root, path) or hint.interpreter(root, main.elf)
        problem = Missing(path, main.path, (path,), advice)
        return attrs.evolve(alone, missing=(problem,))
    if isinstance(found, Unloadable):
        return attrs.evolve(alone, errors=(found,))
    if found.elf.loader is not None:
        return found
    objects = (*alone.objects, _object(found.loaded("interp", main.loaded("seed"))))
    if not main.elf.dependencies:
        warning = f"{path}: neither glibc's loader nor musl's; it has nothing to load"
        return attrs.evolve(alone, objects=objects, warnings=(warning,))
    unknown = Unloadable(path, "neither glibc's loader nor musl's: its rules are not known")
    return attrs.evolve(alone, objects=objects, errors=(unknown,))


def _loader_at(root: Root, path: str, elf: Elf) -> _Seed | Unloadable | None:
    """Return what lies at the path of a loader, if it is for the machine of `elf`."""
    found = root.lookup(path)
    if not isinstance(found, Found):
        return None
    other = elf_at(path, found)
    if isinstance(other, Unloadable):
        return other
    if (other.machine, other.bits, other.endian) != (elf.machine, elf.bits, elf.endian):
        return Unloadable(path, foreign(other, elf))
    return _Seed(path, found, other)


@attrs.frozen
class _Program:
    """A seed together with its loader."""

    root: Root
    environment: Environment
    main: _Seed
    interp: _Seed

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
        process = self._process(self.cpus.baseline, notes)
        process.load()
        mapped = {each.found.path for each in process.chain}
        missing, errors = dict(process.missing), dict(process.errors)
        extras: dict[str, Object] = {}
        edges = list(process.edges)
        for further in self._further(notes):
            for each in further.chain:
                if each.found.path not in mapped:
                    extras.setdefault(each.found.path, _object(each))
            missing = {**further.missing, **missing}
            errors = {**further.errors, **errors}
            notes.warnings.update(further.warnings)
            edges += further.edges
        objects = tuple(_object(each) for each in self._listed(process))
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
            process = self._process(cpu, notes)
            process.load()
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


def _object(loaded: Loaded) -> Object:
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
