"""Files as locations: a vendored bundle, a mounted mirror."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes, urlsplit

from imagesmith.fetch.transfer import Transfer

CHUNK = 1024 * 1024


def local_path(location: str) -> str | None:
    """Return the path that an absolute path or a file URL of this host names, or None."""
    if location.startswith("/"):
        return location
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = os.fsdecode(unquote_to_bytes(parts.path))
    return path if path.startswith("/") else None


def stream(path: str, transfer: Transfer) -> Iterator[bytes]:
    """Yield a regular file from the transfer's position on."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise transfer.failure("not found") from error
    except (OSError, ValueError) as error:
        raise transfer.failure(_problem(error)) from error
    try:
        yield from _content(descriptor, transfer)
    except OSError as error:
        raise transfer.failure(_problem(error)) from error
    finally:
        os.close(descriptor)


def _content(descriptor: int, transfer: Transfer) -> Iterator[bytes]:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise transfer.failure("not a regular file")
    if transfer.size not in (None, status.st_size) or status.st_size > transfer.limit:
        raise transfer.wrong_size(f"{status.st_size}")
    os.lseek(descriptor, transfer.position, os.SEEK_SET)
    while chunk := os.read(descriptor, CHUNK):
        yield transfer.give(chunk)
    if transfer.position != status.st_size:
        raise transfer.failure("changed while it was read")


def _problem(error: OSError | ValueError) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error)).lower()
