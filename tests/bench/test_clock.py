"""Programs take turns and are timed whole."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from bench.clock import Contender, Failed, run, take_turns


def appending(name: str, file: Path) -> Contender:
    """Return a program that appends its name to a file."""
    return Contender(name=name, command=("sh", "-c", f"printf {name} >> {file}"))


def test_contenders_take_turns(tmp_path: Path) -> None:
    """Each runs once a round, in the order given, and every run is kept."""
    log = tmp_path / "log"
    timings = take_turns((appending("a", log), appending("b", log)), 3)

    assert log.read_text() == "ababab"
    assert [(timing.name, len(timing.seconds)) for timing in timings] == [("a", 3), ("b", 3)]


def test_what_must_be_so_is_made_so_before_each_run(tmp_path: Path) -> None:
    """A run never sees what an earlier one left."""
    made = tmp_path / "made"
    contender = Contender(
        name="mkdir",
        command=("mkdir", str(made)),
        prepare=lambda: made.rmdir() if made.exists() else None,
    )
    (timing,) = take_turns((contender,), 2)

    assert len(timing.seconds) == 2


def test_a_program_that_is_missing_is_not_installed() -> None:
    """It has no runs, no median and no peak."""
    missing = Contender(name="x", command=("x",), needs=("no-such-program-here",))
    (timing,) = take_turns((missing,), 2)

    assert (
        timing.seconds,
        timing.median,
        timing.peak,
        timing.absent,
    ) == ((), None, None, "not installed")


def test_a_peak_is_known_where_it_exceeds_our_own() -> None:
    """A large process shows its size; one that is lost in ours, or a daemon's, shows none."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    large = (sys.executable, "-c", f"bytearray({own * 1024 + 50_000_000})")
    contenders = (
        Contender(name="large", command=large),
        Contender(name="small", command=("true",)),
        Contender(name="served", command=large, served=True),
    )
    found, small, served = take_turns(contenders, 1)

    assert found.peak is not None
    assert found.peak > own
    assert (small.peak, served.peak) == (None, None)


def test_a_program_that_fails_ends_the_benchmark() -> None:
    """What it said is in the error."""
    with pytest.raises(Failed, match="out of order"):
        run(("sh", "-c", "echo out of order >&2; exit 3"))
