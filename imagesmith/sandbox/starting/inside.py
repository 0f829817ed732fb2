"""Paths inside a root directory of the host.

An image's links are the image's: an absolute one starts at its root and none
leads out of it, whatever lies there on the host.  Nothing else in this room
follows a link of an image.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from imagesmith.errors import UsageError

MAX_LINKS = 40
"""As many as Linux follows in one path (path_resolution(7))."""
MAX_ACCOUNTS = 1024 * 1024
"""Bytes of a passwd or group file."""
MAX_ID = 2**32 - 2
"""The highest uid or gid: chown(2) takes 2**32 - 1 for "leave it"."""


class Account(NamedTuple):
    """Whom a program runs as."""

    uid: int
    gid: int
    home: str


def resolved(root: str, path: str) -> str:
    """Return the image path that `path` leads to, through links; what is missing stays as it is.

    OSError (ELOOP) where links go on for too long.
    """
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    here, hops = "", 0
    while pending:
        part = pending.pop()
        if part == "..":
            here = here.rpartition("/")[0]
            continue
        target = _link(f"{root}{here}/{part}")
        if target is None:
            here = f"{here}/{part}"
            continue
        hops += 1
        if hops > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        here = "" if target.startswith("/") else here
        pending += [step for step in reversed(target.split("/")) if step not in ("", ".")]
    return here or "/"


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def located(root: str, path: str) -> str:
    """Return where on the host the file or directory at an image path lies, its links followed."""
    return root + resolved(root, path).rstrip("/")


def has(root: str, path: str) -> bool:
    """Say whether something lies where an image path leads to."""
    try:
        return os.path.lexists(located(root, path))
    except OSError:
        return False  # links that go on for too long


def account(root: str, user: str) -> Account:
    """Return whom a config's `User` means: `NAME|UID[:GROUP|GID]`, root if it is empty.

    As config.md says, a number without an entry in the image's /etc/passwd has the
    group 0; UsageError for a name without one.
    """
    name, _, group = (user or "0").partition(":")
    uid, gid, home = _user(root, name)
    return Account(uid, _group(root, group) if group else gid, home)


def homes(root: str) -> frozenset[str]:
    """Return the home directories of the image's users."""
    listed = _entries(root, "/etc/passwd", count=7, numbers=2)
    return frozenset(fields[5] for fields in listed) - {"", "/"}


def _user(root: str, name: str) -> tuple[int, int, str]:
    for fields in _entries(root, "/etc/passwd", count=7, numbers=2):
        if name in (fields[0], fields[2]):
            return int(fields[2]), int(fields[3]), fields[5]
    return _number(name, "/etc/passwd"), 0, "/"


def _group(root: str, name: str) -> int:
    for fields in _entries(root, "/etc/group", count=4, numbers=1):
        if name in (fields[0], fields[2]):
            return int(fields[2])
    return _number(name, "/etc/group")


def _number(name: str, file: str) -> int:
    if _is_number(name):
        return int(name)
    problem = f"{name}: no such name in the image's {file}"
    raise UsageError(problem=problem, hint="name a number: --user UID[:GID]")


def _entries(root: str, path: str, *, count: int, numbers: int) -> list[list[str]]:
    """Return the lines of an account file with so many fields, `numbers` of them from the third."""
    try:
        descriptor = os.open(located(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        text = os.read(descriptor, MAX_ACCOUNTS).decode("utf-8", "surrogateescape")
    except OSError:
        return []
    finally:
        os.close(descriptor)
    lines = (line.split(":") for line in text.split("\n"))
    return [
        fields
        for fields in lines
        if len(fields) == count and all(map(_is_number, fields[2 : 2 + numbers]))
    ]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= MAX_ID
