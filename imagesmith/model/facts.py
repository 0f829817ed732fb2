"""What tracing needs to know of a file's content, read once per file.

Field names are the gABI's (chapters 4 and 5) and elf.h's.  Strings taken from
a file are decoded with `surrogateescape`, so that any byte survives.
"""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Dependency:
    """One DT_NEEDED, DT_AUXILIARY or DT_FILTER entry."""

    kind: Literal["needed", "auxiliary", "filter"]
    name: str


@attrs.frozen
class Loader:
    """What a dynamic loader says of itself, read from its bytes without running it."""

    kind: Literal["glibc", "musl"]
    version: str
    """As in `stable release version 2.36`; empty where the file does not say."""
    system_dirs: tuple[str, ...]
    """The compiled-in search directories in search order, without trailing slashes."""


@attrs.frozen
class VersionNeed:
    """What one file of a closure must define: a DT_VERNEED entry."""

    file: str
    """vn_file: the name under which that file was asked for."""
    versions: tuple[str, ...]
    weak: tuple[str, ...] = ()
    """Those of `versions` that may be missing (VER_FLG_WEAK)."""


@attrs.frozen
class DlopenNote:
    """What a file says it opens by name at run time (UAPI.12, ELF dlopen metadata)."""

    sonames: tuple[str, ...]
    """Alternatives, the best first."""
    priority: Literal["required", "recommended", "suggested"] = "recommended"
    feature: str = ""
    """What it is good for, in a word or two."""


@attrs.frozen(kw_only=True)
class Elf:
    """The dynamic facts of one well-formed ELF file."""

    bits: Literal[32, 64]
    endian: Literal["little", "big"]
    osabi: int = 0
    abiversion: int = 0
    type: int
    """e_type: 2 is ET_EXEC, 3 is ET_DYN."""
    machine: int
    """e_machine."""
    flags: int = 0
    """e_flags."""
    interp: str | None = None
    """PT_INTERP."""
    dynamic: bool = False
    """Whether PT_DYNAMIC is present."""
    soname: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    """In the order of the dynamic section, kinds mixed."""
    rpath: str | None = None
    """DT_RPATH; loaders drop it where `runpath` is present."""
    runpath: str | None = None
    flags_1: int = 0
    """DT_FLAGS_1: DF_1_NODEFLIB is 0x800, DF_1_PIE 0x8000000."""
    audit: tuple[str, ...] = ()
    """DT_AUDIT and DT_DEPAUDIT, split at colons."""
    verneed: tuple[VersionNeed, ...] = ()
    """DT_VERNEED."""
    verdef: tuple[str, ...] | None = None
    """DT_VERDEF, the file's own name included; None without it."""
    relr: bool = False
    """Whether there are relative relocations in DT_RELR."""
    loader: Loader | None = None
    """Present when the file is itself a dynamic loader."""
    dlopen: tuple[DlopenNote, ...] = ()
    """In the order of the file."""
    odd_notes: tuple[str, ...] = ()
    """What is wrong with dlopen notes that cannot be read; no loader minds."""


@attrs.frozen
class MalformedElf:
    """A file with the ELF magic that cannot be read as one."""

    problem: str


@attrs.frozen
class Script:
    """A file that starts with `#!`."""

    line: str
    """The first line without `#!` and newline, at most 255 bytes (the kernel's limit)."""


Facts = Elf | MalformedElf | Script
"""A file with none of these is data to a tracer."""
