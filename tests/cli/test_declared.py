"""Declared files, from a recipe to an image."""

from __future__ import annotations

import os
from collections.abc import Callable
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
        ('"/var/lib/hello"', '"/tmp"', "rootfs: /tmp: the recipe and generated conflict: dir 0700"),
        (
            "mode = 0o755\n",
            'mode = 0o755\narchitectures = ["amd64", "arm64"]\n',
            "rootfs: /usr/bin/greet is for arm64, not one of the architectures",
        ),
    ],
)
def test_what_cannot_be_declared_is_said(world: World, old: str, new: str, message: str) -> None:
    """With the document, and exit status 2."""
    world.edit(world.recipe, old, new)
    said = world.run("lock", str(world.image))

    assert (said.status, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.symlink_to("/proc/self/environ"), "leads out of "),
        (lambda path: path.symlink_to("../../config.toml"), "leads out of "),
        (lambda path: path.symlink_to(path), "too many "),
        (os.mkfifo, "is no regular file"),
        (os.mkdir, "is no regular file"),
    ],
)
def test_only_a_file_beside_the_recipe_is_read(
    world: World, make: Callable[[Path], None], problem: str
) -> None:
    """Nothing else of the host gets into an image, be it empty."""
    file = world.image / "greet.sh"
    file.unlink()
    make(file)
    said = world.run("lock", str(world.image))

    assert said.status == 2
    assert said.err.startswith(f"error: {file}: {problem}")


def test_a_link_to_another_file_beside_the_recipe_is_followed(world: World) -> None:
    """It does not lead out."""
    (world.image / "greet.sh").rename(world.image / "real.sh")
    (world.image / "greet.sh").symlink_to("real.sh")

    assert world.run("lock", str(world.image)).status == 0


def test_a_declared_cache_ships_as_it_is(world: World) -> None:
    """None is made in its place."""
    world.edit(world.recipe, "/etc/hello.conf", "/etc/ld.so.cache")
    world.edit(world.recipe, "\nreplace = true", "")
    world.ok("lock", str(world.image))

    assert "./etc/ld.so.cache type=file mode=0644 uid=0 gid=0 size=14 " in (
        (world.image / "amd64.mtree").read_text()
    )


def test_what_is_declared_is_not_excluded(world: World) -> None:
    """One or the other is a mistake; what leaves it alone is none."""
    world.edit(world.recipe, "[trace]\n", '[trace]\nexclude = ["/var/lib/*"]\n')
    said = world.run("lock", str(world.image))

    assert said.status == 9
    assert "/var/lib/hello: excluded by /var/lib/*, but [rootfs] puts it there" in said.err
