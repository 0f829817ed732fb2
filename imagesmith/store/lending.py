"""Ways to lend a blob's bytes without its memory growing with what is read."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from imagesmith.errors import IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.store.draft import READ_SIZE
from imagesmith.store.layout import host_errors

ReadSpan = Callable[[int, int], bytes]
"""Gives the bytes of a blob at an offset, as many as are asked for, fewer where it ends."""


def span_reader(path: Path, descriptor: int) -> ReadSpan:
    """Return how to read slices of an open file; threads may share it."""

    def read(offset: int, size: int) -> bytes:
        with host_errors(path):
            return os.pread(descriptor, size, offset)

    return read


def forget_pages(view: memoryview) -> None:
    """Give back the memory of a mapped blob's pages; they are read again when they are touched."""
    if isinstance(view.obj, mmap.mmap):
        view.obj.madvise(mmap.MADV_DONTNEED)


def verified(path: Path, descriptor: int, digest: Digest) -> Iterator[bytes]:
    """Yield the content of an open file; IntegrityError in the end if it has another digest."""
    found = hashlib.sha256()
    while True:
        with host_errors(path):
            chunk = os.read(descriptor, READ_SIZE)
        if not chunk:
            break
        found.update(chunk)
        yield chunk
    if found.hexdigest() != digest.hex:
        raise damaged(path, digest, str(Digest(found.hexdigest())))


def damaged(path: Path, digest: Digest, got: str) -> IntegrityError:
    """Return the error that what lies at `path` is not the blob of `digest`."""
    hint = "run again to fetch it or make it anew; imagesmith store verify lists all damage"
    return IntegrityError(what=str(path), expected=str(digest), got=got, hint=hint)
