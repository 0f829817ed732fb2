"""A host directory as a filesystem to trace in: `trace --root DIR`.

`HostRoot` answers what a `Tree` answers, by looking: component by component
below an open directory, never through a link, so that no name, link or race
leads out of the root.  Nothing is looked up twice, and a name that its
directory does not list costs no system call.  Sockets and devices are not
there, as they are not in a `Tree`.  What it says was true when it looked.

Its files have facts but no content: `UNREAD` is the digest of nothing known, so
that such a file can be traced, and an attempt to pack one fails.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Self

from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.model.facts import Facts, MalformedElf
from imagesmith.model.text import printable
from imagesmith.model.tree import Directory, Entry, File, Span, Symlink, parent, parents
from imagesmith.unpack.paths import decoded, encoded
from imagesmith.unpack.tar import FactsOf

UNREAD = Digest("0" * 64)
"""Stands for the digest of a host file, which nobody computed."""

_LOOK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP}
"""What makes a loader go on to its next directory."""
_KEPT = 64
"""Directories kept open."""


class HostRoot:
    """The filesystem below one directory of the host; a context manager."""

    def __init__(self, root: str, *, facts: FactsOf) -> None:
        """Open the directory `root`, a link to one included; HostError if there is none."""
        self._name = root
        self._facts = facts
        self._entries: dict[str, Entry | None] = {}
        self._identities: dict[str, tuple[int, int]] = {}
        self._listings: dict[str, frozenset[bytes] | None] = {}
        try:
            top = os.open(root, _LOOK & ~os.O_NOFOLLOW)
        except OSError as error:
            raise self._error("/", error) from None
        self._open = {"/": top}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the directories."""
        while self._open:
            os.close(self._open.popitem()[1])

    def entry(self, path: str) -> Entry | None:
        """Return the entry at exactly this image path, or None."""
        if path not in self._entries:
            above = reversed(tuple(parents(path)))
            reachable = all(isinstance(self._entry_below(step), Directory) for step in above)
            self._entries[path] = self._entry_below(path) if reachable else None
        return self._entries[path]

    def identity(self, path: str) -> Hashable:
        """Return what the file at `path` has in common with its other names only."""
        self.entry(path)
        return self._identities.get(path, path)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in the directory at `path`, sorted; none if it cannot be listed."""
        if not isinstance(self.entry(path), Directory):
            return ()
        return tuple(sorted(map(decoded, self._listing(path) or ())))

    def read(self, path: str) -> bytes:
        """Return the content of the regular file at `path`; HostError if it cannot be read."""
        if not isinstance(self.entry(path), File):
            raise HostError(path=self._shown(path), problem="not a regular file")
        try:
            with self._opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
                return file.read()
        except OSError as error:
            raise self._error(path, error) from None

    @contextmanager
    def lend(self, path: str) -> Iterator[memoryview]:
        """Lend the content of the regular file at `path`; HostError if it cannot be read."""
        if not isinstance(self.entry(path), File):
            raise HostError(path=self._shown(path), problem="not a regular file")
        try:
            with self._opened(path) as descriptor, _mapped(descriptor) as view:
                yield view
        except OSError as error:
            raise self._error(path, error) from None

    def _entry_below(self, path: str) -> Entry | None:
        """Return the entry at `path`, whose parent is a directory."""
        if path in self._entries:
            return self._entries[path]
        try:
            entry = self._looked_up(path)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise self._error(path, error) from None
            entry = None
        self._entries[path] = entry
        return entry

    def _looked_up(self, path: str) -> Entry | None:
        if path == "/":
            return self._entry(path, os.fstat(self._directory("/")))
        name = _last(path)
        listing = self._listing(parent(path))
        if name in {b"", b".", b".."} or b"\0" in name or path.startswith("//"):
            return None
        if listing is not None and name not in listing:
            return None
        status = os.stat(name, dir_fd=self._directory(parent(path)), follow_symlinks=False)
        return self._entry(path, status)

    def _entry(self, path: str, status: os.stat_result) -> Entry | None:
        mode, uid, gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
        match stat.S_IFMT(status.st_mode):
            case stat.S_IFDIR:
                return Directory(mode=mode, uid=uid, gid=gid)
            case stat.S_IFLNK:
                target = os.readlink(_last(path), dir_fd=self._directory(parent(path)))
                return Symlink(target=decoded(target), uid=uid, gid=gid)
            case stat.S_IFREG:
                self._identities[path] = (status.st_dev, status.st_ino)
                return File(
                    mode=mode,
                    uid=uid,
                    gid=gid,
                    size=status.st_size,
                    digest=UNREAD,
                    content=Span(UNREAD, 0),
                    facts=self._facts_of(path),
                )
            case _:
                return None

    def _facts_of(self, path: str) -> Facts | None:
        try:
            with self._opened(path) as descriptor, _mapped(descriptor) as view:
                return self._facts(view)
        except OSError as error:
            return MalformedElf(f"cannot be read: {error.strerror}")

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        descriptor = os.open(_last(path), _READ, dir_fd=self._directory(parent(path)))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            yield descriptor
        finally:
            os.close(descriptor)

    def _listing(self, path: str) -> frozenset[bytes] | None:
        """Return the names in a directory; None if it may be entered but not listed."""
        if path not in self._listings:
            self._listings[path] = self._names(path)
        return self._listings[path]

    def _names(self, path: str) -> frozenset[bytes] | None:
        try:
            descriptor = os.open(b".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._directory(path))
        except PermissionError:
            return None
        try:
            with os.scandir(descriptor) as listing:
                return frozenset(os.fsencode(entry.name) for entry in listing)
        finally:
            os.close(descriptor)

    def _directory(self, path: str) -> int:
        """Return a descriptor of the directory `path`, opened from the root downwards."""
        descriptor = self._open["/"]
        for step in (*reversed(tuple(parents(path))), path):
            if step not in self._open:
                self._open_below(step, descriptor)
            descriptor = self._open[step]
        return descriptor

    def _open_below(self, path: str, above: int) -> None:
        self._open[path] = os.open(_last(path), _LOOK, dir_fd=above)
        if len(self._open) > _KEPT:
            oldest = next(known for known in self._open if known not in {"/", path})
            os.close(self._open.pop(oldest))

    def _error(self, path: str, error: OSError) -> HostError:
        return HostError(path=self._shown(path), problem=(error.strerror or "error").lower())

    def _shown(self, path: str) -> str:
        return printable(f"{self._name.rstrip('/')}{path}")


@contextmanager
def _mapped(descriptor: int) -> Iterator[memoryview]:
    """Lend the bytes of an open file; an empty one cannot be mapped."""
    if os.fstat(descriptor).st_size == 0:
        yield memoryview(b"")
        return
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as mapping, memoryview(mapping) as view:
        yield view


def _last(path: str) -> bytes:
    return encoded(path.rpartition("/")[2])
