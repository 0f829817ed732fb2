"""Another encoder gives an equivalent image, and whoever wants the identical one learns how."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.world import Said, World

from imagesmith.compression import encoder
from imagesmith.manifest import manifest as manifests

HERE = encoder("zstd").implementation


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed, for one architecture."""
    return World.built(tmp_path, "amd64")


def elsewhere(world: World, implementation: str) -> World:
    """Let the manifest be one that was locked with another encoder, signed again.

    Its config and diff-ids stay; its image has other compressed bytes.
    """
    manifest = manifests.parse(world.manifest.read_bytes(), document="m")
    ((_, expected),) = manifest.expect
    world.edit(world.manifest, f'encoder = "{HERE}"', f'encoder = "{implementation}"')
    world.edit(world.manifest, str(expected.image), f"sha256:{'0' * 64}")
    (world.image / "manifest.toml.asc").unlink()
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    return world


def rebuilt(world: World) -> Said:
    """Hold the manifest against a rebuild."""
    return world.ok("verify", str(world.image), "--rebuild")


@pytest.mark.parametrize(
    ("implementation", "remedy"),
    [
        ("libzstd 1.5.6", "pip install zstandard==0.23.0"),
        ("deflate 0.8.0", "pip install deflate==0.8.0"),
        ("libzstd 9.0.0", "install a release of zstandard that carries libzstd 9.0.0"),
    ],
)
def test_build_says_whose_bytes_are_expected(
    world: World, implementation: str, remedy: str
) -> None:
    """The encoder wanted, the one at hand, and the command that gets the first."""
    said = elsewhere(world, implementation).build()

    assert said.status == 0
    assert (
        "hello amd64: equivalent\n"
        f"  the manifest's bytes are those of {implementation}, and {HERE} is at hand;"
        f" to get them: {remedy}\n"
    ) in said.err


def test_verify_says_it_too(world: World) -> None:
    """Of an image, and of a rebuild; once."""
    world.build()
    elsewhere(world, "libzstd 1.5.6")
    advice = "the manifest's bytes are those of libzstd 1.5.6, and"
    options = ("--manifest", str(world.image), "--rebuild")

    assert rebuilt(world).err.count(advice) == 1
    assert rebuilt(world).out.startswith("amd64: equivalent\n")
    assert world.ok("verify", str(world.tar), *options).err.count(advice) == 1


def test_an_image_of_other_bytes_can_be_built_again(world: World) -> None:
    """Where the right encoder is at hand nothing has to be installed."""
    world.ok("build", str(world.image), "-o", str(world.tar), "--compression", "gzip")
    said = world.ok("verify", str(world.tar), "--manifest", str(world.image))

    assert f"are those of {HERE}, which is at hand: build the image again" in said.err


def test_nothing_is_said_of_identical_images(world: World) -> None:
    """Nor of a compression that was asked for."""
    assert "the manifest's bytes" not in world.build().err
    assert "the manifest's bytes" not in world.build("--compression", "gzip").err
