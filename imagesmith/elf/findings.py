"""What is wrong with versions and symbols, as values that say it in one line.

A finding is fatal if the loader would end the program, or refuse the plugin;
the rest the loader only remarks on, or leaves until a function is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from imagesmith.elf.symbols import Moment

_NUMBERED: Final = re.compile(r"(.*?)(\d{1,9}(?:\.\d{1,9}){0,9})", re.DOTALL)
_NAMED: Final = 5
"""Symbols that one line names; more are counted."""


@attrs.frozen(kw_only=True)
class VersionMissing:
    """A version that the file asked for it does not define."""

    version: str
    requester: str
    """Path as found."""
    file: str
    """The name under which the requester asks for the provider."""
    provider: str
    """Path as found."""
    newest: str | None = None
    """The newest version of the same series that it does define, if all are older."""
    fatal: bool = True
    """False for a weak need (VER_FLG_WEAK)."""

    @property
    def path(self) -> str:
        """The file that is not what it should be."""
        return self.provider

    @property
    def problem(self) -> str:
        """Say what is wanted by whom, and what there is."""
        has = "does not define it" if self.newest is None else f"has up to {self.newest}"
        return f"{self.version} wanted by {self.requester}, {self.file} {has}"


@attrs.frozen(kw_only=True)
class Unversioned:
    """A file without any versions, of which some are wanted: the loader remarks on it."""

    versions: tuple[str, ...]
    requester: str
    file: str
    provider: str
    fatal: bool = False

    @property
    def path(self) -> str:
        """The file that is not what it should be."""
        return self.provider

    @property
    def problem(self) -> str:
        """Say what is wanted by whom."""
        wanted = ", ".join(self.versions)
        return f"{wanted} wanted by {self.requester}, {self.file} has no version information"


@attrs.frozen(kw_only=True)
class ProviderMissing:
    """Versions are wanted of a file that nothing loads: the loader fails an assertion."""

    versions: tuple[str, ...]
    requester: str
    file: str
    fatal: bool = True

    @property
    def path(self) -> str:
        """The file that wants them."""
        return self.requester

    @property
    def problem(self) -> str:
        """Say what is wanted of whom."""
        return f"wants {', '.join(self.versions)} of {self.file}, which nothing loads"


@attrs.frozen(kw_only=True)
class RelrUnmarked:
    """DT_RELR in a user of libc that does not say so: the loader refuses it since 2.36."""

    requester: str
    fatal: bool = True

    @property
    def path(self) -> str:
        """The file that has it."""
        return self.requester

    @property
    def problem(self) -> str:
        """Say what lacks, in the loader's words."""
        return "DT_RELR without GLIBC_ABI_DT_RELR dependency"


@attrs.frozen(kw_only=True)
class Undefined:
    """A symbol that nothing in the scope of an object defines."""

    symbol: str
    version: str | None
    file: str | None
    """Of which file that version is wanted."""
    requester: str
    moment: Moment

    @property
    def fatal(self) -> bool:
        """Whether it is looked up before anything runs."""
        return self.moment == "load"

    @property
    def key(self) -> bytes:
        """The name as the elf room compares it."""
        text = self.symbol if self.version is None else f"{self.symbol}\0{self.version}"
        return text.encode("utf-8", "surrogateescape")

    @property
    def path(self) -> str:
        """The file that wants it."""
        return self.requester

    @property
    def problem(self) -> str:
        """Say what is not defined, and who should have."""
        version = f", version {self.version}" if self.version is not None else ""
        of = f" of {self.file}" if self.file is not None else ""
        return f"undefined symbol {self.symbol}{version}{of}"


Finding = VersionMissing | Unversioned | ProviderMissing | RelrUnmarked | Undefined


def newest(wanted: str, defined: Iterable[str]) -> str | None:
    """Return the number of the newest version in the series of `wanted`, if it is older."""
    match = _NUMBERED.fullmatch(wanted)
    if match is None:
        return None
    numbers = [
        other[2]
        for other in map(_NUMBERED.fullmatch, defined)
        if other is not None and other[1] == match[1]
    ]
    highest = max(numbers, key=_number, default=None)
    return highest if highest is not None and _number(highest) < _number(match[2]) else None


def _number(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def listed(symbols: Sequence[Undefined]) -> str:
    """Name a few symbols on one line, and count the others."""
    names = [each.symbol for each in symbols[:_NAMED]]
    more = len(symbols) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
