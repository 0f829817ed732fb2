r"""What a dynamic loader says of itself, read from its bytes.

glibc keeps its compiled-in search directories as consecutive NUL-terminated
strings, each ending in a slash (elf/dl-load.c, `system_dirs`), and its version
in a banner.  musl prints its name and version from constants (ldso/dynlink.c).
The kind is decided by these, never by a file name: gcompat makes
ld-linux-x86-64.so.2 a link to musl.

The patterns run over untrusted bytes, so each one starts only where a run of
printable characters starts and never backtracks: their cost is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from imagesmith.model.facts import Loader

MUSL_DIRS: Final = ("/lib", "/usr/local/lib", "/usr/lib")
"""musl's default where the binary does not show another (ldso/dynlink.c, load_library)."""

_GLIBC: Final = re.compile(rb"/ld\.so\.(?:cache|preload)\0")
_GLIBC_VERSION: Final = re.compile(rb"(?:stable|development) release version ([0-9.]{0,30}[0-9])")
_GLIBC_DIRS: Final = re.compile(rb"(?<![\x21-\x7e])(?:/[\x21-\x7e]*+(?<=/)\0){2,}+")
_MUSL: Final = re.compile(rb"musl libc \([\w.-]{1,30}\)")
_MUSL_VERSION: Final = re.compile(rb"\0(\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[\w.-]{1,30})?)\0")
_MUSL_DIRS: Final = re.compile(rb"(?<![\x21-\x7e])(/[\x21-\x7e]*+)\0")


def identify(pieces: Sequence[memoryview]) -> Loader | None:
    """Say which loader the mapped parts of a file belong to, or None."""
    if _first(_MUSL, pieces) is not None:
        version = _first(_MUSL_VERSION, pieces)
        return Loader("musl", version or "", _musl_dirs(pieces))
    if _first(_GLIBC, pieces) is not None:
        version = _first(_GLIBC_VERSION, pieces)
        return Loader("glibc", version or "", _glibc_dirs(pieces))
    return None


def _glibc_dirs(pieces: Sequence[memoryview]) -> tuple[str, ...]:
    for text in _all(_GLIBC_DIRS, pieces):
        directories = text.rstrip("\0").split("\0")
        if all("lib" in directory for directory in directories):
            return tuple(directory.rstrip("/") or "/" for directory in directories)
    return ()


def _musl_dirs(pieces: Sequence[memoryview]) -> tuple[str, ...]:
    for text in _all(_MUSL_DIRS, pieces):
        directories = text.rstrip("\0").split(":")
        if len(directories) > 1 and all(d.startswith("/") and "lib" in d for d in directories):
            return tuple(directory.rstrip("/") or "/" for directory in directories)
    return MUSL_DIRS


def _first(pattern: re.Pattern[bytes], pieces: Iterable[memoryview]) -> str | None:
    for piece in pieces:
        found = pattern.search(piece)
        if found:
            return bytes(found[pattern.groups]).decode("ascii")
    return None


def _all(pattern: re.Pattern[bytes], pieces: Iterable[memoryview]) -> Iterator[str]:
    for piece in pieces:
        for found in pattern.finditer(piece):
            yield bytes(found[0]).decode("ascii")
