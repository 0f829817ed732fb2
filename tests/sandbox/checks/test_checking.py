"""Checks run: what steps share, how they are judged, and that nothing is left of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from builders.probe import files, write_image
from builders.sandbox import bubblewrap
from builders.tar import Files

from imagesmith.cli import running
from imagesmith.errors import HostError
from imagesmith.manifest.sections import Check, Step
from imagesmith.model.config import ImageConfig
from imagesmith.model.tree import Directory, File, Symlink
from imagesmith.sandbox.checks import checking
from imagesmith.sandbox.checks.checking import Failure, Stage
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.watching import strace
from imagesmith.sandbox.watching.accesses import accesses
from imagesmith.store import Store

PROBE = "/bin/probe"
CONFIG = ImageConfig(entrypoint=(PROBE,), cmd=("words", "by", "default"), user="app")
HOST = launch.here(os.environ)


def write(folder: Path, arch: str = "amd64") -> Path:
    """Write an image in which an ordinary user may write to a home and a volume."""
    more: Files = {
        "/home/app": Directory(uid=1000, gid=1001),
        "/srv/kept": Directory(),
        "/srv/kept/file": File.of(b"kept\n"),
        "/srv/kept/link": Symlink(target="file"),
        "/bin/odd": File.of(b"\x7fELF odd", mode=0o755),
        "/bin/orphan": File.of(b"#!/bin/missing\n", mode=0o755),
    }
    return write_image(folder / "probe.tar", {arch: {**files(arch), **more}}, CONFIG)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage; its full tree is the image's."""
    bubblewrap()
    folder = tmp_path_factory.mktemp("image")
    store = Store.open(folder / "store")
    with running.exported(write(folder), store, wanted=None, host=HOST) as lent:
        yield Stage(image=lent.exported, full=lent.exported, stop=15, host=HOST)


def step(*words: str, **more: object) -> Step:
    """Return a step that runs the image's probe."""
    return attrs.evolve(Step(command=(PROBE, *words)), **more)  # type: ignore[arg-type]  # any field


def failure(stage: Stage, *steps: Step, writable: tuple[str, ...] = ()) -> Failure | None:
    """Run a check of some steps."""
    return checking.run(Check(name="x", steps=steps, writable=writable), stage)


class TestOneStep:
    """A program, what it is given, and what it does."""

    @pytest.mark.parametrize(
        "wanted",
        [
            Step(output="words\nby\ndefault\n"),
            Step(args=("words", "x"), output="words\nx\n"),
            step("words", args=("y",), output="words\ny\n"),
            Step(command=("probe", "id"), output="1000:1001\n"),
            step("id", user="root", output="0:0\n"),
            step("id", tree="full", output="1000:1001\n"),
            step("env", env=(("A", "b=c"),), contains=("A=b=c\n", "HOME=/home/app\n")),
            step("echo", stdin="hello", output="hello"),
            step("echo", "stderr", stdin="hello\nworld", output="", matches=("^world$",)),
            step("exit", "7", status=7),
            step("die", "9", status=137),
            step("fork"),
        ],
    )
    def test_it_passes(self, wanted: Step, stage: Stage) -> None:
        """As the image starts by default, or as the step says."""
        assert failure(stage, wanted) is None

    @pytest.mark.parametrize(
        ("wanted", "problem", "tail"),
        [
            (step("exit", "7"), "exit status 7, expected 0", ()),
            (step("die", "11"), "killed by SIGSEGV, expected 0", ()),
            (step("show", "/none"), "exit status 2, expected 0", ()),
            (
                step("words", contains=("x",)),
                "expected to print 'x', printed 'words\\n'",
                ("words",),
            ),
            (step("id", user="none"), "none: no such name in the image's /etc/passwd", ()),
        ],
    )
    def test_it_fails(
        self, wanted: Step, problem: str, tail: tuple[str, ...], stage: Stage
    ) -> None:
        """With what was expected, and the end of what it printed."""
        assert failure(stage, wanted) == Failure(step=0, problem=problem, tail=tail)

    def test_what_the_kernel_refuses_fails(self, stage: Stage) -> None:
        """With what bubblewrap says of it."""
        found = failure(stage, Step(command=("odd",)))

        assert found is not None
        assert found.problem == "/bin/odd: could not be started; bubblewrap says why"
        assert "execvp odd" in found.tail[-1]

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            (
                "/bin/none",
                Failure(
                    step=0,
                    problem="/bin/none: no such program in the image",
                    sought=("/bin/none",),
                ),
            ),
            (
                "orphan",
                Failure(
                    step=0,
                    problem="/bin/orphan: its interpreter /bin/missing is not in the image",
                    sought=("/bin/missing",),
                ),
            ),
        ],
    )
    def test_it_does_not_start(self, name: str, found: Failure, stage: Stage) -> None:
        """With where something would have to be."""
        assert failure(stage, Step(command=(name,))) == found

    @pytest.mark.parametrize(
        ("wanted", "problem"),
        [
            (step("wait", timeout=1), "still running after 0.2 s"),
            (step("pipe", timeout=1), "still running after 0.2 s"),
            (step("wait", timeout=1, background=True, ready="x"), "not ready after 0.2 s"),
        ],
    )
    def test_a_program_without_end_is_ended(self, wanted: Step, problem: str, stage: Stage) -> None:
        """Whether it waits, or prints and prints."""
        found = failure(attrs.evolve(stage, patience=0.2), wanted)

        assert found is not None
        assert found.problem == problem


class TestSeveralSteps:
    """They share directories and a network, and nothing else."""

    def test_what_one_writes_others_read(self, stage: Stage) -> None:
        """In /tmp, in a home, and where the check says; what the image has there stays."""
        places = ("/tmp/new", "/home/app/new", "/srv/kept/new", "/data/deep/new")
        made = [step("make", place) for place in places]
        seen = [step("show", place, user="7", tree="full") for place in places]
        listed = step("list", "/srv/kept", output="file\nlink\nnew\n")
        linked = step("show", "/srv/kept/link", output="kept\n")
        writable = ("/srv/kept", "/data/deep")

        assert failure(stage, *made, *seen, listed, linked, writable=writable) is None
        assert failure(stage, step("list", "/home/app", output="")) is None

    def test_no_link_leads_the_next_sandbox_to_the_host(self, stage: Stage, tmp_path: Path) -> None:
        """Where bubblewrap would make a file, to mount one of the packages on it.

        It has the host's root at /oldroot until the sandbox has one of its own.
        """
        full = tmp_path / "full"
        shutil.copytree(stage.image.root, full, symlinks=True)
        (full / "srv" / "kept" / "more").write_text("")
        wide = attrs.evolve(stage, full=stage.image._replace(root=str(full)))
        target = tmp_path / "made on the host"
        found = failure(
            wide,
            step("link", f"/oldroot{target}", "/srv/kept/more"),
            step("words", tree="full"),
            writable=("/srv/kept",),
        )

        assert found is not None
        assert found.step == 1
        assert "Read-only file system" in found.tail[-1]
        assert not target.exists()

    def test_what_the_image_has_stays_read_only(self, stage: Stage) -> None:
        """EROFS, where it is not writable, and for its files where it is."""
        assert failure(stage, step("make", "/srv/kept/new", status=30)) is None
        assert (
            failure(stage, step("make", "/srv/kept/file", status=30), writable=("/srv/kept",))
            is None
        )

    def test_a_server_serves_until_the_last_step(self, stage: Stage) -> None:
        """It is ready when it says so and listens; then it ends by the image's signal."""
        server = step("listen", "4711", background=True, ready="listening", port=4711)
        client = step("connect", "4711")

        assert failure(stage, server, client, attrs.evolve(client, tree="full", user="0")) is None
        assert failure(stage, client) == Failure(step=0, problem="exit status 111, expected 0")

    def test_localhost_has_a_name(self, stage: Stage) -> None:
        """As in every container."""
        assert (
            failure(stage, step("show", "/etc/hosts", contains=("127.0.0.1\tlocalhost",))) is None
        )

    def test_the_stop_signal_is_the_images(self, stage: Stage) -> None:
        """And the program may handle it."""
        waiting = step("wait", "3", background=True, ready="ready", status=3, contains=("got 3",))

        assert failure(attrs.evolve(stage, stop=3), waiting) is None

    @pytest.mark.parametrize(
        ("server", "found"),
        [
            (
                step("exit", "4", background=True, port=4711),
                Failure(step=0, problem="exit status 4 before it was ready"),
            ),
            (
                step("wait", "15", background=True, ready="ready"),
                Failure(step=0, problem="exit status 3, expected 0", tail=("ready", "got 15")),
            ),
        ],
    )
    def test_a_server_that_fails_is_told(self, server: Step, found: Failure, stage: Stage) -> None:
        """Where it does not begin as it should, or not end."""
        assert failure(stage, server, step("words")) == found

    def test_a_server_that_dies_is_told(self, stage: Stage) -> None:
        """And not the client that waits for it, be it for ever."""
        server = step("listen", "4711", "1", background=True, port=4711)
        found = failure(stage, server, step("connect", "4711"), step("wait"))

        assert found == Failure(
            step=0,
            problem="exit status 5 while other steps needed it",
            tail=("listening",),
        )


def test_nothing_is_left(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process, no descriptor and no file, whether a check passes or fails."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = len(list(Path("/proc/self/fd").iterdir()))
    server = step("listen", "4711", background=True, port=4711)
    failure(stage, server, step("make", "/tmp/x"), step("connect", "4711"))
    failure(attrs.evolve(stage, patience=0.2), server, step("wait", timeout=1))

    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_step_may_be_traced(stage: Stage) -> None:
    """The one that is asked for, in the network of all; what it looked for is known."""
    server = step("listen", "4711", background=True, port=4711)
    with strace.log(HOST.which) as log:
        found = checking.run(
            Check(name="x", steps=(server, step("show", "/none"))),
            stage,
            through=lambda index: log.through if index else (),
        )
        seen = {(each.path, each.error) for each in accesses(log.lines()).all}

    assert found == Failure(step=1, problem="exit status 2, expected 0")
    assert ("/none", "ENOENT") in seen


def test_a_host_without_sandboxes_is_no_failure(stage: Stage, tmp_path: Path) -> None:
    """It is the host's error, for one step and for several."""
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions.' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    poor = HOST._replace(which=lambda name: str(bwrap) if name == "bwrap" else HOST.which(name))
    error = HostError(
        path=str(bwrap),
        problem="this host allows no sandbox: no permissions",
        hint="inside a container, it must be allowed to make user namespaces",
    )
    for steps in ((step("words"),), (step("words"), step("words"))):
        with pytest.raises(HostError) as e:
            failure(attrs.evolve(stage, host=poor), *steps)

        assert e.value == error


def test_a_network_needs_a_way_in(stage: Stage) -> None:
    """Which util-linux has."""
    poor = HOST._replace(which=lambda name: None if name == "nsenter" else HOST.which(name))
    with pytest.raises(HostError) as e:
        failure(attrs.evolve(stage, host=poor), step("words"), step("words"))

    assert (e.value.message, e.value.hint) == (
        "nsenter: is not installed",
        "apt-get install util-linux",
    )


def test_foreign_programs_are_checked_too(tmp_path: Path) -> None:
    """With a network and files, under an emulator; it takes longer, and may."""
    if HOST.which("qemu-aarch64-static") is None:
        pytest.skip("qemu-user-static is not installed")
    server = step("listen", "4711", background=True, ready="listening", port=4711)
    path, store = write(tmp_path, "arm64"), Store.open(tmp_path / "store")
    with running.exported(path, store, wanted="linux/arm64", host=HOST) as lent:
        stage = Stage(
            image=lent.exported, full=None, stop=15, host=HOST, patience=checking.EMULATED
        )
        passed = failure(stage, server, step("connect", "4711"))
        failed = failure(stage, step("words"), step("show", "/none"))

    assert (passed, failed) == (
        None,
        Failure(step=1, problem="exit status 2, expected 0"),
    )
