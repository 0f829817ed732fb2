"""Files that have no digest name yet, and the one way they get one.

Write, fsync, rename, chmod 0444, fsync the directory: whatever interrupts that
leaves no incomplete file under a digest name.  A draft is locked with flock(2)
for as long as its writer lives, so that leftovers of dead writers can be told
from files that are being written, across processes and PID namespaces.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.store.layout import host_errors, make_directory

READ_SIZE = 1024 * 1024
"""Bytes read from disk at a time."""


@attrs.define
class Draft:
    """A locked file that grows, and the sha256 of what it holds so far."""

    path: Path
    descriptor: int
    size: int = 0
    published: bool = False
    _sha256: hashlib._Hash = attrs.field(factory=hashlib.sha256)

    @property
    def digest(self) -> Digest:
        """The digest of what was written so far."""
        return Digest(self._sha256.hexdigest())

    def write(self, chunk: bytes | memoryview) -> None:
        """Append `chunk`."""
        rest = memoryview(chunk)
        with host_errors(self.path):
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
        self._sha256.update(chunk)
        self.size += len(chunk)

    def resume(self) -> None:
        """Take what the file holds already as written."""
        with host_errors(self.path):
            while chunk := os.read(self.descriptor, READ_SIZE):
                self._sha256.update(chunk)
                self.size += len(chunk)

    def restart(self) -> None:
        """Forget everything written."""
        with host_errors(self.path):
            os.ftruncate(self.descriptor, 0)
            os.lseek(self.descriptor, 0, os.SEEK_SET)
        self._sha256 = hashlib.sha256()
        self.size = 0

    def publish(self, target: Path, *, durable: bool = True) -> None:
        """Give the file its final name, replacing whatever has it, once it is on disk.

        What is not `durable` may be gone or empty after a loss of power.
        """
        with host_errors(target):
            created = make_directory(target.parent)
            if durable:
                os.fsync(self.descriptor)
            self.path.rename(target)
            self.published = True
            os.fchmod(self.descriptor, 0o444)  # earlier, and a kept draft could be stuck with it
            if durable:
                sync_directory(target.parent)
            if durable and created:
                sync_directory(target.parent.parent)

    def discard(self) -> None:
        """Remove the file."""
        with host_errors(self.path):
            self.path.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_draft(directory: Path) -> Iterator[Draft]:
    """Lend an empty draft that is gone afterwards, unless it was published."""
    path = directory / f"{os.getpid()}-{secrets.token_hex(8)}.tmp"
    with _locked(path, os.O_EXCL) as draft:
        try:
            yield draft
        finally:
            if not draft.published:
                draft.discard()


@contextmanager
def kept_draft(path: Path) -> Iterator[Draft]:
    """Lend the draft at `path` with what it holds, waiting for whoever writes it.

    It stays for the next time, unless it is empty, discarded or published.
    """
    with _locked(path, 0) as draft:
        draft.resume()
        try:
            yield draft
        finally:
            if not draft.size and not draft.published:
                draft.discard()


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[Draft]:
    with host_errors(path):
        descriptor = _claim(path, flags)
    try:
        yield Draft(path, descriptor)
    finally:
        with host_errors(path):
            os.close(descriptor)


def _claim(path: Path, flags: int) -> int:
    """Open and lock `path` until the locked file is the one at `path`.

    Between opening and locking, its writer may have published it and a cleaner
    may have removed it.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(path, descriptor):
                os.fchmod(descriptor, 0o600)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Say whether the open file is still the one at `path`; HostError if it is no file."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise HostError(path=str(path), problem="is not a regular file", hint="remove it")
    with suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), status)
    return False


def abandoned(path: Path) -> bool:
    """Say whether no living writer has the draft at `path`; remove it then."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def clear(directory: Path) -> None:
    """Remove the drafts of dead writers, as far as this user may."""
    with suppress(OSError):
        for path in sorted(directory.iterdir()):
            with suppress(OSError):
                abandoned(path)
