"""Packages that may bring what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.elf import make_elf
from builders.tar import Files
from builders.world import LOADERS, World, binary, packages

from imagesmith.build import providers
from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest import manifest as manifests
from imagesmith.model.arch import parse
from imagesmith.model.tree import File
from imagesmith.store import Store

AMD64 = parse("amd64")
PROGRAM: Files = {
    "/usr/bin/tool": File.of(
        make_elf(interp=LOADERS["amd64"], needed=["libextra.so.2", "libgone.so.1", "libc.so.6"]),
        mode=0o755,
    )
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world whose archive has a tool that forgot to depend on a library."""
    world = World.built(tmp_path, "amd64")
    extra = binary("libextra2t64", "1", "amd64", {"/usr/lib/libextra.so.2": "not looked at"})
    tool = binary("tool", "1", "amd64", PROGRAM, depends="libc6")
    world.publish([*packages("amd64"), tool, extra])
    world.edit(world.recipe, '"hello", ', '"hello", "tool", ')
    return world


def test_lock_says_which_package_may_have_the_library(world: World) -> None:
    """Where the index has one; nothing is said of what no package is named after."""
    world.edit(world.recipe, '["/usr/bin/hello"]', '["/usr/bin/tool"]')
    said = world.run("lock", str(world.image), "--update")

    assert said.status == 9
    assert "libgone.so.1: not found, needed by /usr/bin/tool" in said.err
    assert said.err.splitlines()[-1] == (
        "hint: package libextra2t64 of the index may have libextra.so.2: "
        "add it to names under [[package]]"
    )


def test_lock_says_which_package_may_have_the_seed(world: World) -> None:
    """A program is often called as its package is."""
    world.edit(world.recipe, '"tool", ', "")
    world.edit(world.recipe, '["/usr/bin/hello"]', '["/usr/sbin/tool"]')
    said = world.run("lock", str(world.image), "--update")

    assert said.status == 2
    assert said.err.splitlines()[-1] == (
        "hint: package tool of the index may have /usr/sbin/tool: add it to names under [[package]]"
    )


def test_trace_says_it_in_the_hint(world: World) -> None:
    """In a manifest's packages."""
    world.ok("lock", str(world.image), "--update")
    said = world.run("trace", "/usr/bin/tool", "--manifest", str(world.image), "--json")

    assert said.status == 9
    assert [(each["name"], each["hint"]) for each in said.json["missing"]] == [
        ("libextra.so.2", "package libextra2t64 of the index may have it"),
        ("libgone.so.1", None),
    ]


def test_what_the_store_has_not_or_has_damaged_gives_no_hint(world: World) -> None:
    """Nothing is fetched for a hint, and no error takes the place of the one it is for."""
    world.ok("lock", str(world.image), "--update")
    manifest = manifests.parse(world.manifest.read_bytes(), document="m")
    missing = ["libextra.so.2", "libc.so.6"]
    store = Store.open(world.root / "store")
    found = providers.packages(missing, manifest, AMD64, store)
    digests = {used.digest.hex for _, e in manifest.sources for _, used in e.indices}
    for digest in digests:
        world.blob(digest).chmod(0o644)
        world.blob(digest).write_bytes(b"damaged")
    damaged = providers.packages(missing, manifest, AMD64, store)
    for digest in digests:
        world.blob(digest).unlink(missing_ok=True)
    gone = providers.packages(missing, manifest, AMD64, store)
    error = ClosureIncomplete(problems=("x",), missing=("libextra.so.2",))
    same = providers.advised(error, manifest, AMD64, store)

    assert found == {"libextra.so.2": ("libextra2t64",)}
    assert (damaged, gone, same) == ({}, {}, error)
