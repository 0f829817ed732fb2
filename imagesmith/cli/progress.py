"""Progress for people: one line on a terminal, or plain lines where asked for."""

from __future__ import annotations

import threading
from typing import TextIO

from imagesmith.build.effects import Progress, silent

CLEAR = "\r\x1b[K"


def reporter(mode: str, stream: TextIO, *, quiet: bool) -> Progress:
    """Return what to tell progress to: a live line, plain lines, or nothing."""
    if quiet or mode == "none" or (mode == "auto" and not stream.isatty()):
        return silent
    return _Plain(stream) if mode == "plain" else _Live(stream)


class _Plain:
    """A line whenever a stage ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, stage: str, done: int, total: int) -> None:
        if done == total:
            self._stream.write(f"{stage}: {done}/{total}\n")
            self._stream.flush()


class _Live:
    """One line that is rewritten, and gone when a stage ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            self._stream.write(CLEAR if done == total else f"{CLEAR}{stage}: {done}/{total}")
            self._stream.flush()
