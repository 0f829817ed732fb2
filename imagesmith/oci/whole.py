"""Files written whole: never a partial one, and none that is already what it should be.

The bytes go into a locked temporary file beside the target, are synced, and are
renamed into place.  What a killed writer left behind, the next one removes.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imagesmith.errors import HostError

Pieces = Callable[[], Iterable[bytes | memoryview]]
"""Gives the content from its start, each time it is called."""

_BUFFER = 1024 * 1024


def write(path: Path, pieces: Pieces) -> None:
    """Put a file at `path` whole or not at all; one that is already this one is not touched.

    HostError where the host refuses; then nothing new lies at `path`.
    """
    refuse_special(path)
    if not holds(path, pieces):
        _replace(path, pieces())


def holds(path: Path, pieces: Pieces) -> bool:
    """Say whether `path` is a regular file with exactly these bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=_BUFFER) as existing:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            same = all(existing.read(len(piece)) == piece for piece in pieces())
            return same and not existing.read(1)
    except OSError:
        return False


def refuse_special(path: Path) -> None:
    """Refuse to put a file in the place of a directory, a link, a device or a FIFO."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise refused(path, error) from None
    if not stat.S_ISREG(mode):
        raise HostError(
            path=str(path),
            problem="exists and is not a regular file",
            hint="name another file; nothing is written through links or into devices",
        )


def refuse_present(path: Path) -> None:
    """Refuse to put a directory where something is."""
    if path.exists() or path.is_symlink():
        hint = "name a path that does not exist yet"
        raise HostError(path=str(path), problem="exists already", hint=hint)


def _replace(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Put `pieces` at `path` whole or not at all."""
    try:
        _remove_leftovers(path)
        with _temporary(path) as output:
            for piece in pieces:
                output.write(piece)
            output.flush()
            os.fsync(output.fileno())
            Path(output.name).rename(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise refused(path, error) from None


@contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    """Open a locked file beside `path`; unless it was renamed it is removed in the end."""
    temporary = path.with_name(f".{path.name}.tmp-{os.urandom(8).hex()}")
    try:
        with _locked(temporary) as output:
            yield output
    finally:
        temporary.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO:
    """Create a file and lock it; the lock tells it from what a killed writer left behind."""
    while True:
        output = path.open("xb", buffering=_BUFFER)
        try:
            fcntl.flock(output, fcntl.LOCK_EX)
            if os.fstat(output.fileno()).st_nlink:
                return output
        except OSError:
            output.close()
            raise
        output.close()  # another writer took it for a leftover before it was locked


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of killed writers: nobody holds their locks."""
    temporary_name = re.compile(re.escape(f".{path.name}.tmp-") + "[0-9a-f]{16}")
    for leftover in sorted(path.parent.iterdir()):
        if temporary_name.fullmatch(leftover.name):
            with suppress(OSError):
                _remove_unlocked(leftover)


def _remove_unlocked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refused(path: Path, error: OSError) -> HostError:
    """Return what the host's refusal means for people."""
    return HostError(path=str(path), problem=(error.strerror or str(error)).lower())
