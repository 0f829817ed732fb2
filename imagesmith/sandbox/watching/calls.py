"""System calls, read from a log of strace.

One line holds a call, or its beginning or end where another process came between,
or the end of a process.  A call is given when it has returned.  A line that is none
of this is never passed over in silence: it is given as `Strange`, and who needs to be
certain refuses it.

The format is that of strace(1) with the options of `strace`: every line begins with
the process, every string is hexadecimal, descriptors are followed by where they lead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

OPEN, EXECUTE, LIST, LOOK, WRITE = "open", "execute", "list", "look", "write"
"""What is done to a file.  To look is to learn of it by its name alone, as stat(2) does."""
NEW = ("clone", "clone3", "fork", "vfork")
"""Calls that start a process."""
MOVES = ("chdir", "fchdir", "chroot")
"""Calls that change where paths begin."""


class Use(NamedTuple):
    """A file that a call names, and what the call does to it."""

    kind: str
    path: int
    """Which argument is its name; -1 for a call on a descriptor."""
    at: int = -1
    """Which argument is the descriptor of the directory it is relative to; -1 for none."""
    flags: int = -1
    """Which argument says how it is opened."""


def _uses() -> Iterator[tuple[tuple[str, ...], tuple[Use, ...]]]:
    """Yield the calls that name files, those with the same arguments together."""
    yield ("open",), (Use(OPEN, 0, flags=1),)
    yield ("openat", "openat2"), (Use(OPEN, 1, 0, flags=2),)
    yield ("execve",), (Use(EXECUTE, 0),)
    yield ("execveat",), (Use(EXECUTE, 1, 0),)
    yield ("getdents", "getdents64"), (Use(LIST, -1, 0),)
    stats = ("stat", "lstat", "stat64", "lstat64", "oldstat", "oldlstat", "statfs", "statfs64")
    attributes = ("getxattr", "lgetxattr", "listxattr", "llistxattr")
    yield (*stats, *attributes, "access", "readlink", "chdir", "chroot"), (Use(LOOK, 0),)
    found = ("newfstatat", "fstatat64", "statx", "faccessat", "faccessat2", "readlinkat")
    yield (*found, "name_to_handle_at"), (Use(LOOK, 1, 0),)
    yield ("inotify_add_watch",), (Use(LOOK, 1),)
    owners = ("chown", "lchown", "chown32", "lchown32", "chmod", "utime", "utimes")
    changes = ("setxattr", "lsetxattr", "removexattr", "lremovexattr", "truncate", "truncate64")
    made = ("creat", "mkdir", "mknod", "rmdir", "unlink")
    yield (*owners, *changes, *made), (Use(WRITE, 0),)
    changes_at = ("fchownat", "fchmodat", "fchmodat2", "utimensat", "utimensat_time64", "futimesat")
    yield (*changes_at, "mkdirat", "mknodat", "unlinkat"), (Use(WRITE, 1, 0),)
    yield ("symlink",), (Use(WRITE, 1),)
    yield ("symlinkat",), (Use(WRITE, 2, 1),)
    yield ("link",), (Use(LOOK, 0), Use(WRITE, 1))
    yield ("linkat",), (Use(LOOK, 1, 0), Use(WRITE, 3, 2))
    yield ("rename",), (Use(WRITE, 0), Use(WRITE, 1))
    yield ("renameat", "renameat2"), (Use(WRITE, 1, 0), Use(WRITE, 3, 2))


USES = MappingProxyType({name: uses for names, uses in _uses() for name in names})
"""What each call does to the files it names."""
NAMES = tuple(sorted({*USES, *NEW, *MOVES}))
"""The calls that are traced."""


class Call(NamedTuple):
    """A call that has returned."""

    process: int
    name: str
    arguments: tuple[str, ...]
    """As they are written; `text` and `place` read them."""
    result: str
    error: str
    """The name of the error, such as `ENOENT`, or empty."""


class Ended(NamedTuple):
    """A process, or a thread of one, is over."""

    process: int


class Renamed(NamedTuple):
    """A thread has executed a program: it goes on under the number of its process."""

    process: int
    thread: int


class Strange(NamedTuple):
    """A line that is not understood."""

    line: str


Event = Call | Ended | Renamed | Strange

_REMEMBERED = 4096
"""Lines that are read once: who waits for a file asks for it again and again."""
_LINE = re.compile(r"([0-9]+) +(.*)\Z")
_CALL = re.compile(r"([a-z][a-z0-9_]*)\((.*)\) += (\?|-?[0-9]\w*(?:<[^<>]*>)?)(?: ?(.*))?\Z")
_UNFINISHED = re.compile(r"(.*?) ?<(?:unfinished|pid changed to ([0-9]+)) \.\.\.>\Z")
_RESUMED = re.compile(r"<\.\.\. ([a-z0-9_]+) resumed>(.*)\Z")
_SUPERSEDED = re.compile(r"\+\+\+ superseded by execve in pid ([0-9]+) \+\+\+\Z")
_ENDED = re.compile(r"\+\+\+ (?:exited with|killed by) .* \+\+\+\Z")
_SIGNAL = re.compile(r"--- .* ---\Z")
_ERROR = re.compile(r"(E[A-Z0-9]+) \(")
_BREAK = re.compile(r"[,(\[{)\]}]")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"\Z')
_PLACE = re.compile(r"(?:AT_FDCWD|[0-9]+)<((?:\\x[0-9a-f]{2})*)>(?:\(deleted\))?\Z")
_IN_LOG = re.compile(r"/\* ([0-9]+) in strace's PID NS \*/")


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield what a log says, in its order."""
    pending: dict[int, str] = {}
    for line in lines:
        match = _LINE.match(line.decode("ascii", "backslashreplace"))
        if match is None:
            yield Strange(line.decode("ascii", "backslashreplace"))
        else:
            yield from _event(int(match[1]), match[2], pending)


def _event(process: int, text: str, pending: dict[int, str]) -> Iterator[Event]:
    if superseded := _SUPERSEDED.match(text):
        thread = int(superseded[1])
        if thread in pending:  # of whom no line said that its number would change
            pending[process] = pending.pop(thread)
        yield Renamed(process, thread)
    elif _ENDED.match(text):
        pending.pop(process, None)
        yield Ended(process)
    elif not _SIGNAL.match(text):
        whole = _whole(process, text, pending)
        if whole is None:
            yield Strange(f"{process} {text}")
        elif unfinished := _UNFINISHED.match(whole):
            pending[int(unfinished[2] or process)] = unfinished[1]
        else:
            yield _call(process, whole)


def _whole(process: int, text: str, pending: dict[int, str]) -> str | None:
    """Return a line with what went before it; None for the end of what never began."""
    resumed = _RESUMED.match(text)
    if resumed is None:
        return text
    begun = pending.pop(process, "")
    return begun + resumed[2] if begun.startswith(f"{resumed[1]}(") else None


@lru_cache(maxsize=_REMEMBERED)
def _call(process: int, text: str) -> Call | Strange:
    match = _CALL.match(text)
    if match is None or match[1] not in NAMES:
        return Strange(f"{process} {text}")
    name, arguments, result, rest = match.groups(default="")
    error, elsewhere = _ERROR.match(rest), _IN_LOG.match(rest)
    if name in NEW and elsewhere:
        result = elsewhere[1]
    return Call(process, name, _split(arguments), result, error[1] if error else "")


def _split(text: str) -> tuple[str, ...]:
    """Split arguments at their commas: strings hold none, as every byte of them is a number."""
    found, depth, start = [], 0, 0
    for match in _BREAK.finditer(text):
        if match[0] == ",":
            if not depth:
                found.append(text[start : match.start()])
                start = match.end()
        else:
            depth += 1 if match[0] in "([{" else -1
    return tuple(each.strip() for each in (*found, text[start:]))


def text(argument: str) -> bytes | None:
    """Return the string that an argument is; None for an address, or what was cut."""
    match = _STRING.match(argument)
    return _bytes(match[1]) if match else None


def place(argument: str) -> bytes | None:
    """Return where a descriptor leads; None where that is unknown."""
    match = _PLACE.match(argument)
    return _bytes(match[1]) if match else None


def _bytes(numbers: str) -> bytes:
    return bytes.fromhex(numbers.replace("\\x", ""))
