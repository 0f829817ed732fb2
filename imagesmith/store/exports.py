"""Root filesystems written out to be run, one directory an image.

    rootfs/<64 hex>/              of an image manifest, 0700
        root/                     the files
        mtree                     what they must be
        image.json                for who runs it
        start                     what made it start last, if it ran
    rootfs/<64 hex>.<16 hex>.tmp  one that is being written, or removed

A directory gets its name when everything below it is on disk, and loses it before
anything is removed, so there is no half of one.  Who writes one holds a lock on
`rootfs/` and finds the work done if another was faster; who runs one holds a
shared lock on its directory, and keeps it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from imagesmith.errors import DocumentError
from imagesmith.manifest import mtree
from imagesmith.model.digest import HEX, Digest
from imagesmith.store.draft import READ_SIZE, sync_directory
from imagesmith.store.layout import Layout, host_errors, locked, make_directory

MEMBERS = frozenset({"root", "mtree", "image.json"})
REMEMBERED = "start"

_UNFINISHED = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}\.tmp\Z")
_COMPARED = ("type", "size", "sha256digest", "link")
"""What of an mtree a directory has; owners and some permissions it has not."""


def export(layout: Layout, digest: Digest, write: Callable[[Path], None]) -> Path:
    """Return the directory of an image, which `write` fills if there is none yet."""
    target = layout.exported(digest)
    with host_errors(target):
        make_directory(layout.exports)
        with locked(layout.exports, fcntl.LOCK_EX):
            _clear(layout)
            if not target.is_dir() or target.is_symlink():
                _replace(target, write)
    return target


def _replace(target: Path, write: Callable[[Path], None]) -> None:
    unfinished = _beside(target)
    unfinished.mkdir(0o700)
    try:
        write(unfinished)
        unfinished.rename(target)
        sync_directory(target.parent)
    finally:
        if unfinished.exists():
            shutil.rmtree(unfinished)


def _beside(target: Path) -> Path:
    return target.with_name(f"{target.name}.{secrets.token_hex(8)}.tmp")


def _clear(layout: Layout) -> None:
    """Remove what dead writers left; the caller's lock says that all of them are."""
    for path in layout.exports.iterdir():
        if _UNFINISHED.match(path.name):
            shutil.rmtree(path)


def collect(layout: Layout, is_old: Callable[[Path], bool]) -> tuple[int, int]:
    """Remove what `is_old` and nobody runs; return how many, and bytes of their files."""
    if not layout.exports.is_dir():
        return 0, 0  # of an older release, and never written to since
    with host_errors(layout.exports), locked(layout.exports, fcntl.LOCK_EX):
        _clear(layout)
        old = [path for path in sorted(layout.exports.iterdir()) if is_old(path)]
        sizes = [_removed(path) for path in old if _is_named(path)]
    return len(sizes) - sizes.count(None), sum(size or 0 for size in sizes)


def _is_named(path: Path) -> bool:
    return bool(HEX.match(path.name)) and path.is_dir() and not path.is_symlink()


def _removed(path: Path) -> int | None:
    """Remove an exported image and return the bytes of its files; None while somebody runs it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        gone = path.rename(_beside(path))
    except BlockingIOError:
        return None
    finally:
        os.close(descriptor)
    size = sum(each.lstat().st_size for each in gone.rglob("*") if each.is_file())
    shutil.rmtree(gone)
    return size


def verify(layout: Layout) -> Iterator[tuple[Path, str]]:
    """Yield what is not as it was written, with what is wrong with it."""
    for path in sorted(layout.exports.iterdir()) if layout.exports.is_dir() else ():
        if _is_named(path):
            for problem in _damage(path):
                yield path, problem
        elif not _UNFINISHED.match(path.name):
            yield path, "does not belong in a store"


def _damage(path: Path) -> Iterator[str]:
    """Yield every difference between an exported root and its mtree."""
    for name in sorted(({each.name for each in path.iterdir()} - {REMEMBERED}) ^ MEMBERS):
        yield f"{name}: {'missing' if name in MEMBERS else 'does not belong in a store'}"
    try:
        expected = mtree.parse((path / "mtree").read_bytes(), document="mtree")
        yield from mtree.differences(
            {name: _compared(keywords) for name, keywords in expected.items()},
            dict(_listing(path / "root")),
        )
    except OSError as error:
        yield (error.strerror or str(error)).lower()
    except DocumentError as error:
        yield error.message


def _compared(keywords: str) -> str:
    pairs = (keyword.partition("=") for keyword in keywords.split(" "))
    return _spelled({name: value for name, _, value in pairs})


def _spelled(keywords: Mapping[str, str]) -> str:
    return " ".join(f"{name}={keywords[name]}" for name in _COMPARED if name in keywords)


def _listing(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every path below a directory, spelled as in an mtree, with what it is."""
    yield "/", "type=dir"
    for above, directories, files in os.walk(root):
        for name in (*directories, *files):
            place = Path(above, name)
            yield f"/{mtree.escape(str(place.relative_to(root)))}", _spelled(_keywords(place))


def _keywords(place: Path) -> Mapping[str, str]:
    status = place.lstat()
    if stat.S_ISDIR(status.st_mode):
        return {"type": "dir"}
    if stat.S_ISLNK(status.st_mode):
        return {"type": "link", "link": mtree.escape(str(place.readlink()))}
    if not stat.S_ISREG(status.st_mode):
        return {"type": "other"}
    found = hashlib.sha256()
    with place.open("rb") as file:
        while chunk := file.read(READ_SIZE):
            found.update(chunk)
    return {"type": "file", "size": str(status.st_size), "sha256digest": found.hexdigest()}
