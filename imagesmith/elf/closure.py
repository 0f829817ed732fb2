"""The closure of one program: a seed in, everything its loader would map out.

The interpreter decides the rules, by its content; a library without PT_INTERP is
traced with the loader that the filesystem has for its machine.  The result is
what `ld.so --list` would print inside the image, except that nothing is run,
that a name which cannot be found does not end the search, and that what better
processors and audit modules need besides is listed too, as `extras`.
"""

from __future__ import annotations

import attrs

from imagesmith.elf import hint, machine
from imagesmith.elf.candidate import ET_DYN, ET_EXEC
from imagesmith.elf.glibc import DF_1_PIE
from imagesmith.elf.program import Program, Seed, object_of
from imagesmith.elf.result import Edge, LoaderClosure, Missing, Object
from imagesmith.elf.root import Read, Root
from imagesmith.elf.search import BARE, Environment, Opening, Unloadable, elf_at, foreign
from imagesmith.model.facts import Elf
from imagesmith.model.resolve import Found
from imagesmith.model.tree import Filesystem

__all__ = [
    "BARE",
    "Edge",
    "Environment",
    "LoaderClosure",
    "Missing",
    "Object",
    "Opening",
    "Root",
    "Unloadable",
    "load",
    "load_in",
]


def load(
    filesystem: Filesystem, seed: str, environment: Environment = BARE, *, read: Read
) -> LoaderClosure:
    """Load one seed from a filesystem; `read` gives the bytes of a file by its real path."""
    return load_in(Root(filesystem, read), seed, environment)


def load_in(
    root: Root, seed: str, environment: Environment = BARE, openings: tuple[Opening, ...] = ()
) -> LoaderClosure:
    """Load one seed; a `Root` shared by several seeds keeps what was looked up.

    Each of `openings` is a call of dlopen(3) once the seed is loaded, in order.
    """
    found = root.lookup(seed)
    if not isinstance(found, Found):
        return LoaderClosure(missing=(Missing(seed, None, hint=hint.file(root, seed)),))
    elf = elf_at(seed, found)
    if isinstance(elf, Unloadable):
        return LoaderClosure(errors=(elf,))
    if elf.type not in (ET_EXEC, ET_DYN):
        return LoaderClosure(errors=(Unloadable(seed, "is neither a program nor a library"),))
    main = Seed(seed, found, elf)
    interp = _interp(root, main, opens=bool(openings))
    if isinstance(interp, LoaderClosure):
        return interp
    return Program(root, environment, main, interp, openings).closure()


def _interp(root: Root, main: Seed, *, opens: bool) -> Seed | LoaderClosure:
    """Return the loader of a program or library, or the closure if none will run."""
    alone = LoaderClosure(loader=main.elf.loader, objects=(object_of(main.loaded("seed")),))
    if main.elf.interp is not None:
        return _named_interp(root, main, main.elf.interp)
    static_pie = _is_alone(main.elf) and main.elf.flags_1 & DF_1_PIE
    if not main.elf.dynamic or main.elf.loader is not None or static_pie:
        return alone
    paths = hint.loader_paths(main.elf)
    for path in paths:
        found = _loader_at(root, path, main.elf)
        if isinstance(found, Seed) and found.elf.loader is not None:
            idle = _is_alone(main.elf) and not opens
            return attrs.evolve(alone, loader=found.elf.loader) if idle else found
    if not main.elf.dependencies:
        return alone
    wanted = paths[0] if paths else "a dynamic loader"
    advice = f"there is no loader for {machine.describe(main.elf)}"
    return attrs.evolve(alone, missing=(Missing(wanted, main.path, paths, advice),))


def _is_alone(elf: Elf) -> bool:
    """Say whether no loader is involved: a static program that happens to be relocatable."""
    return not elf.dependencies and not elf.audit


def _named_interp(root: Root, main: Seed, path: str) -> Seed | LoaderClosure:
    """Follow PT_INTERP as the kernel does: that exact path, for that machine."""
    alone = LoaderClosure(objects=(object_of(main.loaded("seed")),))
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
    objects = (*alone.objects, object_of(found.loaded("interp", main.loaded("seed"))))
    if not main.elf.dependencies:
        warning = f"{path}: neither glibc's loader nor musl's; it has nothing to load"
        return attrs.evolve(alone, objects=objects, warnings=(warning,))
    unknown = Unloadable(path, "neither glibc's loader nor musl's: its rules are not known")
    return attrs.evolve(alone, objects=objects, errors=(unknown,))


def _loader_at(root: Root, path: str, elf: Elf) -> Seed | Unloadable | None:
    """Return what lies at the path of a loader, if it is for the machine of `elf`."""
    found = root.lookup(path)
    if not isinstance(found, Found):
        return None
    other = elf_at(path, found)
    if isinstance(other, Unloadable):
        return other
    if (other.machine, other.bits, other.endian) != (elf.machine, elf.bits, elf.endian):
        return Unloadable(path, foreign(other, elf))
    return Seed(path, found, other)
