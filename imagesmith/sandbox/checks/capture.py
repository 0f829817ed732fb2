"""Running a program in a sandbox for what it prints: bounded in time and in memory.

Pipes are what a container runtime gives a program, so that is what it gets.  Several
programs may run at a time; whoever waits for one empties the pipes of all.  Nothing
outlives `end`: the first process of a sandbox takes the others with it.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import attrs

from imagesmith.sandbox.starting import bubblewrap, supervise
from imagesmith.sandbox.starting.launch import Launch

MAX_OUTPUT = 4 * 1024 * 1024
"""Bytes kept of each stream; what follows is read and forgotten."""

_PIECE = 65536
_PATIENCE = 0.02
"""Seconds between two looks at what no descriptor tells."""


@attrs.define(eq=False, kw_only=True)
class Running:
    """A program in a sandbox, and what it has printed so far."""

    launch: Launch
    stdout: bytes = b""
    stderr: bytes = b""
    status: int | None = None
    """The exit status, 128 + N if signal N ended it; None while it runs."""
    has_begun: bool = True
    """Whether there was a program at all: bubblewrap may have failed, and says why on stderr."""
    _process: int
    _reports: int
    _pipes: dict[int, str]
    """The streams that have not ended, by their descriptors."""
    _init: int = 0
    """The first process of the sandbox, or 0 if there never was one."""
    _init_watch: int | None = None

    def watch(self) -> None:
        """Find the first process of the sandbox, which is told of before it may go on.

        It may be gone by then: what cannot be mounted ends it.
        """
        self._init = supervise.first_process(_line(self._reports))
        try:
            self._init_watch = os.pidfd_open(self._init) if self._init else None
        except ProcessLookupError:
            self._init = 0

    @property
    def printed(self) -> bytes:
        """Both streams, one after the other."""
        return self.stdout + self.stderr

    def has_printed(self, text: bytes) -> bool:
        """Say whether a text is on one of the streams: where one ends, no line goes on."""
        return text in self.stdout or text in self.stderr

    @property
    def descriptors(self) -> Collection[int]:
        """What to wait for."""
        return self._pipes

    def read(self, descriptor: int) -> None:
        """Take what a stream has."""
        name = self._pipes[descriptor]
        piece = os.read(descriptor, _PIECE)
        kept: bytes = getattr(self, name)
        if len(kept) < MAX_OUTPUT:
            setattr(self, name, (kept + piece)[:MAX_OUTPUT])
        if not piece:
            del self._pipes[descriptor]
            os.close(descriptor)

    def look(self) -> None:
        """Note it if the program has ended; until then bubblewrap keeps its streams open."""
        if self.status is None and not self._pipes:
            self._reap(os.WNOHANG)

    def listens_on(self, port: int) -> bool:
        """Say whether somebody on its network accepts TCP connections to a port."""
        return any(port in _listening(self._init, table) for table in ("tcp", "tcp6"))

    def signal(self, number: int) -> None:
        """Send a signal to the program, if it still runs."""
        if self.status is None and self._init:
            supervise.deliver(self._init, number)

    def end(self) -> None:
        """Kill everything in the sandbox, if anything is left, and wait until it is gone."""
        if self.status is None:
            if self._init_watch is not None:
                supervise.kill(self._init_watch)
            os.kill(self._process, signal.SIGKILL)
            self._reap(0)
        for descriptor in self._pipes:
            os.close(descriptor)
        self._pipes.clear()

    def _reap(self, options: int) -> None:
        process, ended = os.waitpid(self._process, options)
        if not process:
            return
        status = os.waitstatus_to_exitcode(ended)
        self.status = status if status >= 0 else 128 - status
        with open(self._reports, "rb") as reports:
            self.has_begun = status < 0 or b'"exit-code"' in reports.read()
        if self._init_watch is not None:
            os.close(self._init_watch)
            self._init_watch = None


def _listening(process: int, table: str) -> Iterator[int]:
    """Yield the ports that sockets listen on in the network of a process (proc_net(5))."""
    try:
        with open(f"/proc/{process}/net/{table}") as file:
            rows = [line.split() for line in file][1:]
    except OSError:
        return
    for row in rows:
        if row[3] == "0A":  # TCP_LISTEN
            yield int(row[1].rpartition(":")[2], 16)


@contextmanager
def started(launch: Launch, *, stdin: bytes = b"") -> Iterator[Running]:
    """Start a program with `stdin` to read; it is over when the context is."""
    running = _start(launch, stdin)
    try:
        yield running
    finally:
        running.end()


def _start(launch: Launch, stdin: bytes) -> Running:
    options, command = ([*map(os.fsencode, words)] for words in launch[1:3])
    source = os.memfd_create("stdin")
    os.write(source, stdin)
    os.lseek(source, 0, os.SEEK_SET)
    out, stdout = os.pipe()
    error, stderr = os.pipe()
    streams = (source, stdout, stderr)
    try:
        begun = bubblewrap.start(
            launch.bwrap, options, command, through=launch.through, streams=streams
        )
    except BaseException:
        os.close(out)
        os.close(error)
        raise
    finally:
        for descriptor in streams:
            os.close(descriptor)
    return _let_in(launch, begun, {out: "stdout", error: "stderr"})


def _let_in(launch: Launch, begun: bubblewrap.Started, pipes: dict[int, str]) -> Running:
    """Watch a sandbox that waits at the gate, and let it in."""
    running = Running(launch=launch, process=begun.process, reports=begun.reports, pipes=pipes)
    try:
        running.watch()
    except BaseException:
        running.end()
        raise
    finally:
        os.close(begun.gate)
    return running


def _line(descriptor: int) -> bytes:
    """Read one line and no more, so that whoever reads next finds the next one."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line


def wait(running: Collection[Running], until: Callable[[], bool], *, seconds: float) -> bool:
    """Empty the pipes of programs until something is true; False if that takes too long."""
    deadline = time.monotonic() + seconds
    while not until():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        _empty(running, min(left, _PATIENCE))
    return True


def _empty(running: Collection[Running], seconds: float) -> None:
    """Read what there is of any of them; wait a moment where there is nothing."""
    with selectors.DefaultSelector() as selector:
        for each in running:
            for descriptor in each.descriptors:
                selector.register(descriptor, selectors.EVENT_READ, each)
        for key, _ in selector.select(seconds):
            key.data.read(key.fd)
    for each in running:
        each.look()
