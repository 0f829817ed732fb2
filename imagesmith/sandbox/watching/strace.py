"""The one door to strace: what a sandboxed program asks of the kernel, written down.

strace stands outside of the sandbox, before bubblewrap, so no file of it is in there
and no privilege is needed.  Its log lies in memory and is gone with whoever holds it.
It has the calls that name files, those that start and end processes, and the kernel's
own word on where each descriptor and working directory leads: nothing is guessed from
earlier calls.  Every byte of a name is written as a number, so a line holds what it
seems to hold.

`calls` reads the lines, `accesses` what they mean.  strace(1), 5.9 or later.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from imagesmith.errors import HostError
from imagesmith.sandbox.watching import calls

PROGRAM = "strace"
PACKAGE = "strace"

_TIE = ("setpriv", "--pdeathsig", "KILL")
"""strace outlives who started it, and the sandbox with it; util-linux ties their lives."""
_LONGEST = 4096
"""Bytes of a string that are written: a path's limit (PATH_MAX)."""
_YAMA = "/proc/sys/kernel/yama/ptrace_scope"


@attrs.frozen
class Log:
    """What strace writes about the programs that are started through it."""

    through: tuple[str, ...]
    """Words to put before bubblewrap's (`bubblewrap.start`); for one sandbox."""
    _descriptor: int

    def lines(self) -> Iterator[bytes]:
        """Yield what was written so far, line by line; one that is not finished is left out."""
        with open(f"/proc/self/fd/{self._descriptor}", "rb") as file:
            yield from (line[:-1] for line in file if line.endswith(b"\n"))


@contextmanager
def log(which: Callable[[str], str | None]) -> Iterator[Log]:
    """Lend an empty log; `which` finds programs, and HostError says that there is no strace."""
    found = which(PROGRAM)
    if found is None:
        hint = f"apt-get install {PACKAGE}"
        raise HostError(path=PROGRAM, problem="is not installed", hint=hint)
    descriptor = os.memfd_create("strace")
    try:
        yield Log((*_tied(which), found, *_options(descriptor), "--"), descriptor)
    finally:
        os.close(descriptor)


def _tied(which: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the words to start a program with that is to end with its parent."""
    found = which(_TIE[0])
    return (found, *_TIE[1:], "--") if found else ()


def _options(descriptor: int) -> tuple[str, ...]:
    traced = ",".join(f"?{name}" for name in calls.NAMES)  # an architecture has not all of them
    return (
        *("-f", "--seccomp-bpf", "-q", "-y", "-xx", "--pidns-translation"),
        *("-s", str(_LONGEST), "-e", f"trace={traced}", "-e", "signal=none"),
        # opened by its place with us: the sandbox inherits no descriptor of it
        *("-o", f"/proc/{os.getpid()}/fd/{descriptor}"),
    )


def reason(strace: str, read: Callable[[str], str]) -> HostError | None:
    """Trace a program that does nothing; return why that is not possible, or None if it is.

    `read` gives the content of a file of the host; OSError where there is none.
    """
    ended = subprocess.run(  # noqa: S603 - strace with our own arguments
        (
            strace,
            "-f",
            "-q",
            "--seccomp-bpf",
            "--pidns-translation",
            "-o",
            os.devnull,
            strace,
            "-V",
        ),
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    if not ended.returncode:
        return None
    said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1].rpartition("strace: ")[2]
    problem = f"this host allows no tracing: {said.rstrip('.')}"
    return HostError(path=strace, problem=problem, hint=_hint(read))


def _hint(read: Callable[[str], str]) -> str:
    try:
        scope = read(_YAMA).strip()
    except OSError:
        scope = ""
    if scope in ("2", "3"):
        return f"{_YAMA} is {scope}; root may set it to 1" + " with a reboot" * (scope == "3")
    return "inside a container, it must be allowed to use ptrace"
