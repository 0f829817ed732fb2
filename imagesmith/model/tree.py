"""A filesystem as a value.

A `Tree` maps image paths to entries.  An *image path* is an absolute,
normalised POSIX path inside the image as a `str` decoded with
`surrogateescape`: `/usr/bin/curl`, never the host's `Path`.  The root itself is
`/`.  Trees are sorted by the bytes of their paths when they are built, so
parents come before children and no later stage has to decide an order.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

import attrs

from imagesmith.model.digest import Digest
from imagesmith.model.facts import Facts

Xattrs = tuple[tuple[str, bytes], ...]
"""Extended attributes, sorted by name."""


@attrs.frozen
class Span:
    """Where a file's content lies in the store: a slice of a blob."""

    blob: Digest
    offset: int


@attrs.frozen(kw_only=True)
class File:
    """A regular file."""

    mode: int
    """Permission bits with setuid, setgid and sticky: at most 0o7777."""
    uid: int = 0
    gid: int = 0
    xattrs: Xattrs = ()
    size: int
    digest: Digest
    content: Span | bytes
    """A span of an unpacked artefact, or the bytes themselves if generated."""
    facts: Facts | None = None

    @classmethod
    def of(cls, content: bytes, *, mode: int = 0o644) -> File:
        """Return a generated file owned by root."""
        return cls(mode=mode, size=len(content), digest=Digest.of(content), content=content)


@attrs.frozen(kw_only=True)
class Directory:
    """A directory."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    xattrs: Xattrs = ()


@attrs.frozen(kw_only=True)
class Symlink:
    """A symbolic link; its target is kept verbatim, absolute or not."""

    target: str
    uid: int = 0
    gid: int = 0


@attrs.frozen(kw_only=True)
class Hardlink:
    """A further name of the regular file at `target`."""

    target: str
    """Image path of a `File` in the same tree."""


Entry = File | Directory | Symlink | Hardlink


class Filesystem(Protocol):
    """What path resolution needs: entries by path, nothing followed."""

    def entry(self, path: str) -> Entry | None:
        """Return the entry at exactly this image path, or None."""


def sort_key(path: str) -> bytes:
    """Order image paths by their bytes: parents first, the same everywhere."""
    return os.fsencode(path) if path.isascii() else path.encode("utf-8", "surrogateescape")


def parent(path: str) -> str:
    """Return the image path of the directory that holds `path`; `/` holds itself."""
    return path.rpartition("/")[0] or "/"


def parents(path: str) -> Iterator[str]:
    """Yield every directory above `path`, nearest first, without the root."""
    while (path := parent(path)) != "/":
        yield path


@attrs.frozen(init=False)
class Tree:
    """A sorted, immutable map from image path to entry."""

    entries: Mapping[str, Entry]

    def __init__(self, entries: Mapping[str, Entry] | Iterable[tuple[str, Entry]] = ()) -> None:
        """Sort `entries`; the root directory may be given or left out."""
        ordered = sorted(dict(entries).items(), key=lambda item: sort_key(item[0]))
        self.__attrs_init__(MappingProxyType(dict(ordered)))

    def entry(self, path: str) -> Entry | None:
        """Return the entry at exactly this image path; the root is always a directory."""
        found = self.entries.get(path)
        return Directory() if found is None and path == "/" else found

    def file(self, path: str) -> File | None:
        """Return the regular file at `path`, through at most one hard link."""
        entry = self.entry(path)
        if isinstance(entry, Hardlink):
            entry = self.entry(entry.target)
        return entry if isinstance(entry, File) else None

    def names(self, directory: str) -> tuple[str, ...]:
        """Return the names in the directory at exactly this image path, in order."""
        above = f"{directory.rstrip('/')}/"
        below = (path.removeprefix(above) for path in self.entries if path.startswith(above))
        return tuple(name for name in below if name and "/" not in name)

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        """Yield (path, entry) in order."""
        return iter(self.entries.items())

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.entries)

    def __contains__(self, path: object) -> bool:
        """Say whether `path` has an entry of its own."""
        return path in self.entries


def same(first: Entry, second: Entry) -> bool:
    """Say whether two entries are alike in an image: content by digest, wherever it lies."""
    match first, second:
        case File(), File():
            here = attrs.evolve(first, content=second.content, facts=second.facts)
            return here == second
        case _:
            return first == second


def describe(entry: Entry) -> str:
    """Render an entry on one line; tests, listings and error messages share this notation."""
    match entry:
        case File():
            return (
                f"file {entry.mode:04o}{_owner(entry)} {entry.digest.hex[:12]}{_attributes(entry)}"
            )
        case Directory():
            return f"dir {entry.mode:04o}{_owner(entry)}{_attributes(entry)}"
        case Symlink():
            return f"symlink{_owner(entry)} {entry.target}"
        case Hardlink():
            return f"hardlink {entry.target}"


def _owner(entry: File | Directory | Symlink) -> str:
    return f" {entry.uid}:{entry.gid}" if entry.uid or entry.gid else ""


def _attributes(entry: File | Directory) -> str:
    return "".join(f" {name}={value.hex()}" for name, value in entry.xattrs)


def is_executable(file: File) -> bool:
    """Say whether any execute bit is set."""
    return bool(file.mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
