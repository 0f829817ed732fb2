"""`build --check` builds twice, and what must not matter and does is found and named."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders import planted
from builders.sandbox import bubblewrap, program
from builders.world import Said, World

from imagesmith.audit import contents, difference, layout
from imagesmith.audit.difference import Difference
from imagesmith.build import again
from imagesmith.manifest import mtree


def spoiled(root: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> World:
    """Return a world that was locked and signed by a program with bugs, which stay."""
    world = World.make(root / "world", "amd64")
    planted.plant(names, root / "site", monkeypatch)
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    return world


@pytest.fixture
def elsewhere() -> None:
    """Skip where not everything can be varied."""
    bubblewrap()
    program("faketime", "faketime")
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is one processor")


@pytest.mark.usefixtures("elsewhere")
def test_what_does_not_matter_is_varied_and_told(tmp_path: Path) -> None:
    """Every aspect, with both values; two architectures in one go."""
    world = World.built(tmp_path)
    said = world.build("--check", "--json", "-v")
    rows = {row["what"]: row for row in said.json["variations"]}

    assert (said.status, list(rows)) == (0, list(planted.BUGS))
    assert {row["what"] for row in rows.values() if row["here"] == row["there"]} == set()
    assert {row["obstacle"] for row in rows.values()} == {""}
    assert rows["umask"]["there"] == "0077" or rows["umask"]["here"] == "0077"
    assert "second build: user: 4242:4242, here " in said.err
    assert f"a second build, with {len(rows)} things varied, gave the same bytes\n" in said.err
    assert world.build("--json").json["variations"] == []


@pytest.mark.usefixtures("elsewhere")
def test_each_variation_finds_its_bugs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bug for each aspect, each in a file of its own: all these files differ."""
    found: set[str] = set()

    def first(one: memoryview, other: memoryview, *, name: str) -> Difference | None:
        ours, theirs = (entries(view) for view in (one, other))
        found.update(path for path in ours if ours[path] != theirs[path])
        return difference.first(one, other, name=name)

    world = spoiled(tmp_path, monkeypatch, *planted.BUGS)
    monkeypatch.setattr(again, "first", first)
    said = world.build("--check")

    assert said.status == 6
    assert found == {f"/planted/{name}".replace(" ", "\\040") for name in planted.BUGS}


def entries(view: memoryview) -> Mapping[str, str]:
    """Return the mtree of the one image of an archive."""
    (image,) = layout.examine(view, name="x").images
    return mtree.parse(mtree.to_bytes(contents.read(image).tree), document="x")


def test_the_owner_of_what_differs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package that has the file; nothing is written."""
    world = spoiled(tmp_path, monkeypatch, "in hello")
    said = world.build("--check")
    place, owner, varied, hint = said.err.splitlines()[-4:]

    assert (said.status, world.tar.exists()) == (6, False)
    assert place.startswith(f"error: {world.manifest}: second build: linux/amd64: blobs/sha256/")
    assert place.endswith(": layer 1: /usr/bin/hello: mode: expected 0755, got 0700")
    assert owner == "  /usr/bin/hello is of hello [seed]"
    assert varied.startswith("  varied: ")
    assert "umask (0022, 0077)" in varied
    assert varied.endswith(" [not-reproducible]")
    assert hint == f"hint: {again.HINT}"


@pytest.mark.usefixtures("elsewhere")
def test_a_generator_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bytes from which on the contents differ."""
    world = spoiled(tmp_path, monkeypatch, "in passwd")
    said = world.build("--check")
    place, owner = said.err.splitlines()[-4:-2]

    assert ": /etc/passwd: content: expected b'" in place
    assert re.search(r"got b'\d+' at byte 4\d$", place)
    assert owner == "  /etc/passwd is of [generated]"


def spoiling(root: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have programs that Python runs from now on, and they alone, start with some code."""
    root.mkdir()
    (root / "sitecustomize.py").write_text(code)
    monkeypatch.syspath_prepend(root)


def test_what_no_package_brings_is_named_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The config is of no layer and of no path."""
    world = World.built(tmp_path / "world", "amd64")
    code = "from imagesmith.build import results\nresults.CREATED_BY = 'somebody'\n"
    spoiling(tmp_path / "site", monkeypatch, code)
    place, varied, _ = world.build("--check").err.splitlines()[-3:]

    assert place.endswith(": history[0].created_by: expected 'imagesmith', got 'somebody'")
    assert varied.startswith("  varied: ")


FAILING = """\
from imagesmith import errors
from imagesmith.build import execute
def rootfs(*_):
    raise errors.{error}
execute.rootfs = rootfs
"""


def test_a_second_build_that_fails_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said last is told."""
    world = World.built(tmp_path / "world", "amd64")
    code = FAILING.format(error="ClosureIncomplete(problems=('x: not found',))")
    spoiling(tmp_path / "site", monkeypatch, code)
    said = world.build("--check")

    assert said.status == 6
    assert said.err.splitlines()[-2] == (
        f"error: {world.manifest}: second build: expected images, "
        "got closure incomplete: x: not found [closure] [not-reproducible]"
    )


def test_a_second_build_for_which_there_is_no_room_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the host that is to be mended."""
    world = World.built(tmp_path / "world", "amd64")
    code = FAILING.format(error="HostError(path='/tmp/x', problem='no space left on device')")
    spoiling(tmp_path / "site", monkeypatch, code)
    said = world.build("--check")

    assert said.status == 2
    assert said.err.splitlines()[-2:] == [
        "error: second build: /tmp/x: no space left on device [host]",
        f"hint: {again.ROOM}",
    ]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_second_build_leaves_nothing(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    """No process, no file, no archive."""
    world = World.built(tmp_path / "world", "amd64")
    scratch, output = tmp_path / "scratch", tmp_path / "image.tar"
    scratch.mkdir()
    config = str(world.root / "config.toml")
    words = ("build", str(world.image), "-o", str(output), "--check")
    with subprocess.Popen(
        (sys.executable, "-m", "imagesmith", *words),
        env={**os.environ, "IMAGESMITH_CONFIG": config, "TMPDIR": str(scratch)},
        stderr=subprocess.DEVNULL,
        preexec_fn=_listening,  # noqa: PLW1509 - pytest has one thread here
    ) as started:
        while not list(scratch.glob("*/store")):
            time.sleep(0.01)
        started.send_signal(number)
        assert started.wait(60) == status

    assert (list(scratch.iterdir()), output.exists()) == ([], False)


def _listening() -> None:
    """Ignore nothing: a shell's background jobs ignore SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def test_what_cannot_be_varied_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bubblewrap and faketime, user, host name, network and clock stay as they are."""
    monkeypatch.setenv("PATH", str(tmp_path))
    said = World.built(tmp_path / "world", "amd64").build("--check")

    assert said.status == 0
    assert (
        "; not varied: user (bwrap is not installed), host name (bwrap is not installed), "
        "network (bwrap is not installed), clock (faketime is not installed)"
    ) in said.err


def said_levels(said: Said) -> list[str]:
    """Return the levels of a build's images."""
    return [image["level"] for image in said.json["images"]]


def test_what_is_compressed_otherwise_is_built_so_twice(tmp_path: Path) -> None:
    """The second build follows the command line, not only the manifest."""
    world = World.built(tmp_path, "amd64")
    words = ("build", str(world.image), "-o", str(world.tar), "--check", "--compression", "none")
    said = world.run("-j", "1", *words, "--json")
    (jobs,) = (row for row in said.json["variations"] if row["what"] == "jobs")

    assert (said.status, said_levels(said)) == (0, ["equivalent"])
    assert (jobs["here"], jobs["there"]) == ("1", "16")


def test_one_architecture_is_built_twice_where_one_is_asked_for(tmp_path: Path) -> None:
    """In an archive that a docker can load."""
    world = World.built(tmp_path)
    said = world.build("--check", "--arch", "arm64", "--json")

    assert (said.status, said_levels(said)) == (0, ["identical"])
