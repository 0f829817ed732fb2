"""A start that is remembered is the start that was prepared, of that very image."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders.probe import Runner, files, write_image
from builders.tar import Files

from imagesmith.cli import quick
from imagesmith.errors import HostError
from imagesmith.model.config import ImageConfig
from imagesmith.sandbox.starting import replay

CONFIG = ImageConfig(entrypoint=("/bin/probe",), cmd=("words", "by", "default"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Write an image."""
    return write_image(tmp_path / "a.tar", {"amd64": files()}, CONFIG)


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Return a way to run images."""
    return Runner(tmp_path / "store")


def again(run: Runner, *words: str, **environ: str) -> int | None:
    """Take the short way."""
    path = os.environ["PATH"]
    return quick.run(("run", *words), {"PATH": path, "IMAGESMITH_STORE": str(run.store), **environ})


def outcome(capfd: pytest.CaptureFixture[str]) -> str:
    """Return what was printed since."""
    return capfd.readouterr().out


class TestRemembered:
    """The short way does what the long one did."""

    def test_cmd_and_arguments(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Whatever the first run was given."""
        first = again(run, str(image))
        run(image, "exit", "0")
        statuses = [
            again(run, str(image)),
            again(run, str(image), "--", "words", "a b"),
            again(run, str(image), "--", "die", "9"),
        ]

        assert (first, statuses) == (None, [0, 0, 137])
        assert outcome(capfd) == "words\nby\ndefault\nwords\na b\n"

    def test_the_sandbox_is_the_same(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Environment and walls."""
        run(image, "env")
        long = outcome(capfd)
        again(run, str(image), "--", "env")
        short = outcome(capfd)

        assert short == long
        assert again(run, str(image), "--", "make", "/new") == 30  # EROFS

    def test_an_image_without_entrypoint_has_its_cmd(
        self, run: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Other programs are looked for, which takes the long way."""
        config = ImageConfig(cmd=("probe", "words", "x"))
        image = write_image(tmp_path / "c.tar", {"amd64": files()}, config)
        run(image, "probe", "exit", "0")
        unknown = again(run, str(image))
        run(image)
        found = again(run, str(image)), again(run, str(image), "--", "probe")

        assert (unknown, found) == (None, (0, None))
        assert outcome(capfd) == "words\nx\n" * 2

    def test_only_what_was_plain_is_remembered(self, image: Path, run: Runner) -> None:
        """Wishes of a caller are not the image's."""
        run(image, "exit", "0", user="7")
        run(image, "exit", "0", env=("A=b",))
        run(image, "exit", "0", wanted="linux/amd64")

        assert not (run.root().parent / "start").exists()


class TestForgotten:
    """What is not certain takes the long way."""

    @pytest.mark.parametrize(
        "words", [(), ("-q",), ("{}", "x"), ("{}", "--user", "0"), ("{}/x",), ("--", "{}")]
    )
    def test_other_command_lines(self, words: tuple[str, ...], image: Path, run: Runner) -> None:
        """Only the plainest is understood."""
        run(image)

        assert again(run, *(word.format(image) for word in words)) is None

    def test_other_settings(self, image: Path, run: Runner, tmp_path: Path) -> None:
        """The command reads them."""
        run(image)
        (tmp_path / "imagesmith").mkdir()
        (tmp_path / "imagesmith/config.toml").touch()

        assert again(run, str(image), IMAGESMITH_QUIET="1") is None
        assert again(run, str(image), PATH=str(tmp_path)) is None
        assert again(run, str(image), IMAGESMITH_STORE="", XDG_CONFIG_HOME=str(tmp_path)) is None

    def test_the_store_of_a_home(self, image: Path, tmp_path: Path) -> None:
        """As the configuration finds it."""
        Runner(tmp_path / ".cache/imagesmith/store")(image)
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

        assert quick.run(("run", str(image), "--", "exit", "5"), environ) == 5

    def test_an_archive_with_another_image(
        self, image: Path, run: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Under the same name, in the same place."""
        run(image)
        other: Files = {**files(), "/etc/other": "other\n"}
        write_image(tmp_path / "a.tar", {"amd64": other}, CONFIG)
        outcome(capfd)

        assert again(run, str(image)) is None
        assert run(image, "show", "/etc/other") == 0
        assert outcome(capfd) == "other\n"

    @pytest.mark.parametrize(
        "start", [b"", b"junk", b"0\0x86_64\0", b"\0" * 9], ids=["empty", "junk", "old", "zeros"]
    )
    def test_a_start_of_something_else(self, start: bytes, image: Path, run: Runner) -> None:
        """Another release's, or damaged."""
        run(image)
        (run.root().parent / "start").write_bytes(start)

        assert again(run, str(image)) is None

    def test_a_damaged_list(self, image: Path, run: Runner) -> None:
        """Its length is no number."""
        run(image)
        start = run.root().parent / "start"
        words = start.read_bytes().split(b"\0")
        words[4] = b"many"
        start.write_bytes(b"\0".join(words))

        assert again(run, str(image)) is None

    def test_a_store_that_others_can_write_to(self, image: Path, run: Runner) -> None:
        """They could have written the start."""
        run(image)
        found = []
        for mode in (0o757, 0o775, 0o755):  # the group is our own
            run.store.chmod(mode)
            found.append(again(run, str(image), "--", "exit", "3"))

        assert found == [None, 3, 3]

    def test_a_store_that_is_gone(self, image: Path, run: Runner) -> None:
        """Nothing is made up."""
        assert again(run, str(image)) is None
        assert replay.locked(str(run.store), "0" * 64) is None


def test_a_use_is_noted_once_a_day(image: Path, run: Runner) -> None:
    """So that `store gc` knows; a directory of somebody else's is used all the same."""
    run(image)
    entry = run.root().parent
    os.utime(entry, (1, 1))
    again(run, str(image), "--", "exit", "0")
    noted = entry.stat().st_mtime

    assert noted > 1_000_000
    again(run, str(image), "--", "exit", "0")
    assert entry.stat().st_mtime == noted


def test_a_directory_that_is_being_removed_is_not_lent(
    image: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`store gc` takes the name away before anything else."""
    run(image)
    entry = run.root().parent
    moved = entry.with_name(f"{entry.name}.{'0' * 16}.tmp")
    monkeypatch.setattr(fcntl, "flock", lambda *_: entry.rename(moved))

    assert replay.locked(str(run.store), entry.name) is None


def test_what_does_not_start_is_explained(image: Path, run: Runner, tmp_path: Path) -> None:
    """On the short way too; and where there is no bubblewrap after all."""
    run(image, "exit", "0")
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\nexit 1\n")
    bwrap.chmod(0o755)
    with pytest.raises(HostError, match="this host allows no sandbox: no reason given"):
        again(run, str(image), PATH=f"{tmp_path}:{os.environ['PATH']}")
    bwrap.write_text("")
    with pytest.raises(OSError, match="Exec format error"):
        again(run, str(image), PATH=f"{tmp_path}:{os.environ['PATH']}")


def test_a_full_disk_forgets(image: Path, run: Runner, tmp_path: Path) -> None:
    """The next start is slower, that is all."""
    replay.remember(str(tmp_path / "nowhere" / "root"), b"", "x86_64", [])

    assert run(image, "exit", "2") == 2


def test_next_to_nothing_is_loaded_before_the_start() -> None:
    """Every module is time; what is loaded later is loaded while bubblewrap works."""
    program = (
        "import sys; before = set(sys.modules)\n"
        "from imagesmith.cli import quick\n"
        "print(*(name for name in set(sys.modules) - before if 'imagesmith' not in name))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert set(said.stdout.split()) <= {"__future__", "fcntl"}
