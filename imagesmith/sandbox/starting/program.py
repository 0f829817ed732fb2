"""What to run: command, environment, directory and user, as a container runtime takes them.

From an image's config (OCI image-spec 1.1, config.md) and what was asked for
instead.  A program that is not there, may not be run, or lacks its interpreter is
an error with the status that a shell has for it, before anything starts:
execve(2) says "no such file" for each of these.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imagesmith.errors import ProgramNotFound, ProgramRefused, UsageError
from imagesmith.sandbox.starting import bubblewrap, inside
from imagesmith.sandbox.starting.inside import Account

MAX_INTERPRETERS = 5
"""As many as Linux goes through from a script to a program (BINPRM_MAX_RECURSION)."""
MAX_HEAD = 4096
"""Bytes that hold everything execve(2) looks at."""

_MAX_SHEBANG = 256
_PT_INTERP = 3


class Asked(NamedTuple):
    """What a caller wants other than the image says."""

    arguments: tuple[str, ...] = ()
    """Instead of the image's `Cmd`."""
    entrypoint: str | None = None
    """Instead of the image's `Entrypoint` and `Cmd`; empty for none."""
    user: str | None = None
    env: tuple[str, ...] = ()
    """`NAME=VALUE`, over those of the image."""
    network: bool = False
    volumes: tuple[tuple[str, str, bool], ...] = ()
    """Path of the host, image path, and whether it may be written to."""
    writable: tuple[str, ...] = ()
    """Directories to write to, besides those that the image says."""


class Program(NamedTuple):
    """Something to run in a root."""

    command: tuple[str, ...]
    path: str
    """The image path of its first word, links followed."""
    env: Mapping[str, str]
    directory: str
    account: Account


def program(config: Mapping[str, Any], asked: Asked, root: str, *, name: str) -> Program:
    """Return what a config with these wishes runs in `root`, in a sandbox called `name`."""
    account = inside.account(root, config.get("User", "") if asked.user is None else asked.user)
    env = {"PATH": bubblewrap.PATH, "HOME": account.home, "HOSTNAME": name}
    env |= _pairs(config.get("Env") or ()) | _pairs(asked.env)
    directory = inside.resolved(root, config.get("WorkingDir") or "/")
    command = _command(config, asked)
    path = _found(root, command[0], env["PATH"], directory)
    _check_interpreters(root, path)
    return Program(command, path, env, directory, account)


def _pairs(lines: Sequence[str]) -> dict[str, str]:
    pairs = (line.partition("=")[::2] for line in lines)
    return {name: value for name, value in pairs if name}


def _command(config: Mapping[str, Any], asked: Asked) -> tuple[str, ...]:
    if asked.entrypoint is None:
        start = (*(config.get("Entrypoint") or ()),)
        command = (*start, *(asked.arguments or config.get("Cmd") or ()))
    else:
        command = (*filter(None, (asked.entrypoint,)), *asked.arguments)
    if command:
        return command
    raise UsageError(
        problem="the image names no program to run",
        hint="name one after --, or with --entrypoint",
    )


def _found(root: str, name: str, search: str, directory: str) -> str:
    """Look for a program as execvp(3) does; ProgramNotFound or ProgramRefused."""
    refused = ""
    folders = ("",) if "/" in name else tuple(search.split(":"))
    sought = tuple(os.path.join(directory, folder, name) for folder in folders)
    for place in sought:
        path = inside.resolved(root, place)
        try:
            mode = os.lstat(root + path).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) and mode & 0o111:
            return path
        refused = refused or path
    if refused:
        raise ProgramRefused(path=refused, problem="is no executable file")
    where = "" if "/" in name else f", on the path {search}"
    problem = f"no such program in the image{where}"
    raise ProgramNotFound(path=name, problem=problem, sought=sought)


def _check_interpreters(root: str, path: str) -> None:
    """Require what a script or a dynamic program is started by; ProgramNotFound without it."""
    for _ in range(MAX_INTERPRETERS):
        needed = interpreter(head(root + path))
        if not needed:
            return
        found = inside.resolved(root, needed)
        if not os.path.isfile(root + found):
            problem = f"its interpreter {needed} is not in the image"
            raise ProgramNotFound(path=path, problem=problem, sought=(needed,))
        path = found


def head(path: str) -> bytes:
    """Return the start of a file of the host, which the kernel looks at to run it."""
    with open(path, "rb") as file:
        return file.read(MAX_HEAD)


def interpreter(start: bytes) -> str:
    """Return the interpreter of the script or ELF program that starts so; empty if it has none."""
    words = shebang(start)
    if words:
        return words[0]
    try:
        return _requested(start) if start.startswith(b"\x7fELF") else ""
    except (struct.error, IndexError, ValueError):
        return ""  # not a program the kernel would take


def shebang(start: bytes) -> tuple[str, ...]:
    """Return the interpreter of a script and its one argument, as Linux reads `#!`."""
    if not start.startswith(b"#!"):
        return ()
    line = start[2:_MAX_SHEBANG].partition(b"\n")[0].strip(b" \t")
    return tuple(os.fsdecode(word) for word in line.split(None, 1))


def _requested(start: bytes) -> str:
    """Return what PT_INTERP of an ELF program names (gABI, "Program Header")."""
    order = "<" if start[5] == 1 else ">"
    wide = start[4] == 2  # noqa: PLR2004 - ELFCLASS64
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), start, 32 if wide else 28)
    size, count = struct.unpack_from(f"{order}2H", start, 54 if wide else 42)
    for position in range(table, table + size * count, size or 1):
        (kind,) = struct.unpack_from(f"{order}I", start, position)
        if kind == _PT_INTERP:
            place = position + (8 if wide else 4)
            (offset,) = struct.unpack_from(order + ("Q" if wide else "I"), start, place)
            return os.fsdecode(start[offset:].partition(b"\0")[0])
    return ""


def unscripted(found: Program, root: str) -> Program:
    """Return a program with scripts replaced by what interprets them, as execve(2) does it."""
    path, command = found.path, found.command
    for _ in range(MAX_INTERPRETERS):
        words = shebang(head(root + path))
        if not words:
            break
        command = (*words, path, *command[1:])
        path = inside.resolved(root, words[0])
    return found._replace(path=path, command=command)
