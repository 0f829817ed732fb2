"""Real other versions of the encoders: equivalent, and identical once the advice is followed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders.world import World, packages

from imagesmith.compression import encoder

pytestmark = pytest.mark.e2e
TEXT = "".join(f"{number * 7919 % 10007:08}" for number in range(50_000))
"""libzstd 1.5.7 cuts this into other blocks than 1.5.6."""
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install")


def installed(folder: Path, requirement: str) -> Path:
    """Install one package into a folder of its own; skip where no registry has it."""
    command = [*PIP, "--no-deps", "--only-binary=:all:", "--target", str(folder), requirement]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip does not get {requirement}: {done.stderr.strip()[-200:]}")
    return folder


def imagesmith(world: World, *arguments: str, path: Path | None = None) -> str:
    """Run the command in a process of its own, other packages first; return what it tells."""
    settings: Mapping[str, str] = {
        **os.environ,
        "IMAGESMITH_CONFIG": str(world.root / "config.toml"),
        "PYTHONPATH": str(path or ""),
    }
    command = [sys.executable, "-m", "imagesmith", *arguments]
    done = subprocess.run(command, env=settings, check=True, capture_output=True, text=True)
    return done.stderr


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with a package whose bytes the encoders disagree about, not yet locked."""
    world = World.make(tmp_path / "world", "amd64")
    world.publish(packages("amd64", text=TEXT))
    return world


def locked(world: World, path: Path | None = None) -> World:
    """Lock and sign with the encoder that is found first in `path`."""
    imagesmith(world, "lock", str(world.image), path=path)
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    return world


def test_an_older_libzstd_is_equivalent_until_ours_is_there(world: World, tmp_path: Path) -> None:
    """Its build names our version and the command, which then gives the manifest's bytes."""
    older = installed(tmp_path / "older", "zstandard==0.23.0")
    build = ("build", str(locked(world).image), "-o", str(world.tar))
    said = imagesmith(world, *build, path=older)
    command = said.partition("to get them: pip install ")[2].splitlines()[0]

    assert "hello amd64: equivalent\n" in said
    assert f"of {encoder('zstd').implementation}, and libzstd 1.5.6 is at hand" in said
    assert command.startswith("zstandard==")
    advised = installed(tmp_path / "advised", command)
    again = imagesmith(world, "verify", str(world.image), "--rebuild", path=advised)
    assert "the manifest's bytes" not in again
    assert "hello amd64: identical\n" in imagesmith(world, *build, path=advised)


def test_a_manifest_of_an_older_libzstd_can_be_met(world: World, tmp_path: Path) -> None:
    """Years later, with what the advice installs, its very bytes are made again."""
    older = installed(tmp_path / "older", "zstandard==0.23.0")
    build = ("build", str(locked(world, older).image), "-o", str(world.tar))
    said = imagesmith(world, *build)

    assert "hello amd64: equivalent\n" in said
    assert said.partition("to get them: pip install ")[2].startswith("zstandard==0.23.0\n")
    assert "hello amd64: identical\n" in imagesmith(world, *build, path=older)


def test_another_deflate_with_the_same_bytes_is_identical(world: World, tmp_path: Path) -> None:
    """The level is that of the bytes, not of the name: these releases carry one libdeflate."""
    older = installed(tmp_path / "older", "deflate==0.8.0")
    world.edit(world.recipe, "[image]\n", '[image]\ncompression = "gzip"\n')
    build = ("build", str(locked(world).image), "-o", str(world.tar))

    assert "hello amd64: identical\n" in imagesmith(world, *build, path=older)
