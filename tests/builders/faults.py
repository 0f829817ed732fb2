"""System calls that fail, or kill their process: strace's fault injection."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest


@cache
def _tracer() -> Sequence[str]:
    """Return how to run something under strace, or nothing where that cannot be done."""
    strace = shutil.which("strace") or ""
    if (
        not strace
        or subprocess.run([strace, "-qq", "-o", "/dev/null", "true"], check=False).returncode
    ):
        return []
    return [strace, "-f", "-qq"]


def traced(*options: str, log: Path = Path("/dev/null")) -> list[str]:
    """Return the prefix under which a command's system calls are written to `log`."""
    if not _tracer():
        pytest.skip("strace is missing or may not trace here")
    return [*_tracer(), "-o", str(log), *options]


def injected(call: str, fault: str) -> list[str]:
    """Return the prefix under which a system call has a fault."""
    return traced("-e", f"inject={call}:{fault}")
