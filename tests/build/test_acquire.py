"""Packages are decompressed and read once in the life of a store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked, signed and indexed."""
    return World.built(tmp_path, "amd64")


def build_without_pyelftools(world: World, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build in a process that cannot import pyelftools."""
    broken = folder / "broken" / "elftools"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise ImportError("not this time")\n')
    settings = {"IMAGESMITH_CONFIG": str(world.root / "config.toml"), "HOME": str(world.root)}
    command = [sys.executable, "-m", "imagesmith", "build", str(world.image), "-o", str(world.tar)]
    return subprocess.run(
        command,
        env={**os.environ, **settings, "PYTHONPATH": str(broken.parent)},
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_second_build_reads_no_elf_file_anew(world: World, tmp_path: Path) -> None:
    """Facts are kept under the package's digest: without the result, pyelftools is not needed."""
    shutil.rmtree(world.root / "store" / "derived" / "result")
    ended = build_without_pyelftools(world, tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert world.tar.exists()


def test_a_first_build_reads_them(world: World, tmp_path: Path) -> None:
    """Without the indices the same process fails: the test above shows something."""
    shutil.rmtree(world.root / "store" / "derived")
    ended = build_without_pyelftools(world, tmp_path)

    assert ended.returncode != 0
    assert "not this time" in ended.stderr
