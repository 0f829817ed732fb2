"""Whether a step of a check did what was expected, in words that say what it did instead."""

from __future__ import annotations

import re
import signal

from imagesmith.errors import UsageError
from imagesmith.manifest.sections import Step
from imagesmith.sandbox.checks.capture import Running

MAX_SHOWN = 400
"""Characters of an output that a message repeats."""
MAX_LINES = 12
"""Lines of its end that do."""


def problem(step: Step, ended: Running, *, stop: int) -> str:
    """Return what is wrong with how a step ended; empty if nothing is.

    `stop` is the signal that ends a background step.
    """
    status, wanted = ended.status or 0, step.status or 0
    is_stopped = step.background and step.status is None and status == 128 + stop
    if status != wanted and not is_stopped:
        return f"{spelled_status(status)}, expected {wanted}"
    if step.output is not None and ended.stdout != step.output.encode():
        return f"stdout is {quoted(ended.stdout)}, expected {quoted(step.output.encode())}"
    for text in step.contains:
        if not ended.has_printed(text.encode()):
            return f"expected to print {quoted(text.encode())}, printed {quoted(ended.printed)}"
    for pattern in step.matches:
        if not any(_has(pattern, stream) for stream in (ended.stdout, ended.stderr)):
            shown = quoted(ended.printed)
            return f"expected to print what matches {pattern!r}, printed {shown}"
    return ""


def _has(pattern: str, stream: bytes) -> bool:
    return bool(re.search(pattern, stream.decode(errors="replace"), re.MULTILINE))


def spelled_status(status: int) -> str:
    """Spell how a program ended: `exit status 1`, `killed by SIGSEGV`."""
    try:
        return f"killed by {signal.Signals(status - 128).name}"
    except ValueError:
        return f"exit status {status}"


def quoted(output: bytes) -> str:
    """Quote an output on one line, cut where it is long."""
    text = output.decode(errors="replace")
    cut = len(text) - MAX_SHOWN
    return f"{text!r}" if cut <= 0 else f"{text[:MAX_SHOWN]!r} and {cut} characters more"


def tail(ended: Running) -> tuple[str, ...]:
    """Return the last lines of stderr, or of stdout if there is nothing on it."""
    lines = (ended.stderr.strip() or ended.stdout.strip()).decode(errors="replace").splitlines()
    return tuple(line[:MAX_SHOWN] for line in lines[-MAX_LINES:])


def stop_signal(name: str) -> int:
    """Return the number of a signal as `[image] stop-signal` has it, SIGTERM if it is empty.

    UsageError for one that this kernel does not have.
    """
    short = name.removeprefix("SIG") or "TERM"
    start, plus, offset = short.partition("+")
    try:
        number = int(short) if short.isdigit() else signal.Signals[f"SIG{start}"].value
        number += int(offset) if plus else 0
    except (KeyError, ValueError):
        number = 0
    if number not in signal.valid_signals():
        raise UsageError(problem=f"image.stop-signal: no such signal: {name}")
    return number
