"""A program's output kept, within bounds, and its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.probe import files, write_image
from builders.sandbox import bubblewrap

from imagesmith.cli import running
from imagesmith.model.config import ImageConfig
from imagesmith.sandbox.checks import capture, holder
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.starting.launch import Launch
from imagesmith.sandbox.starting.program import Asked
from imagesmith.store import Store

HOST = launch.here(os.environ)
CONFIG = ImageConfig(entrypoint=("/bin/probe",))


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Return how to start a program that prints three lines."""
    bubblewrap()
    folder = tmp_path_factory.mktemp("image")
    path = write_image(folder / "probe.tar", {"amd64": files()}, CONFIG)
    with running.exported(path, Store.open(folder / "store"), wanted=None, host=HOST) as lent:
        yield launch.prepare(lent.exported, Asked(("words", "one", "two")), HOST)


def descriptors() -> int:
    """Count what is open in this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_kept_has_a_limit(words: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start is kept, and the program is not held up by the rest."""
    monkeypatch.setattr(capture, "MAX_OUTPUT", 7)
    with capture.started(words) as begun:
        has_ended = capture.wait([begun], lambda: begun.status is not None, seconds=60)

    assert (has_ended, begun.status, begun.stdout, begun.stderr) == (True, 0, b"words\no", b"")


def test_what_has_ended_stays_so(words: Launch) -> None:
    """It listens to nobody, gets no signal, and ends no second time."""
    with capture.started(words) as begun:
        capture.wait([begun], lambda: begun.status is not None, seconds=60)
        begun.signal(signal.SIGKILL)
        is_listening = begun.listens_on(80)
        begun.end()

    assert (begun.status, is_listening) == (0, False)


def test_a_sandbox_that_cannot_be_started_leaves_nothing(words: Launch) -> None:
    """No descriptor, be it of a program or of what several share."""
    poor = HOST._replace(which=lambda name: "/none" if name == "bwrap" else HOST.which(name))
    before = descriptors()
    with pytest.raises(FileNotFoundError), capture.started(words._replace(bwrap="/none")):
        raise AssertionError
    with pytest.raises(FileNotFoundError), holder.held(poor):
        raise AssertionError

    assert descriptors() == before


def test_a_sandbox_whose_first_process_is_gone_is_ended(words: Launch, tmp_path: Path) -> None:
    """It died of a mount before anybody could look; nothing is left of bubblewrap."""
    odd = tmp_path / "bwrap"
    odd.write_text("#!/bin/bash\necho '{ \"child-pid\": 99999999 }' >&$4\nexec sleep 100\n")
    odd.chmod(0o755)
    before = descriptors()
    with capture.started(words._replace(bwrap=str(odd))) as begun:
        begun.signal(signal.SIGTERM)
        is_listening = begun.listens_on(80)

    assert (begun.status, is_listening) == (128 + signal.SIGKILL, False)
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_report_that_names_no_process_ends_the_sandbox(words: Launch, tmp_path: Path) -> None:
    """Whatever goes wrong in between, nothing is left of it."""
    odd = tmp_path / "bwrap"
    odd.write_text(f"#!/bin/bash\necho '{{ \"child-pid\": {2**40} }}' >&$4\nexec sleep 100\n")
    odd.chmod(0o755)
    before = descriptors()
    with pytest.raises(OverflowError), capture.started(words._replace(bwrap=str(odd))):
        raise AssertionError

    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
