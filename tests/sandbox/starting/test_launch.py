"""What a program sees, may do, and how it ends."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.probe import EPOCH, Runner, files, write_image
from builders.tar import Files

from imagesmith.errors import HostError, ProgramNotFound, ProgramRefused, UsageError
from imagesmith.model.config import ImageConfig
from imagesmith.model.tree import Directory, File, Symlink
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.starting.launch import Host
from imagesmith.sandbox.starting.program import Asked
from imagesmith.sandbox.trees.lending import Exported

CONFIG = ImageConfig(
    entrypoint=("/bin/probe",),
    cmd=("words", "by", "default"),
    env=(("GREETING", "hello"),),
    user="app:staff",
    working_dir="/srv",
    volumes=("/data/deep",),
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an image whose user has a home, an empty directory and a program of theirs."""
    more: Files = {
        "/srv": Directory(),
        "/home/app": Directory(uid=1000, gid=1001, mode=0o750),
        "/home/app/.profile": File.of(b"set -e\n"),
        "/home/app/link": Symlink(target="/etc/passwd"),
        "/var/cache/app": Directory(uid=1000, gid=1001),
        "/var/cache/staff": Directory(gid=50, mode=0o775),
        "/opt/app": Directory(uid=1000, gid=1001),
        "/opt/app/code": File.of(b"code\n"),
        "/bin/twin": Symlink(target="probe"),
        "/bin/script": File.of(b"#! /bin/probe words\n", mode=0o755),
        "/bin/orphan": File.of(b"#!/bin/missing\n", mode=0o755),
        "/bin/text": File.of(b"text\n"),
    }
    path = tmp_path_factory.mktemp("image") / "probe.tar"
    return write_image(path, {"amd64": {**files(), **more}}, CONFIG)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return a way to run images, all from one store."""
    return Runner(tmp_path_factory.mktemp("run") / "store")


class TestConfig:
    """What the image says is what happens."""

    def test_entrypoint_and_cmd_run_by_default(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """One after the other; what they print is all there is."""
        status = run(image)

        assert (status, tuple(capfd.readouterr())) == (0, ("words\nby\ndefault\n", ""))

    def test_arguments_stand_for_cmd(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Verbatim, whatever characters are in them."""
        status = run(image, "words", "a b", "", "--ro-bind", "ü\n")

        assert (status, capfd.readouterr().out) == (0, "words\na b\n\n--ro-bind\nü\n\n")

    def test_an_entrypoint_of_the_caller_stands_for_both(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Looked for on the image's path; an empty one leaves the arguments."""
        found = run(image, entrypoint="probe"), run(image, "/bin/twin", "x", entrypoint="")

        assert (found, capfd.readouterr().out) == ((0, 0), "x\n")

    def test_the_environment_is_the_images_and_no_other(
        self,
        image: Path,
        run: Runner,
        capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """With a path and a home, and what the caller sets last."""
        monkeypatch.setenv("SECRET", "of the host")
        run(image, "env", env=("GREETING=bye=bye", "EMPTY="))
        expected = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/home/app",
            "HOSTNAME": "probe",
            "GREETING": "bye=bye",
            "EMPTY": "",
            "PWD": "/srv",  # bubblewrap's
        }

        assert expected == dict(
            line.partition("=")[::2] for line in capfd.readouterr().out.splitlines()
        )

    @pytest.mark.parametrize(
        ("user", "expected"),
        [(None, "1000:50"), ("app", "1000:1001"), ("7", "7:0"), ("1000", "1000:1001"), ("", "0:0")],
    )
    def test_the_user_is_the_images_or_the_callers(
        self,
        user: str | None,
        expected: str,
        image: Path,
        run: Runner,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """By name or number, as the image's own account files have them."""
        run(image, "id", user=user)

        assert f"{expected}\n" == capfd.readouterr().out

    def test_directory_and_host_name(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The host is called after the image."""
        run(image, "cwd")
        run(image, "host")

        assert capfd.readouterr().out == "/srv\nprobe\n"


class TestEnding:
    """The status is the program's, or a shell's for one that never was."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("exit", "0"), 0),
            (("exit", "1"), 1),
            (("exit", "77"), 77),
            (("die", "9"), 137),
            (("die", "15"), 143),
            (("die", "11"), 139),
        ],
    )
    def test_is_passed_on(
        self, words: tuple[str, ...], expected: int, image: Path, run: Runner
    ) -> None:
        """128 + N for signal N."""
        assert expected == run(image, *words)

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            (
                "/bin/none",
                ProgramNotFound(
                    path="/bin/none",
                    problem="no such program in the image",
                    sought=("/bin/none",),
                ),
            ),
            (
                "none",
                ProgramNotFound(
                    path="none",
                    problem="no such program in the image, on the path "
                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    sought=(
                        *("/usr/local/sbin/none", "/usr/local/bin/none", "/usr/sbin/none"),
                        *("/usr/bin/none", "/sbin/none", "/bin/none"),
                    ),
                ),
            ),
            ("text", ProgramRefused(path="/bin/text", problem="is no executable file")),
            ("/bin", ProgramRefused(path="/bin", problem="is no executable file")),
            (
                "/bin/orphan",
                ProgramNotFound(
                    path="/bin/orphan",
                    problem="its interpreter /bin/missing is not in the image",
                    sought=("/bin/missing",),
                ),
            ),
        ],
    )
    def test_what_cannot_run_is_told_before_anything_starts(
        self, name: str, error: ProgramRefused, image: Path, run: Runner
    ) -> None:
        """127 for what is not there, 126 for what is no program."""
        with pytest.raises(ProgramRefused) as caught:
            run(image, entrypoint=name)

        assert error == caught.value
        assert caught.value.status == (127 if isinstance(error, ProgramNotFound) else 126)

    def test_nothing_to_run_is_told(self, image: Path, run: Runner) -> None:
        """No entrypoint, no arguments."""
        with pytest.raises(UsageError, match="the image names no program to run"):
            run(image, entrypoint="")

    def test_a_script_runs(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """By what its first line names."""
        run(image, "x", entrypoint="/bin/script")

        assert capfd.readouterr().out == "words\n/bin/script\nx\n"

    def test_without_bubblewrap_there_is_one_line_and_a_hint(self) -> None:
        """Nothing else can start anything."""
        host = Host(lambda _name: None, str, "x86_64")
        with pytest.raises(HostError) as caught:
            launch.bubblewrap_of(host)

        assert caught.value.message == "bwrap: is not installed"
        assert caught.value.hint == "apt-get install bubblewrap"


class TestWalls:
    """What a program cannot do, whatever it is."""

    def test_the_root_is_read_only(self, image: Path, run: Runner) -> None:
        """Even where its user owns the directory, if there is something in it."""
        paths = ("/new", "/etc/new", "/opt/app/new", "/etc/passwd", "/home/app/.profile")
        refused = [run(image, "make", path) for path in paths]

        assert [errno.EROFS] * len(paths) == refused

    def test_memory_stands_where_the_image_wants_to_write(self, image: Path, run: Runner) -> None:
        """/tmp, /run, volumes, empty directories and the home of the user; each run its own."""
        paths = (
            "/tmp/new",
            "/run/new",
            "/data/deep/new",
            "/var/cache/app/new",
            "/var/cache/staff/new",
            "/home/app/new",
            "/dev/shm/new",
        )
        made = [run(image, "make", path) for path in paths]
        gone = [run(image, "show", path) for path in paths]

        assert ([0] * len(paths), [errno.ENOENT] * len(paths)) == (made, gone)

    def test_what_is_in_a_home_stays(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Files and links."""
        run(image, "list", "/home/app")
        run(image, "show", "/home/app/.profile")

        assert capfd.readouterr().out == ".profile\nlink\nset -e\n"

    def test_directories_of_others_stay_read_only(self, image: Path, run: Runner) -> None:
        """User 7 is neither app nor staff."""
        assert run(image, "make", "/var/cache/app/new", user="7") == errno.EROFS

    def test_no_directory_of_the_host_is_there(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The image's, the kernel's, and the places of mounts."""
        run(image, "list", "/")
        expected = ["bin", "data", "dev", "etc", "home", "opt", "proc", "run", "srv", "tmp", "var"]

        assert expected == capfd.readouterr().out.splitlines()
        (app,) = (run.store / "rootfs").glob("*/root/opt/app")
        kept = {path.name for path in app.parents[1].iterdir()}
        assert kept == {"bin", "etc", "home", "opt", "srv", "var"}

    def test_no_descriptor_of_ours_is_passed_on(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """An inherited directory would be a way out."""
        leak = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(leak, True)
        try:
            run(image, "list", "/proc/self/fd")
        finally:
            os.close(leak)

        assert capfd.readouterr().out.splitlines() == ["0", "1", "2", "3"]  # 3 is the listing's

    def test_only_processes_of_the_sandbox_are_seen(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The first one, and the program."""
        run(image, "list", "/proc")
        numbers = [name for name in capfd.readouterr().out.splitlines() if name.isdigit()]

        assert numbers == ["1", "2"]

    def test_no_privilege_is_there_for_root(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """No capability, none to be had, no device to be made."""
        run(image, "show", "/proc/self/status", user="0")
        lines = dict(line.partition(":\t")[::2] for line in capfd.readouterr().out.splitlines())

        assert (lines["CapEff"], lines["CapPrm"], lines["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        assert run(image, "device", user="0") == errno.EPERM

    def test_there_is_no_terminal_to_type_into(self, image: Path, run: Runner) -> None:
        """Neither by name nor as a descriptor (TIOCSTI)."""
        leader, follower = os.openpty()
        saved = os.dup(0)
        os.dup2(follower, 0)
        try:
            found = run(image, "tty"), run(image, "type", "0")
        finally:
            os.dup2(saved, 0)
            for descriptor in (leader, follower, saved):
                os.close(descriptor)

        assert found[0] == errno.ENXIO
        assert found[1] in (errno.EPERM, errno.EIO)


@pytest.fixture
def server() -> Iterator[int]:
    """Listen on this machine and return the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


class TestNetwork:
    """None unless it is asked for."""

    def test_the_host_is_out_of_reach(self, server: int, image: Path, run: Runner) -> None:
        """The loopback device is the sandbox's own."""
        assert run(image, "connect", str(server)) == errno.ECONNREFUSED

    def test_the_hosts_is_lent_on_request(
        self, server: int, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """With the files that name others, though the image has no place for them."""
        status = run(image, "connect", str(server), network=True)
        run(image, "show", "/etc/hosts", network=True)

        assert status == 0
        assert Path("/etc/hosts").read_text() == capfd.readouterr().out
        assert run(image, "make", "/etc/new", network=True) == errno.EROFS


class TestVolumes:
    """Directories of the host, lent by name."""

    def test_are_mounted_where_they_are_asked_for(
        self, image: Path, run: Runner, tmp_path: Path
    ) -> None:
        """Read-only on request; a place need not be there."""
        lend = [(str(tmp_path), "/mnt/in/here", True), (str(tmp_path), "/opt/app/ro", False)]
        made = run(image, "make", "/mnt/in/here/new", volumes=tuple(lend))
        refused = run(image, "make", "/opt/app/ro/other", volumes=tuple(lend))

        assert (made, refused) == (0, errno.EROFS)
        assert [path.name for path in tmp_path.iterdir()] == ["new"]

    def test_the_images_links_lead_nowhere_on_the_host(
        self, run: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A place below an absolute link is looked for in the image."""
        more: Files = {"/var/run": Symlink(target="/run"), "/out": Symlink(target="../../../tmp")}
        config = ImageConfig(entrypoint=("/bin/probe",))
        archive = write_image(tmp_path / "l.tar", {"amd64": {**files(), **more}}, config)
        (tmp_path / "lent").mkdir()
        (tmp_path / "lent" / "file").write_text("lent\n")
        lend = ((str(tmp_path / "lent"), "/out/there", False),)
        run(archive, "show", "/tmp/there/file", volumes=lend)

        assert capfd.readouterr().out == "lent\n"
        assert not Path("/tmp/there").exists()


class TestFiles:
    """How an image's files look from inside."""

    def test_have_modes_and_times_and_belong_to_the_user(
        self, image: Path, run: Runner, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """There is one user in a sandbox without root."""
        run(image, "mode", "/bin/probe")

        assert f"100755 1000:50 {EPOCH}\n" == capfd.readouterr().out


def test_a_working_directory_that_is_missing_is_made(
    run: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As container engines do."""
    config = ImageConfig(entrypoint=("/bin/probe",), working_dir="/not/there")
    run(write_image(tmp_path / "w.tar", {"amd64": files()}, config), "cwd")

    assert capfd.readouterr().out == "/not/there\n"


def test_a_program_the_kernel_does_not_take_is_told(
    run: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The one case that only shows when it is started."""
    broken = File.of(b"\x7fELF" + bytes(60), mode=0o755)
    config = ImageConfig(entrypoint=("/bin/broken",))
    archive = write_image(tmp_path / "b.tar", {"amd64": {"/bin/broken": broken}}, config)
    with pytest.raises(ProgramRefused) as caught:
        run(archive)

    assert caught.value.message == "/bin/broken: could not be started; bubblewrap says why"
    assert "broken" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("curl", "curl"),
        ("a_b.c", "a-b-c"),
        ("-x-", "x"),
        ("é", "image"),
        ("", "image"),
        ("a" * 62 + "-b", "a" * 62),
    ],
)
def test_a_host_name_is_one(name: str, expected: str) -> None:
    """RFC 1123: letters, digits and hyphens, 63 at most."""
    assert expected == launch.host_name(name)


def test_an_option_cannot_smuggle_another(tmp_path: Path) -> None:
    r"""A `\0` would end one option and begin the next; nothing is started."""
    bwrap = launch.bubblewrap_of(launch.here(os.environ))
    exported = Exported(str(tmp_path), "x", "linux/amd64", {"Env": ["A=\0--bind\0/\0/"]}, {})
    (tmp_path / "x").write_text("#!/x\n")
    (tmp_path / "x").chmod(0o755)
    prepared = launch.prepare(exported, Asked(("/x",)), launch.here(os.environ))
    with pytest.raises(ValueError, match="embedded null byte"):
        launch.launch(prepared._replace(bwrap=bwrap), launch.here(os.environ))
