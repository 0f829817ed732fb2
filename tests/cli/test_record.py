"""`imagesmith record`: from a run in all packages to paths in the image."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders.explorer import explorer
from builders.sandbox import bubblewrap, program
from builders.tar import Files
from builders.world import ARCHIVE_KEY, World, binary, packages

from imagesmith.manifest import record as records
from imagesmith.model.tree import File, Symlink

RECIPE = """\
name = "explore"
architectures = ["amd64"]

[source.debian]
kind = "debian"
suite = "bookworm"
components = ["main"]
signed-by = ["{key}"]

[[package]]
source = "debian"
names = ["explorer", "hello", "base-files"]

[trace]
seeds = ["/usr/bin/explore"]

[rootfs]
users = [{{ name = "app", uid = 65532 }}]

[image]
user = "app"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a locked image of a program that touches what it is told to."""
    program("strace", "strace")
    bubblewrap()
    world = World.make(tmp_path_factory.mktemp("record"), "amd64")
    explore = File.of(explorer().read_bytes(), mode=0o755)
    files: Files = {
        "/usr/bin/explore": explore,
        "/usr/lib/explore/second": explore,
        "/usr/lib/explore/script": File.of(b"#!/usr/lib/explore/second stat\n", mode=0o755),
        "/usr/lib/explore/latest": Symlink(target="second"),
        "/usr/share/explore/a": "a",
        "/usr/share/explore/b": "b",
        "/usr/share/explore/odd\nname": "a name that no document can hold",
        "/usr/share/explore/more/c": "c",
        "/usr/share/doc/explorer/copyright": "GPL\n",
    }
    explorer_package = binary("explorer", "1", "amd64", files, depends="libc6")
    world.publish([*packages("amd64"), explorer_package])
    world.recipe.write_text(RECIPE.format(key=ARCHIVE_KEY.fingerprint))
    world.ok("lock", str(world.image))
    return world


@pytest.fixture
def world(template: World) -> World:
    """Return that image without a record, as it was locked first."""
    for path in template.image.iterdir():
        if path != template.recipe:
            path.unlink()
    template.ok("lock", str(template.image))
    return template


def record(world: World, *arguments: str) -> records.Record:
    """Record a run and return what was written."""
    world.ok("record", str(world.image), *arguments)
    return written(world)


def written(world: World) -> records.Record:
    """Return the record."""
    path = world.image / "record.amd64.toml"
    return records.parse(path.read_bytes(), document=path.name)


def test_what_a_run_used_is_in_the_next_image(world: World) -> None:
    """Files, the directory it listed, the link and the program it led to; nothing else."""
    said = world.ok(
        "record",
        str(world.image),
        "--",
        *("open", "/usr/share/explore/a", "stat", "/usr/share/explore/b"),
        *("list", "/usr/share/explore/more", "open", "/usr/bin/hello", "stat", "/none"),
        *("exec", "/usr/lib/explore/latest", "open", "/etc/passwd"),
    )

    assert written(world).uses == {
        "/usr/bin/hello": "opened",
        "/usr/lib/explore/latest": "links",
        "/usr/lib/explore/second": "executed",
        "/usr/share/explore/a": "opened",
        "/usr/share/explore/b": "looked-at",
        "/usr/share/explore/more": "listed",
    }
    assert said.out == f"{world.image}/record.amd64.toml\n"
    assert "explorer:\n  /usr/lib/explore/latest (link)\n" in said.err
    assert "6 paths recorded, 2 used that the image has anyway\n" in said.err
    assert world.run("lock", "--check", str(world.image)).status == 1

    world.ok("lock", str(world.image))
    listing = (world.image / "amd64.mtree").read_text()

    assert world.run("lock", "--check", str(world.image)).status == 0
    assert "./usr/share/explore/more type=dir" in listing
    assert "explore/more/c" not in listing
    assert "./usr/lib/x86_64-linux-gnu/libgreet.so.1.0 type=file" in listing
    why = world.ok("why", str(world.image), "/usr/lib/x86_64-linux-gnu/libgreet.so.1.0").out
    assert why.splitlines()[0] == "/usr/bin/hello (hello) [recorded]"


def test_a_second_recording_is_the_same_file(world: World) -> None:
    """Though the manifest has the paths by now; no time and no number of a process is in it."""
    words = ("--", "fork", "open", "/usr/share/explore/a", "thread", "list", "/usr/share/explore")
    record(world, *words)
    before = (world.image / "record.amd64.toml").read_bytes()
    world.ok("lock", str(world.image))
    said = world.ok("record", str(world.image), "--twice", *words)

    assert (world.image / "record.amd64.toml").read_bytes() == before
    assert "warning" not in said.err


def test_what_differs_from_the_record_is_told(world: World) -> None:
    """Of the same commands; with others there is nothing to compare."""
    words = ("--", "open", "/usr/share/explore/a")
    record(world, *words)
    path = world.image / "record.amd64.toml"
    path.write_text(path.read_text().replace("explore/a", "explore/b"))
    path.write_text(
        path.read_text().replace('"open", "/usr/share/explore/b"', '"open", "/usr/share/explore/a"')
    )
    said = world.ok("record", str(world.image), *words)
    other = world.ok("record", str(world.image), "--", "stat", "/none")

    assert "warning: /usr/share/explore/a: was not used before\n" in said.err
    assert "warning: /usr/share/explore/b: was used before, and not now\n" in said.err
    assert "warning" not in other.err


def test_what_only_one_of_two_runs_used_is_told(world: World, tmp_path: Path) -> None:
    """And recorded: too much is seen in a review, too little is not."""
    (tmp_path / "a").symlink_to("/usr/share/explore/a")
    words = ("open", "/srv/lent/a", "unlink", "/srv/lent/a")
    volume = ("--volume", f"{tmp_path}:/srv/lent")
    said = world.ok("record", str(world.image), "--twice", *volume, "--", *words)

    assert "warning: /usr/share/explore/a: only one of the runs used it\n" in said.err
    assert written(world).uses == {"/usr/share/explore/a": "opened"}


def test_runs_are_added_up(world: World) -> None:
    """With every command that was run; by default a record is written anew."""
    first = ("stat", "/usr/share/explore/a")
    record(world, "--", *first)
    both = record(
        world,
        "--append",
        "--env",
        "TOKEN=secret",
        "--network",
        "--",
        "open",
        "/usr/share/explore/a",
    )

    assert both.uses == {"/usr/share/explore/a": "opened"}
    assert [command.command[1] for command in both.commands] == ["stat", "open"]
    assert (both.commands[1].env, both.commands[1].network) == (("TOKEN",), True)
    assert "secret" not in (world.image / "record.amd64.toml").read_text()
    assert len(record(world, "--", *first).commands) == 1


def test_what_the_run_made_and_what_was_lent_are_no_files_of_the_packages(world: World) -> None:
    """Nor are the kernel's."""
    (world.root / "secret").write_text("secret")
    lent = f"{world.root}/secret:/usr/share/explore/a:ro"
    found = record(
        world,
        *("--volume", lent, "--", "open", "/usr/share/explore/a", "write", "/tmp/x"),
        *("open", "/tmp/x", "open", "/proc/self/status", "open", "/dev/null"),
    )

    assert found.uses == {}


def test_a_script_brings_its_interpreter(world: World) -> None:
    """The kernel opens it without a call."""
    found = record(world, "--", "exec", "/usr/lib/explore/script")

    assert found.uses == {
        "/usr/lib/explore/script": "executed",
        "/usr/lib/explore/second": "executed",
    }


def test_a_failure_is_recorded_until_it_happened(world: World) -> None:
    """With a warning; what a program prints goes to stderr."""
    said = world.ok("--json", "record", str(world.image), "--", "open", "/usr/share/explore/a", "x")

    assert "warning: the program ended with status 99; what it used until then" in said.err
    assert json.loads(said.out) == {
        "record": f"{world.image}/record.amd64.toml",
        "arch": "amd64",
        "statuses": [99],
        "paths": {
            "executed": [],
            "opened": ["/usr/share/explore/a"],
            "listed": [],
            "looked-at": [],
            "links": [],
        },
        "already": 1,
        "unstable": [],
        "packages": {"/usr/share/explore/a": ["explorer"]},
    }


def test_a_name_that_no_record_can_hold_is_told(world: World) -> None:
    """An include would have to name it by a pattern."""
    name = "/usr/share/explore/odd\nname"
    said = world.ok("record", str(world.image), "--", "open", name)

    assert written(world).uses == {}
    assert "warning: /usr/share/explore/odd" in said.err
    assert "left out, a record cannot hold its name" in said.err


def test_the_images_own_program_and_arguments_are_run(world: World) -> None:
    """As `run` does it; the first seed only stands in where the image names none."""
    recipe = world.recipe.read_text()
    image = 'entrypoint = ["/usr/bin/explore", "stat"]\ncmd = ["/usr/share/explore/a"]\n'
    world.edit(world.recipe, "[image]\n", f"[image]\n{image}")
    world.ok("lock", str(world.image))
    own = record(world)
    other = record(world, "--", "/usr/share/explore/b")
    world.recipe.write_text(recipe)

    assert own.commands[0].command == ("/usr/bin/explore", "stat", "/usr/share/explore/a")
    assert own.uses == {"/usr/share/explore/a": "looked-at"}
    assert other.commands[0].command == ("/usr/bin/explore", "stat", "/usr/share/explore/b")
    assert other.uses == {"/usr/share/explore/b": "looked-at"}


def strace_that(folder: Path, does: str) -> dict[str, str]:
    """Return an environment in which strace does something else as well."""
    script = folder / "strace"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_log_that_is_not_understood_gives_no_record(world: World, tmp_path: Path) -> None:
    """A list that may lack something is worse than none."""
    real = program("strace", "strace")
    rest = "while test x$1 != x-o; do shift; done; echo what is this >> $2; exit $status"
    env = strace_that(tmp_path, f'{real} "$@"; status=$?; {rest}')
    said = world.run("record", str(world.image), "--", "stat", "/none", env=env)

    assert said.status == 2
    assert "error: strace: wrote what is not understood: what is this [host]" in said.err
    assert not (world.image / "record.amd64.toml").exists()


def test_a_host_that_allows_no_tracing_is_explained(world: World, tmp_path: Path) -> None:
    """It is not the sandbox's fault, nor the program's."""
    env = strace_that(tmp_path, "echo 'strace: ptrace: Operation not permitted' >&2; exit 1")
    said = world.run("record", str(world.image), "--", "stat", "/none", env=env)

    assert said.status == 2
    assert "strace: this host allows no tracing: ptrace: Operation not permitted" in said.err


def test_an_architecture_without_a_record_is_told(tmp_path: Path) -> None:
    """What was recorded on another does not enter its image."""
    world = World.built(tmp_path)
    (world.image / "record.amd64.toml").write_text(
        'record = 1\narch = "amd64"\n[paths]\nopened = ["/etc/hello.conf"]\n'
    )
    said = world.ok("lock", str(world.image))

    assert "warning: arm64 has no record, as amd64 has: imagesmith record" in said.err
    assert "hello.conf" in (world.image / "amd64.mtree").read_text()
    assert "hello.conf" not in (world.image / "arm64.mtree").read_text()


def test_a_recipe_that_has_changed_is_told(world: World) -> None:
    """The packages are those of the manifest."""
    recipe = world.recipe.read_text()
    world.recipe.write_text(recipe + "# new\n")
    said = world.ok("record", str(world.image), "--", "stat", "/none")
    world.recipe.write_text(recipe)

    assert "recipe.toml has changed since" in said.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--arch", "s390x"), 2, "--arch s390x: explore is not locked for it"),
        (("--entrypoint", "/none"), 127, "/none: no such program in the image"),
        (("--env", "x"), 2, "--env x: expected NAME=VALUE"),
        (("--user", "nobody"), 2, "nobody: no such name in the image's /etc/passwd"),
    ],
)
def test_mistakes_leave_no_record(
    arguments: tuple[str, ...], status: int, message: str, world: World
) -> None:
    """They are told before anything runs."""
    said = world.run("record", str(world.image), *arguments)

    assert (said.status, said.out) == (status, "")
    assert message in said.err
    assert not (world.image / "record.amd64.toml").exists()


def test_a_host_without_strace_is_told_what_to_do(world: World, tmp_path: Path) -> None:
    """The hint names the package."""
    (tmp_path / "bwrap").symlink_to(program("bwrap", "bubblewrap"))
    said = world.run("record", str(world.image), env={"PATH": str(tmp_path)})

    assert said.err == ("error: strace: is not installed [host]\nhint: apt-get install strace\n")
    assert said.status == 2


def test_a_record_is_believed_only_if_it_fits(world: World) -> None:
    """Every mistake names the record."""
    path = world.image / "record.amd64.toml"
    record(world, "--", "open", "/usr/share/explore/a")
    text = path.read_text()
    path.write_text(text.replace("explore/a", "explore/gone"))
    gone = world.run("lock", str(world.image))
    path.write_text(text.replace('"amd64"', '"arm64"'))
    other = world.run("lock", str(world.image))
    path.unlink()
    foreign = world.image / "record.s390x.toml"
    foreign.write_text(text.replace('"amd64"', '"s390x"'))
    unwanted = world.run("lock", str(world.image))
    foreign.unlink()

    assert (gone.status, other.status, unwanted.status) == (2, 2, 2)
    assert gone.err.startswith(
        f"error: {path}: paths: /usr/share/explore/gone: no such path in the packages [document]\n"
        "hint: the packages have changed: record again"
    )
    assert f"{path}: arch: expected 'amd64', got 'arm64'" in other.err
    assert f"{foreign}: the recipe is not for s390x: it is for amd64" in unwanted.err


def test_an_exclude_is_stronger_than_a_record(world: World) -> None:
    """As it is than an include."""
    recipe = world.recipe.read_text()
    record(world, "--", "open", "/usr/share/explore/a", "open", "/usr/share/explore/b")
    world.edit(world.recipe, "[rootfs]", 'exclude = ["/usr/share/explore/a"]\n\n[rootfs]')
    world.ok("lock", str(world.image))
    listing = (world.image / "amd64.mtree").read_text()
    world.recipe.write_text(recipe)

    assert "explore/b" in listing
    assert "explore/a" not in listing


def test_the_packages_are_written_out_once(world: World) -> None:
    """Under what they hold, as an image's root is; the store verifies and cleans them alike."""
    record(world, "--", "stat", "/none")
    before = {path.name: path.stat().st_ino for path in (world.root / "store/rootfs").iterdir()}
    record(world, "--", "stat", "/usr/share/explore/a")
    after = {path.name: path.stat().st_ino for path in (world.root / "store/rootfs").iterdir()}

    assert before == after
    assert world.ok("store", "verify").out == ""


def test_an_interrupt_ends_the_program_and_not_the_record(world: World) -> None:
    """^C is how a server is told to end; nothing goes on."""
    started = recording(world, "open", "/usr/share/explore/a", "fork", "sleep")
    _await_explorer(started.pid)
    started.send_signal(signal.SIGINT)
    _, told = started.communicate()

    assert (started.returncode, b"ended with status 130" in told) == (0, True)
    assert written(world).uses == {"/usr/share/explore/a": "opened"}
    assert _descendants(started.pid) == []


def test_nothing_goes_on_when_nobody_can_end_it(world: World) -> None:
    """The kernel ends strace with imagesmith, and the sandbox with strace."""
    program("setpriv", "util-linux")
    started = recording(world, "fork", "sleep")
    _await_explorer(started.pid)
    pids = [pid for pid, name in _descendants(started.pid) if name == "explore"]
    started.kill()
    started.communicate()
    while any(Path(f"/proc/{pid}/root").exists() for pid in pids):
        time.sleep(0.01)

    assert not (world.image / "record.amd64.toml").exists()


def recording(world: World, *words: str) -> subprocess.Popen[bytes]:
    """Start recording, in a process of its own."""
    env = {**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")}
    return subprocess.Popen(
        (sys.executable, "-m", "imagesmith", "record", str(world.image), "--", *words),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _await_explorer(above: int) -> None:
    """Wait until the program has forked and both of its processes sleep."""
    while len([name for _, name in _descendants(above) if name == "explore"]) < 2:
        time.sleep(0.01)


def _descendants(above: int) -> list[tuple[str, str]]:
    """Return numbers and names of the processes that a process started."""
    listed = subprocess.run(
        ("ps", "-o", "pid=,ppid=,comm=", "-A"), capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    found: list[tuple[str, str]] = []
    pending = [str(above)]
    while pending:
        parent = pending.pop()
        for pid, ppid, name in rows:
            if ppid == parent:
                found.append((pid, name))
                pending.append(pid)
    return found
