"""Ways to lend a blob's bytes without its memory growing with what is read."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

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
