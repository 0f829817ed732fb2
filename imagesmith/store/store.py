"""The store's verbs.

What a caller can rely on:

- A `Blob` is made here only, after its bytes were hashed and synced to disk.
- No incomplete file is ever found under a digest, whatever was interrupted.
- `read` and `chunks` raise `IntegrityError` unless the bytes have the digest;
  what is there but is no regular file, or is gone, is the same error, and so
  `quarantine` and another `put` mend all of these.
- `map` does not hash: who uses the bytes does, over the bytes used.
- `find` and `derived` are claims that the next read confirms.
- What is `remember`ed is never lost without an error: not to another process, to a
  loss of power, or to `collect`.
- Every verb may be called from several threads and processes at a time.

Trouble with the disk is a `HostError`.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from imagesmith.errors import HostError, IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.store import exports, memory, upkeep
from imagesmith.store.draft import Draft, clear, kept_draft, new_draft
from imagesmith.store.layout import Layout, host_errors, locked, make_directory, prepare, refusal
from imagesmith.store.lending import ReadSpan, damaged, span_reader, verified
from imagesmith.store.upkeep import Collected, Problem

TOUCH_INTERVAL = 24 * 60 * 60
"""Seconds by which a last use may be older than its file says: a store mostly read stays quiet."""


@attrs.frozen(order=True)
class Blob:
    """Bytes that are in the store; nothing else makes one."""

    digest: Digest
    size: int


@attrs.frozen
class Store:
    """Bytes by digest in one directory."""

    layout: Layout
    clock: Callable[[], float] = time.time
    """Tells when something is used; no bytes depend on it."""

    @classmethod
    def open(cls, root: Path, *, clock: Callable[[], float] = time.time) -> Store:
        """Create the directory or check that only its owner writes to it, and tidy up."""
        store = cls(prepare(root), clock)
        clear(store.layout.drafts)
        return store

    @property
    def root(self) -> Path:
        """The absolute path of the directory."""
        return self.layout.root

    def find(self, digest: Digest) -> Blob | None:
        """Return the blob if the store has it, by its name alone, and note the use."""
        path = self.layout.blob(digest)
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        self._touch(path, status)
        return Blob(digest, status.st_size)

    def put(
        self, fetch: Callable[[int], Iterable[bytes]], *, digest: Digest, size: int, what: str
    ) -> Blob:
        """Return the blob with this digest and size, fetching what is missing.

        `fetch(offset)` streams from that offset on.  What it gave before it
        failed is kept, and the next `put` of the digest goes on from there; two
        processes fetch one digest once.  Wrong bytes are an `IntegrityError`
        about `what` and are not kept.
        """
        if blob := self._kept(digest, size):
            return blob
        with kept_draft(self.layout.partial(digest)) as draft:
            if blob := self._kept(digest, size):
                draft.restart()  # somebody else was faster; an empty draft is not kept
                return blob
            try:
                _fill(draft, fetch, Blob(digest, size), what)
            except IntegrityError:
                draft.restart()
                raise
            return self._publish(draft)

    def add(self, chunks: Iterable[bytes | memoryview]) -> Blob:
        """Keep bytes made here and return the blob they are."""
        with new_draft(self.layout.drafts) as draft:
            for chunk in chunks:
                draft.write(chunk)
            return self._publish(draft)

    def read(self, digest: Digest) -> bytes:
        """Return the bytes, verified."""
        return b"".join(self.chunks(digest))

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """Yield the bytes, 1 MiB at a time; IntegrityError at the end if they are others.

        What is damaged is set aside, so that the next run fetches it or makes it anew.
        """
        try:
            yield from self._verified(digest)
        except IntegrityError:
            with suppress(HostError):
                self.quarantine(digest)
            raise

    def _verified(self, digest: Digest) -> Iterator[bytes]:
        with self._opened(digest) as (path, descriptor):
            yield from verified(path, descriptor, digest)

    @contextmanager
    def map(self, digest: Digest) -> Iterator[memoryview]:
        """Lend the bytes without copying or verifying them; one descriptor is held meanwhile."""
        mapped = self._mapped(digest)
        view = memoryview(mapped)
        try:
            yield view
        finally:
            with suppress(BufferError):  # slices of it live on; it goes with the last
                view.release()
                if isinstance(mapped, mmap.mmap):
                    mapped.close()

    @contextmanager
    def spans(self, digest: Digest) -> Iterator[ReadSpan]:
        """Lend a way to read slices, unverified; one descriptor is held meanwhile."""
        with self._opened(digest) as (path, descriptor):
            self._touch(path, os.fstat(descriptor))
            yield span_reader(path, descriptor)

    def derived(self, kind: str, key: Digest) -> Digest | None:
        """Return what `derive` was told last, if that blob is still here: a claim."""
        path = self.layout.pointer(kind, key)
        digest = upkeep.pointed(path)
        if digest is None or self.find(digest) is None:
            return None
        with suppress(OSError):
            self._touch(path, path.lstat())
        return digest

    def derive(self, kind: str, key: Digest, digest: Digest) -> None:
        """Remember that a pure function named `kind` gave `digest` for `key`."""
        path = self.layout.pointer(kind, key)
        with host_errors(path):
            make_directory(path.parent.parent)
        with new_draft(self.layout.drafts) as draft:
            draft.write(f"{digest}\n".encode())
            draft.publish(path, durable=False)

    def recall(self, kind: str, key: str) -> bytes | None:
        """Return what is remembered of `key`, or None if nothing is; HostError if damaged."""
        return memory.recall(self.layout, kind, key)

    def remember(self, kind: str, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Replace what is known of `key` by what `change` makes of it, for good; None leaves it.

        One process at a time changes memories of a kind; `collect` removes none.
        """
        memory.remember(self.layout, kind, key, change)

    def export(self, digest: Digest, write: Callable[[Path], None]) -> Path:
        """Return the directory of the image with this digest, filled by `write` if it is new.

        What an interrupted `write` left is never found there; two processes write it once.
        """
        return exports.export(self.layout, digest, write)

    def quarantine(self, digest: Digest) -> None:
        """Move what lies under this name aside, so that the next `put` fetches again."""
        path = self.layout.blob(digest)
        with host_errors(path), suppress(FileNotFoundError):
            path.lstat()
            make_directory(self.layout.quarantine)
            path.rename(self.layout.quarantine / f"{digest.hex}.{secrets.token_hex(4)}")

    def entries(self) -> Iterator[Blob]:
        """Yield every blob by its name, sorted."""
        for digest, status in upkeep.blobs(self.layout):
            yield Blob(digest, status.st_size)

    def verify(self) -> Iterator[Problem]:
        """Hash every blob, look at every name, and yield what is wrong."""
        return upkeep.verify(self.layout, self._verified)

    def collect(self, *, unused_for: int, now: int) -> Collected:
        """Remove what was not used for that many seconds; waits for everybody in `in_use`.

        Uses are noted once a day, so anything below a day may count as unused
        what was used since.
        """
        with locked(self.layout.lock, fcntl.LOCK_EX):
            return upkeep.collect(self.layout, before=now - unused_for)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep `collect` waiting; never call that one inside."""
        # There is no lock where nobody could ever write, and nothing is collected there.
        with locked(self.layout.lock, fcntl.LOCK_SH):
            yield

    def _mapped(self, digest: Digest) -> mmap.mmap | bytes:
        with self._opened(digest) as (path, descriptor), host_errors(path):
            status = os.fstat(descriptor)
            self._touch(path, status)
            return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) if status.st_size else b""

    @contextmanager
    def _opened(self, digest: Digest) -> Iterator[tuple[Path, int]]:
        path = self.layout.blob(digest)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise damaged(path, digest, "no file") from error
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
                raise refusal(error, path) from error
            raise damaged(path, digest, "no regular file") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise damaged(path, digest, "no regular file")
            yield path, descriptor
        finally:
            os.close(descriptor)

    def _kept(self, digest: Digest, size: int) -> Blob | None:
        """Return the blob if it has the right size; move what has not aside."""
        blob = self.find(digest)
        if blob is not None and blob.size != size:
            self.quarantine(digest)
            return None
        return blob

    def _publish(self, draft: Draft) -> Blob:
        blob = Blob(draft.digest, draft.size)
        path = self.layout.blob(blob.digest)
        if path.is_symlink() or path.is_dir():
            self.quarantine(blob.digest)
        draft.publish(path)
        return blob

    def _touch(self, path: Path, status: os.stat_result) -> None:
        now = self.clock()
        if abs(now - status.st_mtime) >= TOUCH_INTERVAL:
            with suppress(OSError):
                os.utime(path, (now, now), follow_symlinks=False)


def _fill(draft: Draft, fetch: Callable[[int], Iterable[bytes]], wanted: Blob, what: str) -> None:
    """Make `draft` hold exactly `wanted`, starting again once if what was kept is wrong."""
    while True:
        resumed = 0 < draft.size <= wanted.size
        if not resumed:
            draft.restart()
        if not resumed or draft.size < wanted.size:
            for chunk in fetch(draft.size):
                draft.write(chunk[: wanted.size + 1 - draft.size])
                if draft.size > wanted.size:
                    break
        found = Blob(draft.digest, draft.size)
        if found == wanted:
            return
        if not resumed:
            raise _unwanted(found, wanted, what)
        draft.restart()


def _unwanted(found: Blob, wanted: Blob, what: str) -> IntegrityError:
    if found.size > wanted.size:
        return IntegrityError(what=what, expected=f"{wanted.size} bytes", got="more")
    if found.size < wanted.size:
        return IntegrityError(what=what, expected=f"{wanted.size} bytes", got=f"{found.size}")
    return IntegrityError(what=what, expected=str(wanted.digest), got=str(found.digest))
