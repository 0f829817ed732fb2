"""Maintainer scripts from archive to image: reproduced, acknowledged, refused."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest
from builders.archive import Binary
from builders.deb import make_deb
from builders.elf import make_elf
from builders.tar import Files
from builders.world import LOADERS, World, packages

from imagesmith.model.arch import parse
from imagesmith.model.tree import File

POSTINST = """#!/bin/sh
set -e
update-alternatives --install /usr/bin/tool tool /usr/bin/tool.real 10
adduser --system --group --no-create-home --home /var/lib/tool tool
install -d -o tool -g tool /var/lib/tool
if [ -n "$(hostname)" ]; then hostname > /etc/tool.host; fi
tool.real --first-run
. /usr/share/tool/functions
cp /usr/share/tool/functions /usr/share/tool/copy
greet "$(cat /usr/share/tool/copy)" > /etc/tool.greeting
"""
SHA = hashlib.sha256(POSTINST.encode()).hexdigest()


def tool(arch: str, postinst: str = POSTINST, version: str = "1.0") -> Binary:
    """Return a package whose program can only be started by a link that its script makes."""
    program = make_elf(arch=parse(arch), interp=LOADERS[arch], needed=["libc.so.6"])
    files: Files = {
        "/usr/bin/tool.real": File.of(program, mode=0o755),
        "/usr/share/doc/tool/copyright": "GPL\n",
        "/usr/share/tool/functions": 'greet() { echo hello; echo "$1"; }\n',
    }
    deb = make_deb("tool", version, arch, files, depends="libc6", scripts={"postinst": postinst})
    return Binary("tool", version, arch, deb=deb, fields={"Depends": "libc6"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world whose recipe asks for the tool too; nothing is locked."""
    made = World.make(tmp_path, "amd64", "arm64")
    made.publish([*packages("amd64", "arm64"), tool("amd64"), tool("arm64")])
    made.edit(made.recipe, '"base-files"]', '"base-files", "tool"]')
    made.edit(made.recipe, '["/usr/bin/hello"]', '["/usr/bin/hello", "/usr/bin/tool"]')
    made.edit(
        made.recipe, "[rootfs]", 'include = ["/var/lib/tool", "/etc/tool.greeting"]\n\n[rootfs]'
    )
    return made


def acknowledge(world: World, *digests: str, because: str = "the first run is at run time") -> None:
    """Say in the recipe that the tool's script is known."""
    shas = ", ".join(f'"{digest}"' for digest in digests)
    with world.recipe.open("a") as recipe:
        recipe.write(
            f'\n[[script]]\npackage = "tool"\nname = "postinst"\nsha256 = [{shas}]\n'
            f'because = "{because}"\n'
        )


def test_what_nobody_acknowledged_ends_a_lock(world: World) -> None:
    """With every command that is left out, and what to paste; both architectures at once."""
    said = world.run("lock", str(world.image))

    assert said.status == 9
    assert said.err.startswith("error: a maintainer script does more than is reproduced")
    assert "\n  tool postinst: line 7: tool.real --first-run: tool.real is not read" in said.err
    assert ', if [ -n "$(hostname)" ]\n' in said.err
    assert not world.manifest.exists()
    _, _, hint = said.err.partition("say so in the recipe:\n")
    pasted = hint.replace("      ", "").split("\n\n")[0]
    assert tomllib.loads(pasted) == {
        "script": [{"package": "tool", "name": "postinst", "sha256": [SHA], "because": ""}]
    }


def test_acknowledged_scripts_enter_the_manifest_and_the_rest_the_image(world: World) -> None:
    """Links, accounts and directories are there; the manifest says what is not."""
    acknowledge(world, SHA)
    world.ok("lock", str(world.image))

    manifest = tomllib.loads(world.manifest.read_text())
    (script,) = manifest["script"]
    assert script["sha256"] == [SHA]
    assert script["because"] == "the first run is at run time"
    assert [line.partition(":")[0] for line in script["skipped"]] == ["line 6", "line 7"]
    mtree = (world.image / "arm64.mtree").read_text()
    assert "./usr/bin/tool type=link" in mtree
    greeting = b'hello\ngreet() { echo hello; echo "$1"; }\n'
    assert f"size={len(greeting)} sha256digest={hashlib.sha256(greeting).hexdigest()}" in mtree
    assert "./etc/alternatives/tool type=link" in mtree
    assert "./var/lib/tool type=dir mode=0755 uid=100 gid=101" in mtree
    world.ok("lock", str(world.image), "--check")
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    assert world.build().status == 0
    assert "line 7" in world.manifest.read_text()


def test_accounts_of_shipped_packages_are_listed(world: World) -> None:
    """Of others they are not: nobody runs as them."""
    acknowledge(world, SHA)
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    world.ok("build", str(world.image), "-o", str(world.tar))
    shown = world.ok("why", str(world.image), "/usr/bin/tool", "--json").json
    assert shown["chain"][-1]["packages"] == ["tool"]

    world.edit(world.recipe, ', "/usr/bin/tool"]', "]")
    world.edit(world.recipe, 'include = ["/var/lib/tool", "/etc/tool.greeting"]\n', "")
    said = world.run("lock", str(world.image))
    assert said.status == 2
    assert "script.tool.postinst: nothing is left out" in said.err


def test_an_acknowledgement_for_another_script_is_stale(world: World) -> None:
    """It is taken out, or corrected; nothing is acknowledged by accident."""
    acknowledge(world, SHA, "0" * 64)
    said = world.run("lock", str(world.image))

    assert said.status == 2
    assert f"nothing is left out of a script with sha256 {'0' * 64}" in said.err
    assert "hint: take it out" in said.err


def test_a_script_that_changed_has_to_be_acknowledged_again(world: World) -> None:
    """Whoever acknowledged one did not acknowledge the next."""
    acknowledge(world, SHA)
    world.ok("lock", str(world.image))
    changed = POSTINST + "rm -rf --no-preserve-root /$(date)\n"
    world.publish([*packages("amd64", "arm64"), tool("amd64", changed, "1.1"), tool("arm64")])
    said = world.run("lock", str(world.image), "--update")

    assert said.status == 9
    assert hashlib.sha256(changed.encode()).hexdigest() in said.err
    assert f'sha256 = ["{SHA}"]' not in said.err


def test_a_build_asks_for_acknowledgement_as_well(world: World) -> None:
    """Who takes it out of a manifest gets no image of it, be it signed."""
    acknowledge(world, SHA)
    world.ok("lock", str(world.image))
    text = world.manifest.read_text()
    start, end = text.index("[[script]]"), text.index("[[artefact]]")
    world.manifest.write_text(text[:start] + text[end:])
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    said = world.build()

    assert said.status == 9
    assert "tool.real is not read" in said.err


def test_the_ledger_can_be_read(world: World) -> None:
    """By people and programs: what was done, what is inert, what is left out."""
    acknowledge(world, SHA)
    world.ok("lock", str(world.image))
    said = world.ok("scripts", str(world.image), "--arch", "arm64").out.splitlines()
    (ledger,) = world.ok("scripts", str(world.image), "--all", "--json").json

    assert said[0] == "tool postinst: 5 reproduced, 0 inert, 2 skipped, acknowledged"
    assert said[1].startswith("  reproduced: line 3: update-alternatives --install /usr/bin/tool")
    assert said[-1] == "  skipped: line 7: tool.real --first-run: tool.real is not read"
    assert ledger["sha256"] == SHA
    assert ledger["shipped"]
    assert ledger["acknowledged"]
    assert ledger["skipped"][1] == {
        "line": 7,
        "text": "tool.real --first-run",
        "about": "tool.real is not read",
    }
