"""A world whose packages hold programs that really run, for checks to run them."""

from __future__ import annotations

import json
from pathlib import Path

from builders.archive import Binary
from builders.probe import probe
from builders.sandbox import bubblewrap
from builders.tar import Files
from builders.world import World, base_files, binary, certificates

from imagesmith.model.arch import parse
from imagesmith.model.tree import Directory, File, Symlink

PROGRAM = "/usr/bin/hello"
GREETING = "/usr/share/hello/greeting"


def packages(*arches: str) -> list[Binary]:
    """Return a program with a file that nothing names, and a client in a package of its own."""
    found = [base_files(), certificates()]
    for arch in arches:
        program = File.of(probe(arch), mode=0o755)
        hello: Files = {
            PROGRAM: program,
            GREETING: "hello, world\n",
            "/usr/share/hello/link": Symlink(target="greeting"),
            **{f"/usr/share/hello/many/{name}": "" for name in range(15)},
            f"/usr/lib/{parse(arch).triplet}/hello/plugin": "x\n",
            "/var/lib/hello": Directory(),
            "/usr/share/doc/hello/copyright": "GPL\n",
        }
        found.append(binary("hello", "1.0-1", arch, hello, depends="client"))
        client: Files = {"/usr/bin/client": program, "/usr/share/doc/client/copyright": "GPL\n"}
        found.append(binary("client", "1.0-1", arch, client))
    return found


def world(root: Path, checks: str, *arches: str) -> World:
    """Lay out a world whose recipe ends with these checks; nothing is locked yet."""
    bubblewrap()
    arches = arches or ("amd64",)
    found = World.make(root, *arches)
    found.publish(packages(*arches))
    named = json.dumps(list(arches))
    assert f"architectures = {named}" in found.recipe.read_text()
    found.recipe.write_text(f"{found.recipe.read_text()}\n{checks}")
    return found


def including(made: World, *paths: str) -> None:
    """Add paths to what the image of a world has."""
    made.edit(made.recipe, "[trace]\n", f"[trace]\ninclude = {json.dumps(list(paths))}\n")
