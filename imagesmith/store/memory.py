"""What the store has seen: small documents by kind and key, kept for good.

    memory/<kind>/<sha256 of the first line>
        curl                          the key, on one line of ASCII
        sha256:<64 hex>               of what follows
        ...                           whatever was remembered

Whoever guards against old documents passed off as new relies on this: what is
there and cannot be read is an error, for "never seen" is what an attacker would
like to hear.  Only a file that is not there means that.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.store.draft import new_draft, sync_directory
from imagesmith.store.layout import (
    Layout,
    host_errors,
    locked,
    make_directory,
    refusal,
    spelled,
)

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of the largest file."""


def recall(layout: Layout, kind: str, key: str) -> bytes | None:
    """Return what is remembered of `key`, or None if nothing is; HostError if that is damaged."""
    path = layout.memory(kind, key)
    text = _text(path)
    return None if text is None else _content(path, text, spelled(key))


def remember(
    layout: Layout, kind: str, key: str, change: Callable[[bytes | None], bytes | None]
) -> None:
    """Make what is remembered of `key` what `change` returns for it, unless that is None."""
    path = layout.memory(kind, key)
    _make_kind(layout, path.parent)
    with locked(path.parent, fcntl.LOCK_EX):
        before = recall(layout, kind, key)
        content = change(before)
        if content is None or content == before:
            return
        text = b"\n".join((spelled(key), str(Digest.of(content)).encode(), content))
        if len(text) > MAX_SIZE:
            raise HostError(path=str(path), problem=f"would be larger than {MAX_SIZE} bytes")
        with new_draft(layout.drafts) as draft:
            draft.write(text)
            draft.publish(path)


def damage(path: Path) -> str | None:
    """Say what is wrong with the file at `path`, if anything is."""
    try:
        text = _text(path)
        if text is None:
            return None
        key = text.partition(b"\n")[0]
        _content(path, text, key)
    except HostError as error:
        return error.problem
    return None if Digest.of(key).hex == path.name else "has another key's name"


def _make_kind(layout: Layout, directory: Path) -> None:
    """Create the directory of a kind so that it survives a loss of power."""
    with host_errors(directory):
        if make_directory(directory):
            sync_directory(layout.memories)
            sync_directory(layout.root)


def _text(path: Path) -> bytes | None:
    """Return the bytes of a regular file, or None if there is nothing at `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise refusal(error, path) from error
        raise _damaged(path, "is not a regular file") from error
    try:
        with host_errors(path):
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _damaged(path, "is not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                text = file.read(MAX_SIZE + 1)
    finally:
        os.close(descriptor)
    if len(text) > MAX_SIZE:
        raise _damaged(path, f"is larger than {MAX_SIZE} bytes")
    return text


def _content(path: Path, text: bytes, key: bytes) -> bytes:
    """Return what a file of the store remembers of `key`; HostError if it is none."""
    found, digest, content = (*text.split(b"\n", 2), b"", b"")[:3]
    if digest != str(Digest.of(content)).encode():
        raise _damaged(path, "does not have the digest it says")
    if found != key:
        raise _damaged(path, f"remembers {found.decode(errors='replace')!r}, not {key.decode()!r}")
    return content


def _damaged(path: Path, problem: str) -> HostError:
    hint = "put back what was there; if you remove it, what it guards against is forgotten"
    return HostError(path=str(path), problem=problem, hint=hint)
