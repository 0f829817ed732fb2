"""How every command ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from builders.world import World

from imagesmith import errors
from imagesmith.cli.app import Terminated, app, status_of
from imagesmith.cli.documents import ImageDirectory, read, write


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (click.Abort(), 130, "error: interrupted\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (Terminated(), 143, "error: terminated\n"),
        (click.exceptions.Exit(9), 9, ""),
        (click.ClickException("No Good."), 2, "error: no Good\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x"),
            2,
            "error: /x: no space left on device [host]\n",
        ),
        (OSError("odd"), 2, "error: odd [host]\n"),
        (
            errors.NetworkError(what="pool/x.deb", problem="down", hint="try again"),
            7,
            "error: pool/x.deb: down [network]\nhint: try again\n",
        ),
    ],
)
def test_an_error_becomes_a_line_and_a_status(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The statuses are those of DESIGN.md §4."""
    assert status_of(error) == status
    assert capsys.readouterr() == ("", said)


def test_a_bug_is_not_hidden() -> None:
    """What nobody foresaw keeps its traceback."""
    with pytest.raises(ZeroDivisionError):
        status_of(ZeroDivisionError())


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type)], ids=str
)
def test_every_error_has_a_code_and_a_status(kind: type) -> None:
    """Statuses are the ones DESIGN.md names, and a shell's for programs; codes are unique."""
    leaves = errors.ImagesmithError.__subclasses__()
    if kind in leaves:
        codes = [leaf.code for leaf in leaves]

        assert kind.status in {1, 2, 3, 4, 5, 6, 7, 8, 9, 126}
        assert codes.count(kind.code) == 1


def test_sigterm_ends_a_command_with_143(tmp_path: Path) -> None:
    """While it waits for a passphrase, or anything else."""
    world = World.built(tmp_path)
    reader, writer = os.pipe()
    waiting = subprocess.Popen(
        [
            *(sys.executable, "-m", "imagesmith", "--config", str(tmp_path / "config.toml")),
            *("keys", "generate", "Me", "-o", str(tmp_path / "me.asc")),
            *("--passphrase-fd", str(reader)),
        ],
        pass_fds=[reader],
        stderr=subprocess.PIPE,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1.5)
    waiting.send_signal(signal.SIGTERM)
    _, said = waiting.communicate(timeout=30)
    for descriptor in (reader, writer):
        os.close(descriptor)

    assert (waiting.returncode, said) == (143, b"error: terminated\n")
    assert not (world.root / "me.asc").exists()


def test_it_can_be_called_from_another_thread(tmp_path: Path) -> None:
    """An embedding program keeps its own signal handlers."""
    statuses: list[object] = []

    def call() -> None:
        try:
            app(["--config", str(tmp_path / "none"), "store", "path"])
        except SystemExit as ended:
            statuses.append(ended.code)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()

    assert statuses == [2]


class TestDocuments:
    """Files are read bounded and written whole."""

    def test_a_file_over_its_limit_is_refused(self, tmp_path: Path) -> None:
        """No more than the limit is read."""
        (tmp_path / "big").write_bytes(b"x" * 11)
        with pytest.raises(errors.HostError) as e:
            read(tmp_path / "big", limit=10)

        assert e.value.problem == "larger than 10 bytes"

    def test_an_unchanged_file_is_not_written_again(self, tmp_path: Path) -> None:
        """Times stay, and the caller is told."""
        path = tmp_path / "x"

        assert write(path, b"a", mode=0o600)
        before = path.stat().st_mtime_ns
        assert not write(path, b"a")
        assert write(path, b"b")
        assert (path.read_bytes(), before) != (b"a", path.stat().st_mtime_ns)

    def test_a_directory_that_cannot_be_written_to_is_an_error(self, tmp_path: Path) -> None:
        """Naming the file that was to be written, and leaving nothing."""
        with pytest.raises(errors.HostError) as e:
            write(tmp_path / "none" / "x", b"a")

        assert e.value.path == str(tmp_path / "none" / "x")

    def test_a_directory_in_the_place_of_a_file_is_an_error(self, tmp_path: Path) -> None:
        """For reading and for asking."""
        (tmp_path / "amd64.mtree").mkdir()
        with pytest.raises(errors.HostError):
            ImageDirectory(tmp_path).recorded("amd64")
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(errors.HostError):
            ImageDirectory(tmp_path / "file").recorded("arm64")
