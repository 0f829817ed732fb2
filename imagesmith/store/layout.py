"""Where things lie in a store, and whether its directories can be relied on.

    blobs/sha256/ab/<64 hex>      bytes under their digest, 0444, never written to again
    derived/<kind>/ab/<64 hex>    pointers: the digest of what a function of the named one gave
    memory/<kind>/<64 hex>        what was seen before, under the sha256 of its key
    rootfs/<64 hex>/              root filesystems written out to be run, by image manifest
    partial/<64 hex>              the first bytes of a blob that is being fetched
    tmp/                          files that have no name yet; locked while their writer lives
    quarantine/                   blobs that were found damaged
    lock                          shared by those who use the store, exclusive for `collect`

Directories are 0755 whatever the umask.  A root that is a symbolic link, or a
directory that others can write to, is refused as ssh and gpg do: pointers and
memories are believed, so whoever can write one could choose what enters an image.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from imagesmith.errors import HostError
from imagesmith.model.digest import HEX, Digest

KIND = re.compile(r"[a-z0-9][a-z0-9.-]*\Z")
"""What may name a kind of derivation or of memory."""

_ELSEWHERE = "name another directory with --store"
_HINTS = {
    errno.ENOSPC: "free some space, or run imagesmith store gc",
    errno.EDQUOT: "free some space, or run imagesmith store gc",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.EIO: "the disk reports an error; check it, then run imagesmith store verify",
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
}


@contextmanager
def host_errors(path: Path) -> Iterator[None]:
    """Turn every OSError into a HostError about the file it names, or else `path`."""
    try:
        yield
    except OSError as error:
        raise refusal(error, path) from error


def refusal(error: OSError, path: Path) -> HostError:
    """Return `error` in the words of the tree of errors."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(path)
    problem = (error.strerror or str(error)).lower()
    return HostError(path=where, problem=problem, hint=_HINTS.get(error.errno or 0))


@attrs.frozen
class Layout:
    """The paths of one store."""

    root: Path

    @property
    def blobs(self) -> Path:
        """Holds the fan-out directories of all blobs."""
        return self.root / "blobs" / "sha256"

    @property
    def pointers(self) -> Path:
        """Holds one directory per kind of derivation."""
        return self.root / "derived"

    @property
    def memories(self) -> Path:
        """Holds one directory per kind of memory."""
        return self.root / "memory"

    @property
    def exports(self) -> Path:
        """Holds one directory per exported image."""
        return self.root / "rootfs"

    @property
    def partials(self) -> Path:
        """Holds unfinished downloads."""
        return self.root / "partial"

    @property
    def drafts(self) -> Path:
        """Holds files without a name."""
        return self.root / "tmp"

    @property
    def quarantine(self) -> Path:
        """Holds damaged blobs."""
        return self.root / "quarantine"

    @property
    def lock(self) -> Path:
        """The file that users share and `collect` has for itself."""
        return self.root / "lock"

    def blob(self, digest: Digest) -> Path:
        """Return where the bytes of `digest` lie, if anywhere."""
        return self.blobs / digest.hex[:2] / digest.hex

    def pointer(self, kind: str, key: Digest) -> Path:
        """Return where the result of `kind` for `key` is remembered; ValueError for a bad kind."""
        return self.pointers / _kind(kind, "derivation") / key.hex[:2] / key.hex

    def memory(self, kind: str, key: str) -> Path:
        """Return where what was seen of `key` is remembered; ValueError for a bad kind."""
        return self.memories / _kind(kind, "memory") / Digest.of(spelled(key)).hex

    def exported(self, digest: Digest) -> Path:
        """Return where the root filesystem of an image is written out to, if it is."""
        return self.exports / digest.hex

    def partial(self, digest: Digest) -> Path:
        """Return where the download of `digest` grows."""
        return self.partials / digest.hex

    def directories(self) -> tuple[Path, ...]:
        """Return the directories every store has, parents first."""
        return (
            self.root,
            self.blobs.parent,
            self.blobs,
            self.pointers,
            self.memories,
            self.exports,
            self.partials,
            self.drafts,
        )


def spelled(key: str) -> bytes:
    """Return the one line of ASCII that stands for the key of a memory."""
    return key.encode("unicode_escape")


def _kind(name: str, of: str) -> str:
    if not KIND.match(name):
        raise ValueError(f"not a kind of {of}: {name!r}")
    return name


def named(path: Path) -> Digest | None:
    """Return the digest a file in a fan-out directory claims by its name, if it is a name."""
    proper = HEX.match(path.name) and path.parent.name == path.name[:2]
    return Digest(path.name) if proper else None


def prepare(root: Path) -> Layout:
    """Create what is missing and refuse what others could write to."""
    with host_errors(root):
        layout = Layout(root.absolute())
        for parent in reversed(layout.root.parents):
            make_directory(parent)
        for directory in layout.directories():
            try:
                make_directory(directory)
            except OSError:
                # A store that cannot be written to can still be read.
                if directory == layout.root or os.access(layout.root, os.W_OK):
                    raise
            else:
                _check(directory)
        _make_lock(layout.lock)
    return layout


def _make_lock(path: Path) -> None:
    """Create the lock file with mode 0644 whatever the umask, where that is possible."""
    if not path.exists():
        with suppress(OSError):
            path.touch(0o644)
            path.chmod(0o644)


@contextmanager
def locked(path: Path, operation: int) -> Iterator[None]:
    """Hold an flock(2) on `path` meanwhile; what is not there cannot be locked."""
    descriptor = None
    with host_errors(path), suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        fcntl.flock(descriptor, operation)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def make_directory(path: Path) -> bool:
    """Create a directory with mode 0755 whatever the umask; say whether it was missing."""
    if path.is_dir():
        return False
    try:
        path.mkdir(0o755)
    except FileExistsError:
        return False
    path.chmod(0o755)
    return True


def _check(directory: Path) -> None:
    status = directory.lstat()
    problem, hint = "", f"remove it, or {_ELSEWHERE}"
    if stat.S_ISLNK(status.st_mode):
        problem, hint = "is a symbolic link", "name the directory itself"
    elif not stat.S_ISDIR(status.st_mode):
        problem = "is not a directory"
    elif status.st_uid not in (os.geteuid(), 0):
        problem, hint = "belongs to another user", _ELSEWHERE
    elif _others_write(status):
        problem, hint = "others can write to it", f"chmod go-w {directory}"
    if problem:
        raise HostError(path=str(directory), problem=problem, hint=hint)


def _others_write(status: os.stat_result) -> bool:
    """Say so for everybody, and for groups other than the user's own."""
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and status.st_gid != os.getegid()
