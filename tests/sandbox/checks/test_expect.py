"""What is wrong with how a step ended, in words."""

from __future__ import annotations

import attrs
import pytest

from imagesmith.errors import UsageError
from imagesmith.manifest.sections import Step
from imagesmith.sandbox.checks import expect
from imagesmith.sandbox.checks.capture import Running
from imagesmith.sandbox.starting.launch import Launch

ENDED = Running(
    launch=Launch("bwrap", (), (), "/bin/x"),
    stdout=b"one\ntwo\n",
    stderr=b"\xfftrouble\n",
    status=0,
    process=0,
    reports=0,
    pipes={},
)


def wrong(step: Step, *, status: int = 0) -> str:
    """Say what is wrong with a program that printed two lines and one on stderr."""
    return expect.problem(step, attrs.evolve(ENDED, status=status), stop=15)


@pytest.mark.parametrize(
    "step",
    [
        Step(),
        Step(status=0, output="one\ntwo\n", contains=("ne\nt", "trouble"), matches=("^two$",)),
    ],
)
def test_what_is_expected_is_no_problem(step: Step) -> None:
    """On stdout or stderr, across lines or line by line."""
    assert wrong(step) == ""


def test_each_stream_is_looked_at_for_itself() -> None:
    """The start of stderr is the start of a line, and no end of stdout's last one."""
    ended = attrs.evolve(ENDED, stdout=b"listen", stderr=b"ing failed")
    joined = (Step(contains=("listening",)), Step(matches=("listening",)))

    assert expect.problem(Step(matches=("^ing",)), ended, stop=15) == ""
    assert [bool(expect.problem(step, ended, stop=15)) for step in joined] == [True, True]
    assert not ended.has_printed(b"listening")


@pytest.mark.parametrize(
    ("step", "status", "problem"),
    [
        (Step(), 1, "exit status 1, expected 0"),
        (Step(), 143, "killed by SIGTERM, expected 0"),
        (Step(status=3), 0, "exit status 0, expected 3"),
        (Step(background=True, status=0), 143, "killed by SIGTERM, expected 0"),
        (Step(output="one"), 0, r"stdout is 'one\ntwo\n', expected 'one'"),
        (
            Step(contains=("one", "three")),
            0,
            r"expected to print 'three', printed 'one\ntwo\n�trouble\n'",
        ),
        (
            Step(matches=("tw$",)),
            0,
            r"expected to print what matches 'tw$', printed 'one\ntwo\n�trouble\n'",
        ),
    ],
)
def test_what_is_not_is_told(step: Step, status: int, problem: str) -> None:
    """What was expected, and what came instead."""
    assert wrong(step, status=status) == problem


def test_a_background_step_may_die_of_the_signal_that_ends_it() -> None:
    """If nothing is said of its status."""
    assert wrong(Step(background=True), status=143) == ""
    assert wrong(Step(background=True), status=130) == "killed by SIGINT, expected 0"


def test_long_outputs_are_cut() -> None:
    """In quotes, and in the lines of the end."""
    long = attrs.evolve(ENDED, stderr=b"".join(b"%d\n" % each for each in range(99)) + b"z" * 999)

    assert expect.quoted(b"x" * 401) == f"'{'x' * 400}' and 1 characters more"
    assert expect.tail(long) == (*(str(each) for each in range(88, 99)), "z" * 400)
    assert expect.tail(attrs.evolve(ENDED, stderr=b" \n")) == ("one", "two")


@pytest.mark.parametrize(
    ("name", "number"),
    [("", 15), ("SIGQUIT", 3), ("QUIT", 3), ("10", 10), ("SIGRTMIN+3", 37), ("RTMIN", 34)],
)
def test_a_stop_signal_is_a_number(name: str, number: int) -> None:
    """Spelled as images spell it."""
    assert expect.stop_signal(name) == number


@pytest.mark.parametrize("name", ["SIGNONE", "99", "RTMIN+x"])
def test_a_signal_that_is_none_is_told(name: str) -> None:
    """With its key."""
    with pytest.raises(UsageError) as e:
        expect.stop_signal(name)

    assert e.value.message == f"image.stop-signal: no such signal: {name}"
