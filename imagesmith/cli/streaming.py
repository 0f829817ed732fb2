"""A file of any size, opened once, for signatures to be judged over it.

What is hashed comes from one descriptor, in one pass.  Whoever has to read the
file a second time gets the very same one; a pipe is copied to a temporary file
without a name while it is hashed.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from imagesmith.cli.documents import refused

if TYPE_CHECKING:
    from imagesmith.trust.content import Content

STDIN = "-"
CHUNK = 1 << 20
"""Octets."""


@contextmanager
def content(name: str, *, twice: bool) -> Iterator[Content]:
    """Open a file, or standard input for `-`; with `twice`, so that it can be read again.

    HostError if it cannot be opened, and while it is read if it cannot be read.
    """
    from imagesmith.trust.content import Content

    path = Path("standard input" if name == STDIN else name)
    with ExitStack() as opened:
        try:
            file = opened.enter_context(_open(name))
            is_spooled = twice and _is_lost(file)
            spool = opened.enter_context(tempfile.TemporaryFile()) if is_spooled else None
        except OSError as error:
            raise refused(path, error) from None
        again = (spool or file).fileno()
        yield Content.stream(_chunks(file, spool, path), path=f"/proc/self/fd/{again}")


def _open(name: str) -> IO[bytes]:
    return os.fdopen(os.dup(0), "rb") if name == STDIN else Path(name).open("rb")


def _is_lost(file: IO[bytes]) -> bool:
    """Say whether what was read of `file` cannot be read again by opening it anew."""
    return not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or file.tell() != 0


def _chunks(file: IO[bytes], spool: IO[bytes] | None, path: Path) -> Iterator[bytes]:
    try:
        while chunk := file.read(CHUNK):
            if spool is not None:
                spool.write(chunk)
            yield chunk
        if spool is not None:
            spool.flush()
    except OSError as error:
        raise refused(path, error) from None
