"""Taking the time of whole programs.

Those to be compared take turns, so that a busy minute hurts all of them; a run
is from start to exit, on the wall's clock, and its memory is the largest
resident size of any one process of it.  Python may keep bytecode, as wherever
programs are installed, whatever this environment says.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

import attrs

BUDGET = 20.0
"""Seconds after which a program is not run again."""


class Failed(Exception):
    """A program of a benchmark did not do its work."""


NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def nothing() -> None:
    """Prepare nothing."""


@attrs.frozen(kw_only=True)
class Contender:
    """A program with its arguments, and what must be so before each run of it."""

    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None] = nothing
    needs: tuple[str, ...] = ()
    """Programs without which it cannot run."""
    served: bool = False
    """Whether a daemon does the work, whose memory is not seen."""

    @property
    def installed(self) -> bool:
        """Say whether this machine has all it needs."""
        return all(shutil.which(program) for program in self.needs)


@attrs.frozen(kw_only=True)
class Timing:
    """What the runs of one contender took."""

    name: str
    seconds: tuple[float, ...] = ()
    """Of each run; empty if it could not run here."""
    peak: int | None = None
    """Largest resident size in KiB; None if it was a daemon's or is lost in our own."""
    absent: str = "not installed"
    """Why there are no runs, if there are none."""

    @property
    def median(self) -> float | None:
        """Return the middle one of the runs."""
        return statistics.median(self.seconds) if self.seconds else None


def take_turns(contenders: Sequence[Contender], rounds: int) -> tuple[Timing, ...]:
    """Run each contender `rounds` times, or until its budget is used up."""
    runs: dict[str, list[tuple[float, int]]] = {item.name: [] for item in contenders}
    for _ in range(rounds):
        for item in contenders:
            used = sum(seconds for seconds, _peak in runs[item.name])
            if item.installed and used < BUDGET:
                item.prepare()
                runs[item.name].append(run(item.command))
    return tuple(_timing(item, runs[item.name]) for item in contenders)


def _timing(item: Contender, runs: Sequence[tuple[float, int]]) -> Timing:
    peak = max((peak for _seconds, peak in runs), default=0)
    # A process started by ours begins with our size, and Linux counts that (execve, maxrss).
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Timing(
        name=item.name,
        seconds=tuple(seconds for seconds, _peak in runs),
        peak=peak if peak > own and not item.served else None,
    )


def run(command: Sequence[str]) -> tuple[float, int]:
    """Run a program in silence and return its seconds and its peak in KiB; Failed if it fails."""
    with tempfile.TemporaryFile() as errors:
        silence = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
        ]
        environment = {key: value for key, value in os.environ.items() if key != NO_BYTECODE}
        start = time.perf_counter()
        child = os.posix_spawnp(command[0], [*command], environment, file_actions=silence)
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - start
        if status:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            raise Failed(f"{' '.join(command)[:500]}: status {status}\n{said}")
    return seconds, usage.ru_maxrss
