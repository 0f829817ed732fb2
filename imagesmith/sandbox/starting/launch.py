"""An exported image, run: config and wishes in, the program's exit status out."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from imagesmith.errors import HostError, ImagesmithError, ProgramRefused
from imagesmith.sandbox.starting import bubblewrap, foreign, mounts, platform, program, refusal
from imagesmith.sandbox.starting.inside import Account
from imagesmith.sandbox.starting.mounts import Bind, Shared
from imagesmith.sandbox.starting.program import Asked, Program
from imagesmith.sandbox.starting.supervise import NotStarted, supervise
from imagesmith.sandbox.trees.lending import Exported

_NO_HOST_NAME = re.compile(r"[^A-Za-z0-9-]+")
_MAX_HOST_NAME = 63


class Host(NamedTuple):
    """What running something takes of this machine."""

    which: Callable[[str], str | None]
    """Finds a program."""
    read: Callable[[str], str]
    """Gives the content of a file; OSError where there is none."""
    machine: str
    """As `uname -m` prints it."""


class Launch(NamedTuple):
    """A sandbox and what it starts."""

    bwrap: str
    options: Sequence[str]
    command: Sequence[str]
    path: str
    """The image path of the program."""
    through: Sequence[str] = ()
    """Words to start bubblewrap with, so that children of a foreign program run as well."""


def here(environ: Mapping[str, str]) -> Host:
    """Return this machine, its programs found on the path of an environment."""

    def read(path: str) -> str:
        with open(path) as file:
            return file.read()

    return Host(lambda name: bubblewrap.which(name, environ), read, os.uname().machine)


def prepare(
    exported: Exported, asked: Asked, host: Host, *, shared: Shared | None = None
) -> Launch:
    """Decide everything about running an image; the errors are those that keep it from starting.

    Where it may write is memory, or what is `shared` with others.
    """
    bwrap = bubblewrap_of(host)
    name = host_name(exported.name)
    found = program.program(exported.config, asked, exported.root, name=name)
    command, binds = found.command, [*_binds(asked)]
    through: tuple[str, ...] = ()
    if not platform.is_native(exported.platform, platform.host(host.machine)):
        emulator = platform.emulator(exported.platform, host.which)
        found = program.unscripted(found, exported.root)
        command = (bubblewrap.EMULATOR, "-0", found.command[0], found.path, *found.command[1:])
        binds.append(Bind(emulator, bubblewrap.EMULATOR, writable=False))
        through = foreign.through(emulator, program.head(exported.root + found.path))
    options = (
        *(("--share-net",) if asked.network else ()),
        *mounts.options(
            exported.root,
            writable=_writable(exported, asked, found),
            binds=binds,
            shared=shared,
        ),
        *_identity(found, name),
    )
    return Launch(bwrap, options, command, found.path, through)


def launch(prepared: Launch, host: Host) -> int:
    """Run what was decided and return its exit status; nothing is printed."""
    options, command = ([*map(os.fsencode, words)] for words in prepared[1:3])
    try:
        started = bubblewrap.start(prepared.bwrap, options, command, through=prepared.through)
        return supervise(started)
    except NotStarted:
        raise why_not(prepared.bwrap, prepared.path, host) from None


def why_not(bwrap: str, path: str, host: Host) -> ImagesmithError:
    """Return why a program did not start, from a sandbox that asks for nothing."""
    problem = "could not be started; bubblewrap says why"
    return refusal.reason(bwrap, host.read) or ProgramRefused(path=path, problem=problem)


def bubblewrap_of(host: Host) -> str:
    """Return the path of bubblewrap; HostError where it is not installed."""
    found = host.which(bubblewrap.PROGRAM)
    if found is None:
        hint = f"apt-get install {bubblewrap.PACKAGE}"
        raise HostError(path=bubblewrap.PROGRAM, problem="is not installed", hint=hint)
    return found


def host_name(name: str) -> str:
    """Return a name that a machine may have (RFC 1123) for an image called `name`."""
    return _NO_HOST_NAME.sub("-", name).strip("-")[:_MAX_HOST_NAME].rstrip("-") or "image"


def _identity(found: Program, name: str) -> Iterator[str]:
    """Yield the options that say who runs, where, and in what environment."""
    yield from ("--uid", str(found.account.uid), "--gid", str(found.account.gid))
    yield from ("--hostname", name, "--chdir", found.directory, "--clearenv")
    for key, value in found.env.items():
        yield from ("--setenv", key, value)


def _binds(asked: Asked) -> Iterator[Bind]:
    """Yield what is lent of the host."""
    for path in mounts.HOST_FILES if asked.network else ():
        if os.path.exists(path):
            yield Bind(path, path, writable=False)
    yield from (Bind(*volume) for volume in asked.volumes)


def _writable(exported: Exported, asked: Asked, found: Program) -> Mapping[str, int]:
    """Return where a program may write, with the modes of these directories."""
    named = (*(exported.config.get("Volumes") or ()), *asked.writable)
    volumes = dict.fromkeys(named, mounts.DIRECTORY_MODE)
    if not os.path.isdir(exported.root + found.directory):
        volumes[found.directory] = mounts.DIRECTORY_MODE
    own = {
        path: mode
        for path, (mode, uid, gid) in exported.writable.items()
        if _may_write(found.account, mode, uid, gid)
    }
    return {**mounts.SCRATCH, **volumes, **own}


def _may_write(account: Account, mode: int, uid: int, gid: int) -> bool:
    if account.uid == uid:
        return bool(mode & stat.S_IWUSR)
    return bool(mode & (stat.S_IWGRP if account.gid == gid else stat.S_IWOTH))
