"""Directories that list their entries backwards, for a process that must not care.

A file system may give the entries of a directory in any order, mostly the same one
each time.  Here the interpreter turns them around, sorted by name from the last to the
first; what does not ask the interpreter sees what the file system gives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

AS_IT_IS, BACKWARDS = "as the file system has them", "backwards"
"""How directories list their entries, for people to read."""


class _Scanned:
    """The entries of a directory, as `os.scandir` hands them out."""

    def __init__(self, entries: list[os.DirEntry[Any]]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry[Any]]:
        return self._entries

    def __next__(self) -> os.DirEntry[Any]:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was not asked for yet."""
        self._entries = iter(())


def turn() -> None:
    """Have this process list directories backwards, from now on."""
    listdir, scandir = os.listdir, os.scandir

    def listed(path: Any = ".") -> list[Any]:  # noqa: ANN401 - whatever os.listdir takes
        return sorted(listdir(path), reverse=True)

    def scanned(path: Any = ".") -> _Scanned:  # noqa: ANN401 - whatever os.scandir takes
        with scandir(path) as entries:
            return _Scanned(sorted(entries, key=lambda entry: entry.name, reverse=True))

    os.listdir, os.scandir = listed, scanned  # type: ignore[assignment]  # overloads by type
