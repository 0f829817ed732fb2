"""One filesystem as the loaders of one image see it, with what was looked up kept.

Everything resolves inside the filesystem, as in a chroot, through
`model.resolve`.  Directories are resolved once, so a name that is missing in
ten search directories costs ten look-ups of an entry.  Nothing is kept beyond
the life of a `Root`, and the filesystem must not change meanwhile.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol, runtime_checkable

import attrs

from imagesmith.elf import ldcache
from imagesmith.model.resolve import Found, NotFound, resolve
from imagesmith.model.tree import Directory, File, Filesystem, Hardlink, Symlink

Read = Callable[[str], bytes]
"""The content of the regular file at a real path."""
Lend = Callable[[str], AbstractContextManager[memoryview]]
"""The same, without copying it: for large files of which little is looked at."""

NAME_MAX = 255
LD_SO_CACHE = "/etc/ld.so.cache"


@runtime_checkable
class Identifying(Protocol):
    """A filesystem that knows which paths are one file, as a host directory does."""

    def identity(self, path: str) -> Hashable:
        """Return what (st_dev, st_ino) says of the file at a real path."""


@runtime_checkable
class Listing(Protocol):
    """A filesystem whose directories can be listed; only hints ask for it."""

    def names(self, directory: str) -> Iterable[str]:
        """Return the names in the directory at a real path."""


@attrs.frozen
class Unusable:
    """A path no file can have: a component longer than NAME_MAX."""

    errno: Literal["ENAMETOOLONG"] = "ENAMETOOLONG"


def is_too_long(name: str) -> bool:
    """Say whether no file can have this name."""
    return len(name.encode("utf-8", "surrogateescape")) > NAME_MAX


@attrs.define(eq=False)
class Root:
    """A filesystem to load from."""

    filesystem: Filesystem
    read: Read
    _lend: Lend | None = None
    _directories: dict[str, Found | None] = attrs.field(init=False, factory=dict)
    _names: dict[str, tuple[str, ...]] = attrs.field(init=False, factory=dict)
    _cache: ldcache.LdCache | ldcache.MalformedCache | None = attrs.field(init=False, default=None)
    _cache_read: bool = attrs.field(init=False, default=False)

    def lookup(self, path: str) -> Found | NotFound | Unusable:
        """Follow an absolute path, as open(2) in a chroot would."""
        head, name = posixpath.split(path)
        directory = None if name in ("", ".", "..") else self.directory(head)
        if directory is None:
            return self._resolve(path)
        step = f"{directory.path.rstrip('/')}/{name}"
        entry = self.filesystem.entry(step)
        if entry is None:
            return Unusable() if is_too_long(name) else NotFound("ENOENT", step)
        if isinstance(entry, Symlink | Hardlink):
            return self._resolve(path)
        return Found(step, entry, directory.links)

    def _resolve(self, path: str) -> Found | NotFound | Unusable:
        found = resolve(self.filesystem, path)
        if isinstance(found, NotFound) and is_too_long(found.at.rpartition("/")[2]):
            return Unusable()
        return found

    def directory(self, path: str) -> Found | None:
        """Return the directory at `path`, or None if there is none."""
        if path not in self._directories:
            found = resolve(self.filesystem, path)
            self._directories[path] = None
            if isinstance(found, Found) and isinstance(found.entry, Directory):
                self._directories[path] = found
        return self._directories[path]

    def names(self, directory: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted; none if it is not there or cannot be listed."""
        found = self.directory(directory)
        if found is None or not isinstance(self.filesystem, Listing):
            return ()
        if found.path not in self._names:
            self._names[found.path] = tuple(sorted(self.filesystem.names(found.path)))
        return self._names[found.path]

    def identity(self, found: Found) -> Hashable:
        """Return what two names of one file have in common."""
        if isinstance(self.filesystem, Identifying):
            return self.filesystem.identity(found.path)
        entry = self.filesystem.entry(found.path)
        return entry.target if isinstance(entry, Hardlink) else found.path

    def content(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path`, or None if there is no file."""
        found = self.lookup(path)
        if isinstance(found, Found) and isinstance(found.entry, File):
            return self.read(found.path)
        return None

    @contextmanager
    def lend(self, path: str) -> Iterator[memoryview]:
        """Lend the bytes of the regular file at a real path; nobody keeps a slice of them."""
        if self._lend is None:
            yield memoryview(self.read(path))
        else:
            with self._lend(path) as view:
                yield view

    def ld_cache(self) -> ldcache.LdCache | ldcache.MalformedCache | None:
        """Return /etc/ld.so.cache, parsed once; None if there is none."""
        if not self._cache_read:
            content = self.content(LD_SO_CACHE)
            self._cache = None if content is None else ldcache.parse(content)
            self._cache_read = True
        return self._cache
