"""Subdirectories that glibc prefers on some processors.

`glibc-hwcaps/LEVEL` exists since 2.33 (elf/dl-hwcaps.c).  The older scheme ended
with 2.36: below every searched directory `tls`, the platform (AT_PLATFORM) and
the names of important hwcap bits, in that order, and all their combinations,
the one with the most significant name first (`_dl_important_hwcaps`).  Which of
them a loader tries depends on the processor, so the closure of a program is
worked out for every processor that would see another file.

The table holds what the loaders of Debian 12 say of themselves with `--help`.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from imagesmith.elf import machine
from imagesmith.elf.root import Root
from imagesmith.elf.search import Environment
from imagesmith.model.facts import Elf, Loader

HWCAPS: Final = "glibc-hwcaps"
TLS: Final = "tls"
"""Tried by every loader that knows legacy subdirectories."""
_LEVELS_SINCE: Final = (2, 33)
_LEGACY_UNTIL: Final = (2, 36, 9999)


@attrs.frozen
class Cpu:
    """What decides the subdirectories a loader tries."""

    levels: tuple[str, ...] = ()
    """glibc-hwcaps, the best first."""
    legacy: tuple[str, ...] = ()
    """`tls`, the platform, then hwcap names, the highest bit first; empty since glibc 2.37."""

    def only(self, names: Iterable[str]) -> Cpu:
        """Return what is left where only directories of these names exist."""
        kept = set(names)
        return Cpu(
            tuple(level for level in self.levels if level in kept),
            tuple(name for name in self.legacy if name in kept),
        )


@attrs.frozen
class Cpus:
    """The processors a program may run on."""

    baseline: Cpu
    """What is known of each of them."""
    others: tuple[Cpu, ...] = ()
    """What some of them can do besides, the best first."""

    names: frozenset[str] = attrs.field(init=False)
    """Every subdirectory that any of them tries."""

    @names.default
    def _every_name(self) -> frozenset[str]:
        each = (self.baseline, *self.others)
        return frozenset(name for one in each for name in (*one.levels, *one.legacy))


@attrs.frozen
class _Legacy:
    platforms: tuple[str, ...]
    """The first is the baseline, None where nothing is known of it."""
    names: tuple[str, ...]
    """hwcap names, the highest bit first; with one of them come those after it."""
    always: int
    """How many of `names`, counted from the end, every processor has."""


# ABI | platforms, the baseline first ("-": unknown) | hwcap names | how many all processors have
_TABLE: Final = """
x86-64 |x86_64 haswell xeon_phi             |avx512_1 x86_64                    |1
i386   |i686 i586                           |sse2                               |0
aarch64|aarch64                             |atomics                            |0
arm    |- v8l v7l v6l v5l v4l               |neon vfp                           |0
ppc64le|- power10 power9 power8             |altivec dfp                        |2
s390x  |- z16 z15 z14 z13 zEC12 z196 z10    |vxe2 vxe vx dfp eimm ldisp zarch   |3
"""
_NONE: Final = _Legacy(("-",), (), 0)


def _rows() -> Iterator[tuple[str, _Legacy]]:
    for line in _TABLE.strip().splitlines():
        name, platforms, names, always = (cell.strip() for cell in line.split("|"))
        yield name, _Legacy(tuple(platforms.split()), tuple(names.split()), int(always))


_LEGACY: Final = dict(_rows())


def cpus(host: Elf, loader: Loader, environment: Environment) -> Cpus:
    """Return the processors that `environment` leaves possible, as `loader` tells them apart."""
    return _possible(machine.abi(host), loader, environment)


@functools.lru_cache(maxsize=16)
def _possible(abi: machine.Abi, loader: Loader, environment: Environment) -> Cpus:
    """Work it out once for all programs of an image."""
    levels = _levels(abi, loader, environment)
    legacy = _legacy(abi, loader, environment)
    baseline = Cpu(levels[-1], legacy[-1])
    every = (Cpu(*pair) for pair in itertools.product(levels, legacy))
    return Cpus(baseline, tuple(each for each in every if each != baseline))


def known_names(host: Elf, loader: Loader) -> frozenset[str]:
    """Return the names that `Environment.hwcaps` can have with this loader."""
    abi = machine.abi(host)
    table = _table(abi, loader)
    return frozenset((*_known_levels(abi, loader), *((TLS, *table.names) if table else ())))


def _known_levels(abi: machine.Abi, loader: Loader) -> tuple[str, ...]:
    """Return the glibc-hwcaps levels that `loader` knows, the best first."""
    version = _version(loader)
    return abi.levels if version is None or version >= _LEVELS_SINCE else ()


def _levels(abi: machine.Abi, loader: Loader, environment: Environment) -> list[tuple[str, ...]]:
    """Return sets of levels, the best first; the last one is the baseline."""
    known = _known_levels(abi, loader)
    if environment.hwcaps is None:
        return [known[place:] for place in range(len(known) + 1)]
    places = [known.index(name) for name in environment.hwcaps if name in known]
    return [known[min(places) :] if places else ()]


def _legacy(abi: machine.Abi, loader: Loader, environment: Environment) -> list[tuple[str, ...]]:
    """Return sets of legacy names, the best first; the last one is the baseline."""
    table = _table(abi, loader)
    if table is None:
        return [()]
    first, *others = table.platforms
    platforms = [*others, first] if environment.platform is None else [environment.platform]
    optional = len(table.names) - table.always
    places = range(optional + 1) if environment.hwcaps is None else [optional]
    named = [name for name in table.names[:optional] if name in (environment.hwcaps or ())]
    return [
        (TLS, *(() if platform == "-" else (platform,)), *named, *table.names[place:])
        for platform in platforms
        for place in places
    ]


def _table(abi: machine.Abi, loader: Loader) -> _Legacy | None:
    """Return what `loader` tries beside glibc-hwcaps; None if it knows nothing of the kind."""
    version = _version(loader)
    if version is None or version > _LEGACY_UNTIL:
        return None
    return _LEGACY.get(abi.name.split()[0], _NONE)


def _version(loader: Loader) -> tuple[int, ...] | None:
    parts = re.findall(r"[0-9]+", loader.version)
    return tuple(map(int, parts)) if parts else None


def subdirectories(root: Root, directory: str, cpu: Cpu) -> Iterator[str]:
    """Yield the directories to try for `directory`, in the loader's order, itself last.

    Only what exists is yielded.
    """
    if root.directory(directory) is None:
        return
    plain = directory.rstrip("/")
    if cpu.levels and root.directory(f"{plain}/{HWCAPS}") is not None:
        for level in cpu.levels:
            if root.directory(f"{plain}/{HWCAPS}/{level}") is not None:
                yield f"{plain}/{HWCAPS}/{level}"
    yield from _combinations(root, plain, cpu.legacy, set())


def _combinations(
    root: Root, directory: str, names: tuple[str, ...], seen: set[tuple[str, int]]
) -> Iterator[str]:
    """Yield every combination of `names` that exists below `directory`, as a binary counter.

    What links lead to again is left out: the file was not there before, and links that lead
    round in circles would be followed 2 ** len(names) times.
    """
    here = root.directory(directory or "/")
    if here is None or (here.path, len(names)) in seen:
        return
    seen.add((here.path, len(names)))
    if not names:
        yield directory
        return
    yield from _combinations(root, f"{directory}/{names[0]}", names[1:], seen)
    yield from _combinations(root, directory, names[1:], seen)


def present(root: Root, directory: str, names: frozenset[str]) -> Iterator[str]:
    """Yield which of `names` exist as preferred subdirectories of `directory`, at any depth."""
    pending, seen = [directory.rstrip("/")], set[str]()
    while pending:
        plain = pending.pop()
        here = root.directory(plain or "/")
        if here is None or here.path in seen:
            continue
        seen.add(here.path)
        for name in names:
            if root.directory(f"{plain}/{HWCAPS}/{name}") is not None:
                yield name
            if root.directory(f"{plain}/{name}") is not None:
                yield name
                pending.append(f"{plain}/{name}")
