"""What the search for one name is made of; the rules are in `glibc` and `musl`."""

from __future__ import annotations

from typing import Protocol

import attrs

from imagesmith.elf import machine
from imagesmith.model.facts import Dependency, Elf, MalformedElf
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File


@attrs.frozen(kw_only=True)
class Environment:
    """What stands for run time; nothing of it is ever taken from the host."""

    library_path: str | None = None
    """LD_LIBRARY_PATH."""
    platform: str | None = None
    """AT_PLATFORM, for `$PLATFORM` and, up to glibc 2.36, the subdirectory of that name."""
    hwcaps: tuple[str, ...] | None = None
    """Levels the processor has, each implying the lower ones, and names of legacy hwcap
    subdirectories.  None: any processor, so every variant is needed; empty: none."""


BARE = Environment()


@attrs.frozen
class Opening:
    """A call of dlopen(3)."""

    name: str
    """A soname or a path."""
    requester: str
    """Real path of the loaded object that calls it: its search paths count."""


@attrs.frozen
class Unloadable:
    """A file that is there and cannot be loaded, with its path as found."""

    path: str
    problem: str
    needed_by: str | None = attrs.field(default=None, eq=False)
    """Path of who asked for it first, as found; no part of what is wrong with it."""


@attrs.frozen
class PassedOver:
    """A file of the right name that the loader leaves aside, with the reason."""

    path: str
    problem: str


@attrs.frozen
class Candidate:
    """A file the loader would map."""

    path: str
    """As found, before links are resolved."""
    found: Found
    elf: Elf
    rule: str
    detail: str = ""
    searched: tuple[str, ...] = ()
    """Directories, in the order tried; the last one has it."""
    passed_over: tuple[PassedOver, ...] = ()


@attrs.frozen
class Absent:
    """No file answers the name."""

    searched: tuple[str, ...]
    """Directories, or the one path, in the order tried."""
    passed_over: tuple[PassedOver, ...] = ()
    """Files of that name which the loader skips."""
    hint: str | None = None


Outcome = Candidate | Unloadable | Absent


@attrs.define(eq=False)
class Loaded:
    """One object of the process being put together: the room's only mutable value."""

    path: str
    found: Found
    elf: Elf
    rule: str
    requester: Loaded | None
    """The object that asked for it first: `l_loader` of glibc, `needed_by` of musl."""
    name: str
    """As it was asked for first."""
    detail: str = ""
    names: set[str] = attrs.field(factory=set)
    """Names that reach it without a search."""
    links: dict[str, None] = attrs.field(factory=dict)
    """Every symlink crossed on any way to it, in order."""
    aliases: dict[str, None] = attrs.field(factory=dict)
    """Further real paths (hard links) under which it was found."""
    searched: tuple[str, ...] = ()
    """Directories tried for it, the one that has it last."""
    passed_over: tuple[PassedOver, ...] = ()


@attrs.define
class Notes:
    """What a search learns besides its answer."""

    warnings: dict[str, None] = attrs.field(factory=dict)
    consulted: dict[str, str] = attrs.field(factory=dict)
    """Configuration files the answers rest on, each with the rule that read it."""
    variants: set[str] = attrs.field(factory=set)
    """Names of subdirectories, somewhere searched, that only some processors prefer."""


class Rules(Protocol):
    """One loader's rules for one program."""

    def dependencies(self, elf: Elf) -> tuple[Dependency, ...]:
        """Return the entries this loader acts on."""

    def preloads(self) -> tuple[str, ...]:
        """Return the names loaded before any dependency."""

    def is_loader(self, name: str) -> bool:
        """Say whether `name` means the loader itself, whatever files there are."""

    def names(self, loaded: Loaded, name: str | None) -> tuple[str, ...]:
        """Return the names that reach `loaded` without a search, now that `name` led to it.

        None: nothing was asked for; the kernel mapped it.
        """

    def expand(self, name: str, requester: Loaded) -> str | None:
        """Replace the tokens in a name; None if one of them has no value."""

    def search(self, name: str, requester: Loaded) -> Outcome:
        """Find the file for an expanded `name` as `requester` asks for it."""

    def refuses(self, elf: Elf) -> str | None:
        """Say why a file that was opened cannot be loaded."""


def elf_at(path: str, found: Found) -> Elf | Unloadable:
    """Return the facts of the file found at `path`, or why it is no ELF file."""
    entry = found.entry
    if not isinstance(entry, File):
        return Unloadable(path, "is not a regular file")
    match entry.facts:
        case Elf():
            return entry.facts
        case MalformedElf(problem=problem):
            return Unloadable(path, problem)
        case _:
            short = entry.size < ELF_HEADER
            return Unloadable(path, "file too short" if short else "invalid ELF header")


ELF_HEADER = 52
"""Bytes of the smaller ELF header."""


def foreign(elf: Elf, host: Elf) -> str:
    """Say for which machine a file is, and which was wanted."""
    return f"is for {machine.describe(elf)}, not {machine.describe(host)}"
