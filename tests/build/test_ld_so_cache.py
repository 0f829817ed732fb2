"""A library that only ld.so.conf leads to, from the recipe to the running program."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import loaders
from builders.archive import Binary
from builders.elf import GLIBC_INTERP
from builders.sandbox import extract
from builders.tar import Files
from builders.toolchain import library, link, program
from builders.world import World, base_files, binary, certificates

from imagesmith.model.tree import File, Symlink

CACHE, LIBRARY = "/etc/ld.so.cache", "/opt/greet/lib/libgreet.so.1"


def packages(*, linked: bool) -> list[Binary]:
    """Return packages with the host's loader; the library's own link is shipped or not."""
    interp = loaders.host_loader(GLIBC_INTERP)
    greet: Files = {
        f"{LIBRARY}.0": File.of(link(library(soname="libgreet.so.1")), mode=0o755),
        "/etc/ld.so.conf.d/greet.conf": "/opt/greet/lib\n",
        "/usr/share/doc/libgreet1/copyright": "GPL\n",
    }
    if linked:
        greet = {**greet, LIBRARY: Symlink(target="libgreet.so.1.0")}
    hello: Files = {
        "/usr/bin/hello": File.of(link(program("libgreet.so.1")), mode=0o755),
        "/usr/share/doc/hello/copyright": "GPL\n",
    }
    libc: Files = {
        GLIBC_INTERP: File.of(interp, mode=0o755),
        "/usr/share/doc/libc6/copyright": "LGPL\n",
    }
    return [
        base_files(),
        certificates(),
        binary("libc6", "2.36-9", "amd64", libc),
        binary("libgreet1", "1.0-1", "amd64", greet, depends="libc6"),
        binary("hello", "1.0-1", "amd64", hello, depends="libgreet1, libc6"),
    ]


def world(root: Path, *, linked: bool, policy: str = "auto") -> World:
    """Return a world in which hello needs a library of /opt."""
    made = World.make(root, "amd64")
    made.publish(packages(linked=linked))
    made.edit(made.recipe, "[rootfs]\n", f'[rootfs]\nld-so-cache = "{policy}"\n')
    return made


@pytest.mark.parametrize("linked", [True, False])
def test_the_program_starts_in_the_image(tmp_path: Path, *, linked: bool) -> None:
    """The image has a cache, and the link that ldconfig would have made; its loader uses both."""
    made = world(tmp_path, linked=linked)
    made.ok("lock", str(made.image))
    made.ok("sign", str(made.image), "--key", str(made.root / "signer.asc"))
    said = made.build("--compression", "gzip")
    assert said.status == 0, said.err
    root = extract(made.tar, tmp_path / "rootfs")
    listing = loaders.glibc(root, "/usr/bin/hello")
    mtree = (made.image / "amd64.mtree").read_text()

    assert listing == loaders.Listing((LIBRARY,), (), "")
    assert f".{CACHE} type=file" in mtree
    assert "ld.so.conf" not in mtree
    for path in (f"{LIBRARY}.0", LIBRARY, CACHE):
        chain = made.ok("why", str(made.image), path, "--json").json["chain"]
        assert chain[0]["path"] == "/usr/bin/hello"


def test_trace_sees_what_build_sees(tmp_path: Path) -> None:
    """`trace --manifest` finds the library by the same rule."""
    made = world(tmp_path, linked=False)
    made.ok("lock", str(made.image))
    traced = made.ok("trace", "/usr/bin/hello", "--manifest", str(made.image), "--json").json

    assert [(each["path"], each["rule"]) for each in traced["objects"][1:]] == [
        (LIBRARY, "cache"),
        (GLIBC_INTERP, "interp"),
    ]


def test_never_leaves_the_closure_incomplete(tmp_path: Path) -> None:
    """Without a cache ld.so.conf does not count."""
    made = world(tmp_path, linked=True, policy="never")
    said = made.run("lock", str(made.image))

    assert said.status == 9
    assert "libgreet.so.1" in said.err


def test_always_makes_a_cache_of_everything(tmp_path: Path) -> None:
    """Also where the loader could do without."""
    made = World.make(tmp_path, "amd64")
    made.edit(made.recipe, "[rootfs]\n", '[rootfs]\nld-so-cache = "always"\n')
    made.ok("lock", str(made.image))
    mtree = (made.image / "amd64.mtree").read_text()

    assert f".{CACHE} type=file" in mtree
    assert 'ld-so-cache = "always"' in made.manifest.read_text()


def test_always_says_where_nothing_would_read_it(tmp_path: Path) -> None:
    """A program without a loader needs no cache."""
    made = World.make(tmp_path, "amd64")
    alone: Files = {"/usr/bin/hello": File.of(b"#!/bin/none", mode=0o644)}
    offered = [base_files(), certificates(), binary("hello", "1.0-1", "amd64", alone)]
    made.publish(offered)
    made.edit(made.recipe, "[rootfs]\n", '[rootfs]\nld-so-cache = "always"\n')
    made.edit(made.recipe, 'seeds = ["/usr/bin/hello"]', 'include = ["/usr/bin/hello"]')
    said = made.ok("lock", str(made.image))

    assert f"{CACHE}: not made, for no package has glibc's loader for amd64" in said.err
    assert CACHE not in (made.image / "amd64.mtree").read_text()
