"""A program, run as `launch` does it, with what it did to files written down."""

from __future__ import annotations

import os
from typing import NamedTuple

from imagesmith.errors import ImagesmithError
from imagesmith.sandbox.starting import bubblewrap, launch
from imagesmith.sandbox.starting.launch import Host, Launch
from imagesmith.sandbox.starting.supervise import NotStarted, supervise
from imagesmith.sandbox.watching import accesses, strace
from imagesmith.sandbox.watching.accesses import Accesses

_STREAMS = (0, 2, 2)
"""What it prints is for people; stdout is for what this makes of it."""


class Observed(NamedTuple):
    """What came of a program."""

    status: int
    """Its exit status, 128 + N if signal N ended it."""
    accesses: Accesses


def observe(prepared: Launch, host: Host) -> Observed:
    """Run what was decided under strace; HostError where there is none, or may be none.

    Whatever the program started ends with it, and the log lies in memory only.
    """
    options, command = ([*map(os.fsencode, words)] for words in prepared[1:3])
    with strace.log(host.which) as log:
        through = (*log.through, *prepared.through)
        try:
            started = bubblewrap.start(
                prepared.bwrap, options, command, through=through, streams=_STREAMS
            )
            status = supervise(started)
        except NotStarted:
            raise _why_not(prepared, host) from None
        return Observed(status, accesses.accesses(log.lines()))


def _why_not(prepared: Launch, host: Host) -> ImagesmithError:
    """Return why a program did not start: because of tracing, of the sandbox, or of itself."""
    tracing = strace.reason(host.which(strace.PROGRAM) or strace.PROGRAM, host.read)
    return tracing or launch.why_not(prepared.bwrap, prepared.path, host)
