"""`imagesmith run`, as a person or a script calls it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from builders.probe import files, write_image
from builders.sandbox import bubblewrap
from builders.shell import Ended, Shell
from click.testing import CliRunner

from imagesmith.cli.app import app
from imagesmith.model.config import ImageConfig


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a directory with an image for two architectures."""
    bubblewrap()
    home = tmp_path_factory.mktemp("home")
    config = ImageConfig(entrypoint=("/bin/probe",), cmd=("words", "by", "default"))
    images = {"amd64": files(), "s390x": files()}
    write_image(home / "two.tar", images, config)
    write_image(home / "one.tar", {"amd64": files()}, config)
    return Shell(home, home / "store")


def said(ended: Ended) -> tuple[int, str, str]:
    """Return all of what a command did."""
    return ended.status, ended.out, ended.err


def test_stdout_and_status_are_the_programs(shell: Shell) -> None:
    """The first time, the second time, with options and with --json."""
    runs = [
        shell.imagesmith("run", "one.tar", *options, "--", "words", "--user", "x")
        for options in ((), (), ("--user", "0"), ("--json",))
    ]

    assert [said(each) for each in runs] == [(0, "words\n--user\nx\n", "")] * 4
    assert shell.imagesmith("run", "one.tar", "exit", "9").status == 9


def test_the_machines_image_is_chosen_of_several(shell: Shell) -> None:
    """Others by name; a name that nothing has is told with those that it has."""
    here = shell.imagesmith("run", "two.tar", "--", "exit", "6")
    named = shell.imagesmith("run", "--arch", "amd64", "two.tar", "--", "exit", "7")
    absent = shell.imagesmith("run", "two.tar", "--arch", "riscv64")
    unknown = shell.imagesmith("run", "two.tar", "--arch", "vax")

    assert (here.status, named.status) == (6, 7)
    assert (absent.status, absent.hint) == (2, "name one with --arch")
    assert "two.tar: no image for linux/riscv64: it has linux/amd64, linux/s390x" in absent.err
    assert (unknown.status, "--arch: unknown architecture 'vax'" in unknown.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--env", "X"), "--env X: expected NAME=VALUE"),
        (("--env", "=x"), "--env =x: expected NAME=VALUE"),
        (("--volume", "/tmp"), "--volume /tmp: expected HOST:PATH or HOST:PATH:ro"),
        (("--volume", "/tmp:x"), "--volume /tmp:x: expected HOST:PATH or HOST:PATH:ro"),
        (("--volume", "/tmp:/x:z"), "--volume /tmp:/x:z: expected HOST:PATH or HOST:PATH:ro"),
        (("--volume", "/none:/x"), "--volume /none:/x: no such file or directory: /none"),
        (("--user", "me"), "me: no such name in the image's /etc/passwd"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    options: tuple[str, ...], message: str, shell: Shell
) -> None:
    """Before anything runs."""
    image = str(shell.directory / "one.tar")
    env = {"IMAGESMITH_STORE": str(shell.store)}
    ended = CliRunner().invoke(app, ["run", *options, image], env=env)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: {message}")


def test_statuses_are_passed_on_in_process(shell: Shell) -> None:
    """With every option there is."""
    image = str(shell.directory / "two.tar")
    env = {"IMAGESMITH_STORE": str(shell.store)}
    options = ("--env", "A=b", "--volume", f"{shell.directory}:/mnt", "--arch", "amd64")
    ended = CliRunner().invoke(app, ["run", *options, image, "--", "exit", "5"], env=env)
    absent = CliRunner().invoke(app, ["run", image, "--arch", "vax"], env=env)

    assert (ended.exit_code, absent.exit_code) == (5, 2)


def test_programs_that_are_not_there_have_a_shells_status(shell: Shell) -> None:
    """127 and 126."""
    absent = shell.imagesmith("run", "one.tar", "--entrypoint", "none")
    refused = shell.imagesmith("run", "one.tar", "--entrypoint", "/etc/passwd")

    assert (absent.status, absent.err.split(",")[0]) == (
        127,
        "error: none: no such program in the image",
    )
    assert said(refused) == (
        126,
        "",
        "error: /etc/passwd: is no executable file [program-refused]\n",
    )


def test_options_reach_the_program(shell: Shell, tmp_path: Path) -> None:
    """Environment, volumes, entrypoint, network."""
    (tmp_path / "file").write_text("lent\n")
    options = ("--env", "A=b", "--volume", f"{tmp_path}:/mnt:ro", "--network")
    shown = shell.imagesmith("run", *options, "one.tar", "--", "show", "/mnt/file")
    env = shell.imagesmith("run", *options, "one.tar", "--", "env")

    assert said(shown) == (0, "lent\n", "")
    assert "A=b\n" in env.out


def test_two_at_once_export_once(shell: Shell) -> None:
    """Both run."""
    other = shell.elsewhere(shell.directory, store=shell.directory / "other")
    ended: list[int] = []

    def run() -> None:
        ended.append(other.imagesmith("run", "one.tar", "--", "exit", "3").status)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ended == [3, 3, 3]
    assert len(list((other.store / "rootfs").iterdir())) == 1


def test_the_store_knows_what_is_exported(shell: Shell) -> None:
    """It is verified, and collected."""
    other = shell.elsewhere(shell.directory, store=shell.directory / "collected")
    other.imagesmith("run", "one.tar")
    sound = other.imagesmith("store", "verify")
    (entry,) = (other.store / "rootfs").iterdir()
    (entry / "root/etc/passwd").write_text("root::0:0:::\n")
    damaged = other.imagesmith("store", "verify")
    removed = other.imagesmith("store", "gc", "--unused-for", "0")

    assert (sound.status, damaged.status, removed.status) == (0, 1, 0)
    assert "differs: /etc/passwd" in damaged.out
    assert list((other.store / "rootfs").iterdir()) == []


def test_a_damaged_record_is_told(shell: Shell) -> None:
    """Nothing is guessed; removing it mends it."""
    other = shell.elsewhere(shell.directory, store=shell.directory / "damaged")
    other.imagesmith("run", "two.tar", "--user", "0")
    (entry,) = (other.store / "rootfs").iterdir()
    (entry / "image.json").write_text("{}")
    ended = other.imagesmith("run", "two.tar")

    assert ended.status == 2
    assert "is not as it was written" in ended.err
    assert ended.hint == "imagesmith store verify says what is wrong with it; remove it"


def test_what_does_not_start_again_is_explained(shell: Shell, tmp_path: Path) -> None:
    """In the words of the first time, on the short way too."""
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions.' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    shell.imagesmith("run", "one.tar")
    path = f"PATH={tmp_path}:{shell.environment['PATH']}"
    ended = shell.run("env", path, "imagesmith", "run", "one.tar")

    assert (ended.status, ended.out) == (2, "")
    assert f"error: {bwrap}: this host allows no sandbox: no permissions [host]" in ended.err
