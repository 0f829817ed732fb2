"""A network for several sandboxes: a loopback interface of their own, and no outside.

Its holder is a sandbox with nothing to do but to be there; whoever is started
through the words that `shared` gives enters its user and network namespaces first,
which takes no privilege.  The holder reads until it is told to end, by a pipe that
ends with this process.

namespaces(7), nsenter(1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imagesmith.errors import HostError
from imagesmith.sandbox import bubblewrap, refusal, supervise
from imagesmith.sandbox.launch import Host, bubblewrap_of

ENTERING = "nsenter"
PACKAGE = "util-linux"

_HOLDER = "cat"
"""Says what it is told: that it does says that its network is up."""


@contextmanager
def shared(host: Host) -> Iterator[tuple[str, ...]]:
    """Yield the words to start bubblewrap through, with `--share-net` among its options.

    HostError where there can be no such network.
    """
    entering, holder = (_found(host, name) for name in (ENTERING, _HOLDER))
    bwrap = bubblewrap_of(host)
    hearing, telling = os.pipe()
    answers, answering = os.pipe()
    try:
        options = (b"--ro-bind", b"/", b"/")
        streams = (hearing, answering, 2)
        begun = bubblewrap.start(bwrap, options, (os.fsencode(holder),), streams=streams)
    except BaseException:
        _close(telling, answers)
        raise
    finally:
        _close(hearing, answering)
    try:
        with open(begun.reports, "rb") as reports:
            process = supervise.first_process(reports.readline())
            os.close(begun.gate)
            with suppress(BrokenPipeError):
                os.write(telling, b"\n")
            if not os.read(answers, 1):
                raise _refused(bwrap, host)
            places = (f"--{kind}=/proc/{process}/ns/{kind[:4]}" for kind in ("user", "net"))
            yield (entering, *places, "--preserve-credentials")
    finally:
        _close(telling, answers)  # the holder reads no more, and ends
        os.waitpid(begun.process, 0)


def _refused(bwrap: str, host: Host) -> HostError:
    problem = "could not make a network for checks; bubblewrap says why"
    return refusal.reason(bwrap, host.read) or HostError(path=bwrap, problem=problem)


def _found(host: Host, name: str) -> str:
    found = host.which(name)
    if found is None:
        problem, hint = "is not installed", f"apt-get install {PACKAGE}"
        raise HostError(path=name, problem=problem, hint=hint)
    return found


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
