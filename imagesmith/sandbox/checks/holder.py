"""What several sandboxes share: directories in memory, and a network without an outside.

Their holder is a sandbox with nothing to do but to be there.  Whoever is started
through the words of `held` enters its user, network and mount namespaces first, which
takes no privilege.  Directories that stand for an image's writable ones lie in a tmpfs
there, so that nothing of them is on the host's disk, nor left when the holder ends:
it reads until a pipe ends, as that does with this process.

In these namespaces the host is read-only.  bubblewrap follows links on its way to where
it mounts, and makes what is missing there, before the sandbox has a root of its own: a
link that one program left in a shared directory would lead the next sandbox's
bubblewrap to the host's files.  It cannot make any of them.

What the image has in a shared directory is mounted back, read-only, as in memory; only
links are made here, as two sandboxes cannot both make them.

namespaces(7), nsenter(1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import attrs

from imagesmith.errors import HostError
from imagesmith.sandbox.starting import bubblewrap, refusal, supervise
from imagesmith.sandbox.starting.bubblewrap import Started
from imagesmith.sandbox.starting.launch import Host, bubblewrap_of

_ENTERING = "nsenter"
_HOLDER = "cat"
"""Says what it is told: that it does says that its namespaces are ready."""
_PACKAGES = {_ENTERING: "util-linux", _HOLDER: "coreutils"}
_PLACE = "/sys"
"""Where its tmpfs lies: every host has it, and nothing that is started from there needs it."""
_WALLS = (
    *(b"--uid", b"0", b"--gid", b"0"),  # or /dev would take another user namespace
    *(b"--ro-bind", b"/", b"/", b"--dev", b"/dev", b"--tmpfs", os.fsencode(_PLACE)),
    *(b"--bind", b"/proc", b"/proc"),  # nobody may mount one beside a /proc with less in it
)


@attrs.define
class Held:
    """What a holder has for sandboxes."""

    entering: tuple[str, ...]
    """Words to start bubblewrap through, with `--share-net` among its options."""
    _memory: str
    """Where the host reaches its tmpfs."""
    _places: dict[str, str] = attrs.field(factory=dict, init=False)

    def directory(self, path: str, mode: int) -> str:
        """Return the directory that stands for an image path, made with a mode if it is new."""
        if path not in self._places:
            self._places[path] = name = str(len(self._places))
            os.mkdir(f"{self._memory}/{name}")
            os.chmod(f"{self._memory}/{name}", mode)
        return f"{_PLACE}/{self._places[path]}"

    def link(self, path: str, name: str, target: str) -> None:
        """Make a symbolic link in the directory that stands for an image path, once."""
        with suppress(FileExistsError):
            os.symlink(target, f"{self._memory}/{self._places[path]}/{name}")

    def file(self, name: str, content: str) -> str:
        """Return a new file with some text, to be lent to sandboxes."""
        with open(f"{self._memory}/{name}", "x") as file:
            file.write(content)
        return f"{_PLACE}/{name}"


@contextmanager
def held(host: Host) -> Iterator[Held]:
    """Have a holder; HostError where there can be none."""
    entering, holder = programs(host)
    bwrap = bubblewrap_of(host)
    begun, telling, answers = _started(bwrap, holder)
    try:
        process = _answered(begun, telling, answers)
        if not process:
            raise _refused(bwrap, host)
        spaces = (("user", "user"), ("net", "net"), ("mount", "mnt"))
        places = (f"--{kind}=/proc/{process}/ns/{name}" for kind, name in spaces)
        words = (entering, *places, "--preserve-credentials")
        with _watched(process):
            yield Held(words, f"/proc/{process}/root{_PLACE}")
    finally:
        _close(telling, answers)  # the holder reads no more, and ends
        os.waitpid(begun.process, 0)


def _started(bwrap: str, holder: str) -> tuple[Started, int, int]:
    """Start a holder, and return the pipes to and from it as well."""
    hearing, telling = os.pipe()
    answers, answering = os.pipe()
    streams = (hearing, answering, 2)
    try:
        begun = bubblewrap.start(bwrap, _WALLS, (os.fsencode(holder),), streams=streams)
    except BaseException:
        _close(telling, answers)
        raise
    finally:
        _close(hearing, answering)
    return begun, telling, answers


def _answered(begun: Started, telling: int, answers: int) -> int:
    """Return the first process of a holder once its namespaces are ready; 0 if they never are."""
    with open(begun.reports, "rb") as reports:
        process = supervise.first_process(reports.readline())
        os.close(begun.gate)
        with suppress(BrokenPipeError):
            os.write(telling, b"\n")
        return process if os.read(answers, 1) else 0


@contextmanager
def _watched(process: int) -> Iterator[None]:
    """Have the first process of a sandbox gone in the end, and with it everything in there."""
    watch = os.pidfd_open(process)
    try:
        yield
    finally:
        supervise.kill(watch)
        os.close(watch)


def _refused(bwrap: str, host: Host) -> HostError:
    problem = "could not make namespaces for checks; bubblewrap says why"
    return refusal.reason(bwrap, host.read) or HostError(path=bwrap, problem=problem)


def programs(host: Host) -> tuple[str, str]:
    """Return the paths of what enters and of what holds; HostError where one is not installed."""
    return _found(host, _ENTERING), _found(host, _HOLDER)


def _found(host: Host, name: str) -> str:
    path = host.which(name)
    if path is None:
        hint = f"apt-get install {_PACKAGES[name]}"
        raise HostError(path=name, problem="is not installed", hint=hint)
    return path


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
