"""Declared files, from a recipe to an image."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.world import World

DECLARED = """
[[rootfs.file]]
path = "/usr/bin/greet"
from = "greet.sh"
mode = 0o755

[[rootfs.file]]
path = "/etc/hello.conf"
text = "greeting=moin\\n"
replace = true

[[rootfs.directory]]
path = "/var/lib/hello"
user = "app"
group = "app"
mode = 0o700

[[rootfs.symlink]]
path = "/hello"
target = "usr/bin/hello"
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Declare entries of every kind; a script beside the recipe is a seed."""
    world = World.built(tmp_path, "amd64")
    (world.image / "greet.sh").write_text("#!/usr/bin/hello\n")
    world.edit(world.recipe, "\n[image]", f"{DECLARED}\n[image]")
    world.edit(world.recipe, '["/usr/bin/hello"]\n\n', '["/usr/bin/greet"]\n\n')
    return world


def test_declared_entries_are_in_the_image_with_a_reason(world: World) -> None:
    """A declared script is followed to its interpreter, as any seed."""
    world.ok("lock", str(world.image))
    listing = (world.image / "amd64.mtree").read_text()
    manifest = world.manifest.read_text()

    assert "./usr/bin/greet" in listing
    assert "./var/lib/hello type=dir mode=0700 uid=65532 gid=65532" in listing
    assert "./hello type=link" in listing
    assert 'text = """\n#!/usr/bin/hello\n"""\n' in manifest
    assert "from = " not in manifest
    said = world.ok("why", str(world.image), "/usr/lib/x86_64-linux-gnu/libgreet.so.1.0")
    assert said.out.splitlines()[0] == "/usr/bin/greet [seed]"
    assert world.ok("why", str(world.image), "/var/lib/hello").out == "/var/lib/hello [declared]\n"


def test_a_manifest_is_stale_once_a_file_beside_the_recipe_changes(world: World) -> None:
    """Though the recipe's own bytes are the same."""
    world.ok("lock", str(world.image))
    assert world.run("lock", str(world.image), "--check").status == 0
    (world.image / "greet.sh").write_text("#!/usr/bin/hello -v\n")
    said = world.run("lock", str(world.image), "--check")

    assert said.status == 1
    assert said.out == f"{world.manifest}: rootfs is not the recipe's\n"


def test_a_build_needs_no_file_beside_the_manifest(world: World) -> None:
    """The manifest is the only thing it reads."""
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    (world.image / "greet.sh").unlink()

    assert world.run("build", str(world.image), "-o", str(world.root / "x.tar")).status == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("greet.sh", "none.sh", "none.sh: no such file or directory"),
        ("\nreplace = true", "", "recipe.toml: rootfs: /etc/hello.conf: hello and the recipe con"),
        ('"/var/lib/hello"', '"/etc/passwd"', "recipe.toml: rootfs: /etc/passwd: "),
    ],
)
def test_what_cannot_be_declared_is_said(world: World, old: str, new: str, message: str) -> None:
    """With the document, and exit status 2."""
    world.edit(world.recipe, old, new)
    said = world.run("lock", str(world.image))

    assert (said.status, said.out) == (2, "")
    assert message in said.err
