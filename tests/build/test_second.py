"""The second build reads a manifest and a mirror, and leaves an archive."""

from __future__ import annotations

import json
import locale
import os
from pathlib import Path

import pytest
from builders.world import World

from imagesmith.build import second
from imagesmith.build.second import Asked
from imagesmith.sandbox.elsewhere import backwards


@pytest.fixture
def itself(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Undo what a process of its own may do to itself; return the processors it chooses."""
    chosen: set[int] = set()
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, getattr(os, name))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, found: chosen.update(found))
    monkeypatch.setattr(locale, "setlocale", lambda *_: "C")
    return chosen


def asked(world: World, directory: Path, jobs: int = 1) -> Path:
    """Lay out what a second build is given."""
    (directory / second.MIRROR).mkdir(parents=True)
    (directory / second.MIRROR / "bookworm").symlink_to(world.root / "mirror")
    (directory / second.MANIFEST).write_bytes(world.manifest.read_bytes())
    wanted = Asked(architectures=("amd64",), compression=None, jobs=jobs)
    (directory / second.ASKED).write_text(json.dumps(wanted.to_json()))
    return directory


def test_it_builds_what_is_asked(
    itself: set[int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same archive as `build`, and what it saw, on stdout."""
    world = World.built(tmp_path / "world", "amd64")
    status = second.main(asked(world, tmp_path / "second", jobs=3))
    saw = json.loads(capfd.readouterr().out)
    world.build()

    assert (status, len(itself)) == (0, 1)
    assert (saw["jobs"], saw["store"]) == ("3", "empty")
    assert saw["order of directories"] == backwards.BACKWARDS
    assert (tmp_path / "second" / second.IMAGE).read_bytes() == world.tar.read_bytes()


@pytest.mark.usefixtures("itself")
def test_what_went_wrong_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With the code of the error, and its status."""
    directory = asked(World.built(tmp_path / "world", "amd64"), tmp_path / "second")
    (directory / second.MIRROR / "bookworm").unlink()
    status = second.main(directory)
    said = capfd.readouterr().err

    assert status == 7
    assert said.endswith(": not found [network]")
