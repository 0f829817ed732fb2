"""Looking after a program in a sandbox: signals in, the exit status out.

Whatever signal arrives here is passed on to the program, those of the keyboard to
all that it started too, so that ^C does what it does without a sandbox.  What
bubblewrap reports tells its own failures from the program's.

signal(7), pid_namespaces(7), bwrap(1) on `--json-status-fd`.
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

from imagesmith.sandbox.starting.bubblewrap import Started

KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
PASSED_ON = (
    *KEYBOARD,
    signal.SIGHUP,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
)
"""Signals that are the program's to handle."""

_PATIENCE = 0.002
"""Seconds between two looks for a program that is about to start."""
_LAST_WAIT = 10
"""Seconds that the kernel gets to take a killed sandbox apart."""


class NotStarted(Exception):
    """bubblewrap ended before the program began; it has said why on stderr."""


def supervise(started: Started) -> int:
    """Let a program begin and return its exit status, 128 + N if signal N ended it.

    NotStarted if there is no sandbox, or the kernel does not take the program.  What
    the caller ignores stays ignored.
    """
    inbox = _Inbox()
    before = {number: signal.getsignal(number) for number in PASSED_ON}
    before = {number: action for number, action in before.items() if action != signal.SIG_IGN}
    for number in before:
        signal.signal(number, inbox.receive)
    try:
        with open(started.reports, "rb") as reports:
            os.close(started.gate)
            inbox.open(first_process(reports.readline()))
            status = os.waitstatus_to_exitcode(os.waitpid(started.process, 0)[1])
            if status >= 0 and b'"exit-code"' not in reports.read():
                if not inbox.ending:
                    raise NotStarted
                status = -inbox.ending  # it came before the program did
    finally:
        for number, action in before.items():
            signal.signal(number, action)
    return status if status >= 0 else 128 - status


def first_process(report: bytes) -> int:
    """Return the process a report of bubblewrap names, or 0: the parser of JSON loads slowly.

    It has been `{ "child-pid": 4711, … }` since there is such a report.
    """
    digits = report.partition(b'"child-pid": ')[2].partition(b",")[0].rstrip(b" }\n")
    return int(digits) if digits.isdigit() else 0


def kill(watch: int) -> None:
    """Kill the first process of a sandbox, by a pidfd of it, and wait until it is gone.

    It takes all others with it.
    """
    import select

    try:
        signal.pidfd_send_signal(watch, signal.SIGKILL)
    except ProcessLookupError:
        return
    ended = select.poll()
    ended.register(watch, select.POLLIN)
    ended.poll(_LAST_WAIT * 1000)


class _Inbox:
    """Where signals wait until the program is known."""

    def __init__(self) -> None:
        self.init = 0
        self.waiting: list[int] = []
        self.ending = 0
        """The last signal that ends whoever does not handle it, or 0."""

    def open(self, init: int) -> None:
        """Deliver to the program that `init`, the first process of its namespace, starts."""
        self.init = init
        for number in self.waiting:
            deliver(init, number)

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if number not in (signal.SIGTSTP, signal.SIGWINCH):
            self.ending = number
        if self.init:
            deliver(self.init, number)
        else:
            self.waiting.append(number)


def deliver(init: int, number: int) -> None:
    """Send a signal to the program that `init` starts; one of the keyboard to its group."""
    try:
        program = _child(init)
        if number == signal.SIGTSTP:
            _send(program, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            _send(program, signal.SIGCONT)
        elif number in KEYBOARD:
            _send(program, number)
        else:
            os.kill(program, number)
    except (ProcessLookupError, FileNotFoundError):
        return  # it is over


def _send(program: int, number: int) -> None:
    """Send a signal to the group of `program`, but never to the caller's own.

    A program that has not left it yet is alone: it has started nothing.
    """
    group = os.getpgid(program)
    if group == os.getpgrp():
        os.kill(program, number)
    else:
        os.killpg(group, number)


def _child(init: int) -> int:
    """Return the first child of a process, waiting until it has one."""
    while True:
        with open(f"/proc/{init}/task/{init}/children", "rb") as file:
            children = file.read().split()
        if children:
            return int(children[0])
        time.sleep(_PATIENCE)
