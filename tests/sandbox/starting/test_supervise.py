"""Signals go in and statuses come out, as if there were no sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.probe import Runner, files, write_image
from builders.sandbox import bubblewrap
from builders.shell import Shell

from imagesmith.model.config import ImageConfig
from imagesmith.sandbox.starting import supervise

Started = subprocess.Popen[str]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a directory with an image that has run once, so that the short way is taken."""
    bubblewrap()
    home = tmp_path_factory.mktemp("home")
    config = ImageConfig(entrypoint=("/bin/probe",))
    write_image(home / "probe.tar", {"amd64": files()}, config)
    shell = Shell(home, home / "store")
    shell.ok("run", "probe.tar")
    return shell


@pytest.fixture(params=["short", "long"])
def waiting(request: pytest.FixtureRequest, shell: Shell) -> Iterator[Started]:
    """Start a program that waits for SIGINT, SIGTERM or SIGUSR1, in both ways there are."""
    options = () if request.param == "short" else ("--user", "0")
    numbers = [str(int(each)) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    yield from started(shell, *options, "--", "wait", *numbers)


def listening() -> None:
    """Ignore nothing, as a shell's own children; what a background job ignores stays ignored."""
    for number in supervise.PASSED_ON:
        signal.signal(number, signal.SIG_DFL)


def started(shell: Shell, *words: str) -> Iterator[Started]:
    """Run the image in the background until the program says that it is ready."""
    command = (sys.executable, "-m", "imagesmith", "run", "probe.tar", *words)
    with subprocess.Popen(
        command,
        cwd=shell.directory,
        env=dict(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listening,  # noqa: PLW1509 - it only sets dispositions
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("capfd")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_handled_in_a_program_that_embeds_this(
    number: signal.Signals, shell: Shell
) -> None:
    """Its own handlers are back afterwards."""
    inherited = signal.signal(number, signal.default_int_handler)
    before = signal.getsignal(number)
    main = threading.get_ident()

    def send() -> None:
        while not has_begun(os.getpid()):
            time.sleep(0.001)
        signal.pthread_kill(main, number)  # the program may not handle it yet

    thread = threading.Thread(target=send)
    thread.start()
    status = Runner(shell.store)(shell.directory / "probe.tar", "wait", "15", "2")
    thread.join()

    kept = signal.signal(number, inherited)

    assert status in (3, 128 + number)
    assert kept == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_reaches_the_program(number: signal.Signals, waiting: Started) -> None:
    """It tidies up and chooses its own exit status."""
    waiting.send_signal(number)
    said, complaints = waiting.communicate()

    assert (3, f"got {int(number)}\n", "") == (waiting.returncode, said, complaints)


def test_a_program_that_handles_none_dies_of_it(shell: Shell) -> None:
    """With the status a shell has for that."""
    with contextmanager(started)(shell, "--", "wait", str(int(signal.SIGUSR2))) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate()

    assert process.returncode == 128 + signal.SIGTERM


def test_a_stopped_run_goes_on_again(shell: Shell) -> None:
    """^Z stops the program with its caller, and both continue."""
    with contextmanager(started)(shell, "--", "wait", str(int(signal.SIGTERM))) as process:
        process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert becomes(program(process.pid), "T")
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()

        assert (3, f"got {int(signal.SIGTERM)}\n") == (process.returncode, said)


def test_nothing_outlives_a_killed_run(shell: Shell) -> None:
    """SIGKILL cannot be passed on; bubblewrap sees its parent die."""
    with contextmanager(started)(shell, "--", "wait", "0") as process:
        inside = program(process.pid)
        process.kill()
        process.wait()

        assert becomes(inside, "", "Z")


def program(caller: int) -> int:
    """Return the process id of the program that a run has started."""
    found = caller
    for _ in range(3):  # bubblewrap, the first process of the namespace, the program
        found = int(Path(f"/proc/{found}/task/{found}/children").read_text().split()[0])
    return found


def has_begun(caller: int) -> bool:
    """Say whether the program of a run is there."""
    try:
        return Path(f"/proc/{program(caller)}/cmdline").read_bytes().startswith(b"/bin/probe")
    except (OSError, IndexError):
        return False


def becomes(process: int, *states: str) -> bool:
    """Wait for one of these states."""
    for _ in range(1000):
        if state(process) in states:
            return True
        time.sleep(0.01)
    return False


def state(process: int) -> str:
    """Return the state of a process as ps(1) has it; nothing if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_reader_that_goes_away_ends_the_program(shell: Shell) -> None:
    """SIGPIPE, which Python ignores, is not ignored in the sandbox."""
    command = f"{sys.executable} -m imagesmith run probe.tar -- pipe | head -n 1; "
    ended = shell.run("bash", "-c", command + 'exit "${PIPESTATUS[0]}"')

    assert (ended.status, ended.out, ended.err) == (128 + signal.SIGPIPE, "y\n", "")


def test_what_the_caller_ignores_stays_ignored(shell: Shell) -> None:
    """As under nohup(1)."""
    ignoring = 'trap "" USR1; exec ' + f"{sys.executable} -m imagesmith run probe.tar -- wait 15"
    with subprocess.Popen(
        ["bash", "-c", ignoring],
        cwd=shell.directory,
        env=dict(shell.environment),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGTERM)

        assert (process.communicate()[0], "") == ("got 15\n", "")
        assert process.returncode == 3


def test_a_report_of_another_form_names_nobody() -> None:
    """Signals wait for ever then; the status is still the program's."""
    assert supervise.first_process(b'{ "child-pid": 12, "net-namespace": 7 }\n') == 12
    assert supervise.first_process(b'{ "child-pid": 12 }\n') == 12
    assert supervise.first_process(b"{}") == supervise.first_process(b"") == 0


def test_closed_descriptors_are_not_filled_with_ours(shell: Shell) -> None:
    """A program without stdin reads nothing, and sees nothing of the sandbox's own pipes."""
    command = f"{sys.executable} -m imagesmith run probe.tar -- list /proc/self/fd <&- 2>&-"
    ended = shell.run("bash", "-c", command)

    assert (ended.status, ended.out) == (0, "0\n1\n2\n3\n")
