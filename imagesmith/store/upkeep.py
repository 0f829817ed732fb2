"""Walks over a whole store: listing, verification, collection.

Nothing here trusts a name: what is not named as `layout` says is reported and
otherwise left alone.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import attrs

from imagesmith.errors import ImagesmithError, IntegrityError
from imagesmith.model.digest import HEX, Digest
from imagesmith.store import exports
from imagesmith.store.draft import abandoned
from imagesmith.store.layout import KIND, Layout, host_errors, named
from imagesmith.store.memory import damage

_POINTER_LENGTH = len("sha256:") + 64 + len("\n")


@attrs.frozen(order=True)
class Problem:
    """Something in the store that is not as it must be."""

    path: str
    problem: str


@attrs.frozen
class Collected:
    """What `collect` removed."""

    count: int
    """Blobs and exported images."""
    size: int
    """Bytes, of everything."""


def pointed(path: Path) -> Digest | None:
    """Return the digest a pointer holds, or None for anything but a well-formed pointer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        line = os.read(descriptor, _POINTER_LENGTH + 1)
        return Digest.parse(line.decode().removesuffix("\n"))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def blobs(layout: Layout) -> Iterator[tuple[Digest, os.stat_result]]:
    """Yield the digest and status of each well-named regular file, sorted by digest."""
    for path in _fanned(layout.blobs):
        digest = named(path)
        with suppress(FileNotFoundError):
            status = path.lstat()
            if digest is not None and stat.S_ISREG(status.st_mode):
                yield digest, status


def verify(layout: Layout, chunks: Callable[[Digest], Iterable[bytes]]) -> Iterator[Problem]:
    """Yield every problem in a fixed order; `chunks` reads a blob and raises if it is damaged."""
    belongs = {path.name for path in layout.directories() if path.parent == layout.root}
    belongs |= {layout.quarantine.name, layout.lock.name}
    yield from _strangers(layout.root, belongs)
    yield from _strangers(layout.blobs.parent, {layout.blobs.name})
    for path in _fanned(layout.blobs):
        digest = named(path)
        if digest is None:
            yield Problem(str(path), "does not belong in a store")
        else:
            yield from _damage(path, digest, chunks)
    for kind in _listed(layout.pointers):
        if not KIND.match(kind.name):
            yield Problem(str(kind), "does not belong in a store")
            continue
        for path in _fanned(kind):
            yield from _misled(layout, path)
    yield from _forgotten(layout)
    yield from (Problem(str(path), problem) for path, problem in exports.verify(layout))
    for path in _listed(layout.partials):
        if not HEX.match(path.name):
            yield Problem(str(path), "does not belong in a store")


def _strangers(directory: Path, belongs: set[str]) -> Iterator[Problem]:
    for path in _listed(directory):
        if path.name not in belongs:
            yield Problem(str(path), "does not belong in a store")


def _damage(
    path: Path, digest: Digest, chunks: Callable[[Digest], Iterable[bytes]]
) -> Iterator[Problem]:
    try:
        for _chunk in chunks(digest):
            continue
    except IntegrityError as error:
        yield Problem(str(path), f"expected {error.expected}, got {error.got}")
    except ImagesmithError as error:
        yield Problem(str(path), error.message.removeprefix(f"{path}: "))


def _misled(layout: Layout, path: Path) -> Iterator[Problem]:
    digest = pointed(path)
    if named(path) is None:
        yield Problem(str(path), "does not belong in a store")
    elif digest is None:
        yield Problem(str(path), "is no pointer to a digest")
    elif not layout.blob(digest).is_file():
        yield Problem(str(path), f"points to {digest}, which is not in the store")


def _forgotten(layout: Layout) -> Iterator[Problem]:
    for kind in _listed(layout.memories):
        if not KIND.match(kind.name) or kind.is_symlink() or not kind.is_dir():
            yield Problem(str(kind), "does not belong in a store")
            continue
        for path in _listed(kind):
            found = damage(path) if HEX.match(path.name) else "does not belong in a store"
            if found:
                yield Problem(str(path), found)


def _listed(directory: Path) -> list[Path]:
    """Return what is in a directory, sorted; nothing if there is no such directory."""
    with host_errors(directory), suppress(FileNotFoundError, NotADirectoryError):
        return sorted(directory.iterdir())
    return []


def _fanned(directory: Path) -> Iterator[Path]:
    """Yield what is in the directories in a directory, and what else lies beside those."""
    for path in _listed(directory):
        if path.is_dir() and not path.is_symlink():
            yield from _listed(path)
        else:
            yield path


def collect(layout: Layout, *, before: int) -> Collected:
    """Remove what was last used at or before that time, and pointers to what is gone."""
    unused = [layout.blob(digest) for digest, status in blobs(layout) if _used(status) <= before]
    size = sum(_remove(path) for path in unused)
    pointers = (path for kind in _listed(layout.pointers) for path in _fanned(kind))
    size += sum(_remove(path) for path in pointers if _is_idle(layout, path, before))
    size += sum(_remove(path) for path in _listed(layout.quarantine) if _is_old(path, before))
    size += sum(_remove_draft(path) for path in _listed(layout.partials) if _is_old(path, before))
    count, exported = exports.collect(layout, lambda path: _is_old(path, before))
    return Collected(len(unused) + count, size + exported)


def _is_idle(layout: Layout, pointer: Path, before: int) -> bool:
    digest = pointed(pointer)
    return digest is None or not layout.blob(digest).is_file() or _is_old(pointer, before)


def _used(status: os.stat_result) -> int:
    return status.st_mtime_ns // 10**9


def _is_old(path: Path, before: int) -> bool:
    with suppress(FileNotFoundError):
        return _used(path.lstat()) <= before
    return False


def _remove(path: Path) -> int:
    """Remove whatever lies at `path` and return how many bytes of files that freed."""
    with host_errors(path):
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path)
            return 0
        path.unlink()
        return status.st_size


def _remove_draft(path: Path) -> int:
    with host_errors(path):
        size = path.lstat().st_size
        return size if abandoned(path) else 0
