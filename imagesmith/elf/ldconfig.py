"""What ldconfig would put into ld.so.cache, and the links it would make.

elf/ldconfig.c (`search_dir`, `add_system_dir`) and elf/cache.c (`compare`), as
in glibc 2.36: every library in the directories of ld.so.conf and in the system
directories of the root's own loaders, under its DT_SONAME, for every machine
that one ldconfig serves.  Where the file has another name ldconfig makes a link
named like the soname; here that link is only said, and one that is there already
is left alone.  Legacy hwcaps subdirectories, which ldconfig itself gave up in
2.37, are passed over, and so is a soname that no file can have.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from imagesmith.elf import ldconf, machine
from imagesmith.elf.candidate import ET_DYN
from imagesmith.elf.hwcaps import HWCAPS
from imagesmith.elf.ldcache import CacheEntry
from imagesmith.elf.root import Root, is_too_long
from imagesmith.model.facts import Elf
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, Symlink

_LIBRARY: Final = re.compile(r"(?:lib|ld-).*\.so.*|ld(?:64)?\.so\..*", re.DOTALL)
_PASSED_OVER: Final = re.compile(
    r".*(?:;.*|\.dpkg-new|\.dpkg-tmp|-gdb\.py|\.#prelink#(?:\..{6})?)", re.DOTALL
)
"""Names of dpkg, rpm, gdb and prelink (`skip_dso_based_on_name`)."""
_SIBLINGS: Final = re.compile(r"(/(?:usr/)?lib)(?:64|x32)?")
_X86: Final = 62
_PIECES: Final = re.compile(rb"([0-9]+)|(.)", re.DOTALL)
_SIGNED_CHAR: Final = frozenset({2, 3, 8, 15, 43, 62, 36902})
"""Machines on which `char`, and so the order of names that are not ASCII, is signed."""


@attrs.frozen
class Library:
    """One library, as ldconfig would note it."""

    entry: CacheEntry
    link: tuple[str, str] | None
    """Path and target of the link that has to be made for the entry's path to exist."""
    is_default: bool
    """Whether it lies where the loader looks without any cache."""


@attrs.frozen
class Scope:
    """Where ldconfig would look, and for whom."""

    hosts: tuple[Elf, ...]
    """glibc's loaders, the root's own first."""
    configured: tuple[str, ...]
    """The directories of ld.so.conf."""


def scope(root: Root, number: int, default: bytes = b"") -> Scope:
    """Return what ldconfig for e_machine `number` would look at in `root`.

    `default` stands for an ld.so.conf that is not there.
    """
    return Scope(_loaders(root, number), ldconf.directories(root, default))


def _loaders(root: Root, number: int) -> tuple[Elf, ...]:
    """Return glibc's loaders in their usual places, those for e_machine `number` first."""
    found: dict[str, Elf] = {}
    for path in machine.glibc_paths(number):
        there = root.lookup(path)
        entry = there.entry if isinstance(there, Found) else None
        elf = entry.facts if isinstance(entry, File) else None
        if isinstance(there, Found) and isinstance(elf, Elf) and elf.loader is not None:
            wanted = elf.loader.kind == "glibc" and elf.machine in machine.family(number)
            found |= {there.path: elf} if wanted else {}
    return tuple(found.values())


def libraries(root: Root, where: Scope) -> tuple[Library, ...]:
    """Return every library of `root` that ldconfig would note, in the cache's order."""
    system = {there.path for each in _defaults(where) if (there := root.directory(each))}
    seen: set[str] = set()
    found: list[Library] = []
    for directory in dict.fromkeys((*where.configured, *_system(where))):
        for place, level in _with_levels(root, directory):
            there, above = root.directory(place), root.directory(directory)
            if there is not None and above is not None and there.path not in seen:
                seen.add(there.path)
                default = above.path in system
                looked = _Directory(root, place, there.path, level, where.hosts[0], default)
                found += looked.libraries()
    return tuple(sorted(found, key=lambda each: _order(each.entry, where.hosts[0])))


def decisive(found: Sequence[Library]) -> tuple[Library, ...]:
    """Return the libraries of the names for which a loader without a cache would fare differently.

    These are the names answered, on some processor, from outside of the default directories.
    """
    best: dict[tuple[str, int, str | None], Library] = {}
    for each in found:
        best.setdefault((each.entry.name, each.entry.flags, each.entry.level), each)
    names = {name for (name, _, _), each in best.items() if not each.is_default}
    return tuple(each for each in found if each.entry.name in names)


def _defaults(where: Scope) -> Iterator[str]:
    for host in where.hosts:
        yield from host.loader.system_dirs if host.loader else ()


def _system(where: Scope) -> Iterator[str]:
    """Yield the system directories, on x86 each with its siblings (`add_system_dir`)."""
    directories = tuple(_defaults(where))
    # Debian's ldconfig has them with a slash at the end, and so never sees what they are.
    debian = any("-linux-" in directory for directory in directories)
    for directory in directories:
        match = _SIBLINGS.fullmatch(directory)
        if match and _X86 in machine.family(where.hosts[0].machine) and not debian:
            yield from (match[1], f"{match[1]}64", f"{match[1]}x32")
        else:
            yield directory


def _with_levels(root: Root, directory: str) -> Iterator[tuple[str, str | None]]:
    """Yield a directory and then each of its glibc-hwcaps, whatever it is called."""
    yield directory, None
    above = f"{directory.rstrip('/')}/{HWCAPS}"
    for level in root.names(above):
        yield f"{above}/{level}", level


@attrs.frozen
class _Directory:
    """One directory to look into."""

    root: Root
    path: str
    """As configured: entries spell it so."""
    real: str
    level: str | None
    host: Elf
    is_default: bool

    def libraries(self) -> Iterator[Library]:
        """Yield the best file of each soname, if its path exists or a link can make it exist."""
        best: dict[str, _Named] = {}
        for name in self.root.names(self.path):
            named = self._named(name)
            if named is not None:
                present = best.setdefault(named.soname, named)
                best[named.soname] = max(present, named, key=self._newness)
        for named in best.values():
            library = self._library(named)
            if library is not None:
                yield library

    def _newness(self, named: _Named) -> tuple[bool, object]:
        """Prefer a file to a link, then the later name.

        Of files for several machines ldconfig may keep one's name and another's flags, as readdir
        has it; here both are the same file's.
        """
        return not named.is_link, _collation(named.name, self.host)

    def _named(self, name: str) -> _Named | None:
        """Return what a name in this directory stands for, if it is a library."""
        at = f"{self.real.rstrip('/')}/{name}"
        is_link = isinstance(self.root.filesystem.entry(at), Symlink)
        # Among levels ldconfig takes a link of any name (2.36, measured).
        fits = _LIBRARY.fullmatch(name) is not None or (is_link and self.level is not None)
        if not fits or _PASSED_OVER.fullmatch(name):
            return None
        found = self.root.lookup(f"{self.path.rstrip('/')}/{name}")
        entry = found.entry if isinstance(found, Found) else None
        elf = entry.facts if isinstance(entry, File) else None
        if not isinstance(found, Found) or not isinstance(elf, Elf):
            return None
        flags = _flags(elf, self.host)
        if elf.type != ET_DYN or not elf.dynamic or flags is None:
            return None
        soname = elf.soname or name
        # libx.so may point to libx.so.1 for ld(1); any other link is a library of its own.
        for_ld = name.endswith(".so") and soname.startswith(name)
        is_link = is_link and (name == soname or for_ld)
        return _Named(name, name if is_link else soname, flags, is_link)

    def _library(self, named: _Named) -> Library | None:
        if "/" in named.soname or named.soname in (".", "..") or is_too_long(named.soname):
            return None
        name = named.soname if self.level is None else named.name
        path = f"{self.path.rstrip('/')}/{name}"
        entry = CacheEntry(named.soname, path, named.flags, self.level)
        if isinstance(self.root.lookup(path), Found):
            return Library(entry, None, self.is_default)
        link = f"{self.real.rstrip('/')}/{name}"
        absent = self.root.filesystem.entry(link) is None
        return Library(entry, (link, named.name), self.is_default) if absent else None


@attrs.frozen
class _Named:
    """A file or link of a directory, and the name it answers to."""

    name: str
    soname: str
    flags: int
    is_link: bool


def _flags(elf: Elf, host: Elf) -> int | None:
    """Return an entry's flags; None for a machine that ldconfig on `host` does not know."""
    related = elf.machine in machine.family(host.machine) and elf.endian == host.endian
    accepted = machine.abi(elf).cache
    if not related or not accepted:
        return None
    if accepted[0] not in _UNMARKED:
        return accepted[0]
    # Without a mark of the ABI, "libc6" (3) is what needs the C library, or is part of it.
    needed = {dependency.name for dependency in elf.dependencies if dependency.kind == "needed"}
    return 3 if needed & _C_LIBRARY or elf.interp else 1


_UNMARKED: Final = (1, 3)
_C_LIBRARY: Final = {"libc.so.6", "libm.so.6"}


def _order(entry: CacheEntry, host: Elf) -> tuple[object, ...]:
    """Sort as the loader's binary search needs it: names and flags descending, levels first."""
    name = tuple((-kind, -value) for kind, value in _collation(entry.name, host))
    return name, -entry.flags, entry.level is None, entry.level or ""


def _collation(name: str, host: Elf) -> tuple[tuple[int, int], ...]:
    """Return what `_dl_cache_libcmp` compares: digits as numbers, above any other character."""
    code = "b" if host.machine in _SIGNED_CHAR else "B"
    keys: list[tuple[int, int]] = []
    for digits, char in _PIECES.findall(name.encode("utf-8", "surrogateescape") + b"\0"):
        keys.append((1, int(digits)) if digits else (0, *struct.unpack(code, char)))
    return tuple(keys)
