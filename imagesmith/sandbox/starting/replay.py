"""The start of an image, remembered: all that `run IMAGE [-- ARGS]` takes the next time.

Python's parser of JSON alone takes as long to load as bubblewrap to start.  So the
first plain run of an exported image leaves a file `start` beside its root, and this
reads it with next to no module loaded.  It holds words that end with a zero byte: the
release that wrote it, the machine, the path of the root, the archive's `index.json`,
then three lists with their lengths before them: options, entrypoint, cmd.

A start answers an archive whose `index.json` is byte for byte the one that was
verified then, so its digests name the same image.  Like all that is derived in a
store, it is believed because nobody else can write there.
"""

from __future__ import annotations

import fcntl
import os
import time

from imagesmith import __version__

DIRECTORY = "rootfs"
ROOT = "root"
START = "start"
MAX_DOCUMENT = 4 * 1024 * 1024
"""What registries accept as an image manifest (distribution-spec 1.1), in bytes."""
MAX_MEMBERS = 4096
TOUCH_INTERVAL = 24 * 60 * 60
"""Seconds by which a last use may be older than the directory says."""

_FORMAT = __version__.encode()
_BLOCK = 512
_GROUP_WRITES, _OTHERS_WRITE = 0o020, 0o002


def members(descriptor: int) -> dict[str, tuple[int, int]]:
    """Return offset and size of every regular file of a tar (POSIX ustar).

    ValueError unless it is the plainest of archives: others are for the audit to read.
    """
    found: dict[str, tuple[int, int]] = {}
    position = 0
    while header := os.pread(descriptor, _BLOCK, position).rstrip(b"\0"):
        name = header[:100].rstrip(b"\0").decode("ascii").removeprefix("./")
        size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
        kind, prefix = header[156:157], header[345:500].rstrip(b"\0")
        if kind not in (b"0", b"5") or prefix or name in found or len(found) > MAX_MEMBERS:
            raise ValueError("not the plainest of archives")
        position += _BLOCK
        found[name] = (position, size)
        position += -(-size // _BLOCK) * _BLOCK
    return found


def document(descriptor: int, listed: dict[str, tuple[int, int]], name: str) -> bytes:
    """Return a document of an archive; ValueError for one that is too large, or not there."""
    offset, size = listed.get(name, (0, MAX_DOCUMENT + 1))
    if size > MAX_DOCUMENT:
        raise ValueError("no document")
    return os.pread(descriptor, size, offset)


def index_of(path: str) -> bytes:
    """Return the `index.json` of an archive; OSError, or ValueError as `members`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return document(descriptor, members(descriptor), "index.json")
    finally:
        os.close(descriptor)


def locked(store: str, digest: str) -> int | None:
    """Lock the directory of an exported image for as long as the descriptor is open.

    None if it is not there, is being removed, or lies where others could write.
    """
    directory = f"{store}/{DIRECTORY}/{digest}"
    try:
        if not (_is_private(store) and _is_private(f"{store}/{DIRECTORY}")):
            return None
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if _is_at(directory, descriptor):
        _touch(descriptor)
        return descriptor
    os.close(descriptor)
    return None


def _is_private(directory: str) -> bool:
    """Say whether only this user or root can change what is in a directory, as the store does."""
    status = os.lstat(directory)
    others = _GROUP_WRITES * (status.st_gid != os.getegid()) | _OTHERS_WRITE
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & others


def _is_at(directory: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(directory), os.fstat(descriptor))
    except OSError:
        return False


def _touch(descriptor: int) -> None:
    """Note the use, once a day."""
    now = time.time()
    if abs(now - os.fstat(descriptor).st_mtime) >= TOUCH_INTERVAL:
        try:
            os.utime(descriptor, (now, now))
        except OSError:
            return


def remembered(store: str, index: bytes, machine: str) -> tuple[str, list[list[bytes]]] | None:
    """Return the image an `index.json` stands for, and options, entrypoint and cmd to start it."""
    for digest in os.listdir(f"{store}/{DIRECTORY}"):
        directory = f"{store}/{DIRECTORY}/{digest}"
        try:
            with open(f"{directory}/{START}", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[:4] == [_FORMAT, *map(os.fsencode, (machine, f"{directory}/{ROOT}")), index]:
            return digest, _lists(words[4:-1])
    return None


def _lists(words: list[bytes]) -> list[list[bytes]]:
    found = []
    while words:
        end = int(words[0]) + 1
        found.append(words[1:end])
        words = words[end:]
    return found


def remember(root: str, index: bytes, machine: str, lists: list[list[bytes]]) -> None:
    """Write the start of the image whose exported root this is; a store that is full has none."""
    words = [_FORMAT, os.fsencode(machine), os.fsencode(root), index]
    for each in lists:
        words += [b"%d" % len(each), *each]
    target = f"{os.path.dirname(root)}/{START}"
    draft = f"{target}.{os.getpid()}.tmp"
    try:
        with open(draft, "wb") as file:
            file.write(b"".join(word + b"\0" for word in words))
        os.replace(draft, target)
    except OSError:
        return
