"""The door to strace: what it needs, what it leaves, and who explains a host without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.explorer import Explorer
from builders.sandbox import program

from imagesmith.errors import HostError
from imagesmith.sandbox.watching import strace


def test_strace_must_be_installed() -> None:
    """The hint names the package."""
    with pytest.raises(HostError) as caught, strace.log(lambda _name: None):
        pytest.fail("there is none")

    hint = "apt-get install strace"
    assert caught.value == HostError(path="strace", problem="is not installed", hint=hint)


def test_a_log_is_gone_with_who_holds_it() -> None:
    """It lies in memory: no file, and no descriptor afterwards."""
    before = len([*Path("/proc/self/fd").iterdir()])
    with strace.log({"strace": "/usr/bin/strace"}.get) as log:
        assert list(log.lines()) == []
        place = Path(log.through[log.through.index("-o") + 1])
        place.write_bytes(b"one\ntwo\nthr")

        assert list(log.lines()) == [b"one", b"two"]

    assert log.through[0] == "/usr/bin/strace"
    assert log.through[-1] == "--"
    assert before == len([*Path("/proc/self/fd").iterdir()])


def test_strace_ends_with_its_parent_where_the_host_can_say_so() -> None:
    """Nobody would end the sandbox if imagesmith were killed."""
    programs = {"strace": "/usr/bin/strace", "setpriv": "/usr/bin/setpriv"}
    with strace.log(programs.get) as log:
        found = log.through[:5]

    assert found == ("/usr/bin/setpriv", "--pdeathsig", "KILL", "--", "/usr/bin/strace")


def test_the_program_has_no_descriptor_of_the_log(tmp_path: Path) -> None:
    """It could write what it liked into it; three are its own, the fourth lists them."""
    found = Explorer.make(tmp_path / "root").done(
        "list", "/proc/self/fd", "stat", "/proc/self/fd/4"
    )

    assert found[-1] == "look /proc/self/fd/4 ENOENT"


def script(path: Path, text: str) -> str:
    """Write a program of the host and return its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("scope", "hint"),
    [
        ("3\n", "/proc/sys/kernel/yama/ptrace_scope is 3; root may set it to 1 with a reboot"),
        ("2\n", "/proc/sys/kernel/yama/ptrace_scope is 2; root may set it to 1"),
        ("1\n", "inside a container, it must be allowed to use ptrace"),
        (None, "inside a container, it must be allowed to use ptrace"),
    ],
)
def test_a_host_that_forbids_tracing_is_explained(
    scope: str | None, hint: str, tmp_path: Path
) -> None:
    """In strace's own words, and with what root can do."""
    refusing = script(
        tmp_path / "strace", "echo 'strace: PTRACE_TRACEME: Not permitted.' >&2; exit 1"
    )

    def read(_path: str) -> str:
        if scope is None:
            raise FileNotFoundError
        return scope

    problem = "this host allows no tracing: PTRACE_TRACEME: Not permitted"
    assert strace.reason(refusing, read) == HostError(path=refusing, problem=problem, hint=hint)


def test_a_host_that_allows_tracing_has_no_excuse() -> None:
    """The reason for a failure is elsewhere then."""
    assert strace.reason(program("strace", "strace"), str) is None


def test_a_host_that_gives_no_reason_is_explained_all_the_same(tmp_path: Path) -> None:
    """Somebody else's message would be worse."""
    found = strace.reason(script(tmp_path / "strace", "exit 1"), lambda _path: "1")

    assert found is not None
    assert found.problem == "this host allows no tracing: no reason given"
