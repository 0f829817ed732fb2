"""Archives are read, unpacked and run by tools that need no daemon.

crun is not among them: 1.8 refuses hosts with control groups of both versions.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from builders.real import REPOSITORY, Image
from builders.sandbox import Sandbox, extract, program
from builders.shell import Shell

pytestmark = pytest.mark.e2e
VERSION = "curl "


def layout(shell: Shell, archive: Path, directory: Path) -> Path:
    """Let skopeo copy everything of an archive into a layout; no digest may change."""
    skopeo = program("skopeo", "skopeo")
    options = ("--insecure-policy", "copy", "--all", "--preserve-digests")
    shell.expect(skopeo, *options, f"oci-archive:{archive}", f"oci:{directory}:latest")
    return directory


def top(directory: Path) -> dict[str, Any]:
    """Return the one descriptor that a layout's index names."""
    (descriptor,) = json.loads((directory / "index.json").read_bytes())["manifests"]
    assert isinstance(descriptor, dict)
    return descriptor


def test_skopeo_copies_every_image_without_changing_a_digest(
    all_arches: Path, curl: Image, tmp_path: Path
) -> None:
    """What arrives is the index whose digest `build` prints, and all blobs below it."""
    printed = curl.shell.ok("inspect", all_arches, "--json").json["digest"]
    copied = layout(curl.shell, all_arches, tmp_path / "layout")

    assert printed == top(copied)["digest"]


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
def test_skopeo_reads_one_architecture_in_both_forms(
    transport: str, plain: Path, curl: Image
) -> None:
    """The archive is an OCI layout and what `docker save` writes, at once."""
    skopeo = program("skopeo", "skopeo")
    ended = curl.shell.expect(skopeo, "inspect", f"{transport}:{plain}")

    assert (ended.json["Architecture"], ended.json["Os"]) == ("amd64", "linux")
    assert len(ended.json["Layers"]) == 1


def test_skopeo_reads_zstd_layers(single: Path, curl: Image, tmp_path: Path) -> None:
    """The manifest's own compression is what skopeo copies, digest for digest."""
    printed = curl.shell.ok("inspect", single, "--json").json["images"][0]["digest"]

    assert printed == top(layout(curl.shell, single, tmp_path / "layout"))["digest"]


def test_umoci_unpacks_and_runc_runs_it(plain: Path, curl: Image, tmp_path: Path) -> None:
    """The bundle umoci makes of the image runs `curl --version` as the user of the image."""
    umoci, runc = program("umoci", "umoci"), program("runc", "runc")
    bundle = tmp_path / "bundle"
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    source = f"{layout(curl.shell, plain, tmp_path / 'layout')}:latest"
    curl.shell.expect(umoci, "unpack", *rootless, "--image", source, bundle)
    spec = json.loads((bundle / "config.json").read_bytes())
    user = spec["process"]["user"]["uid"]
    # a sandboxed host can neither raise limits nor configure a network namespace
    spec["process"].pop("rlimits", None)
    spec["process"] |= {"terminal": False, "args": ["/usr/bin/curl", "--version"]}
    namespaces = spec["linux"]["namespaces"]
    spec["linux"]["namespaces"] = [item for item in namespaces if item["type"] != "network"]
    (bundle / "config.json").write_text(json.dumps(spec))
    state = ("--root", tmp_path / "state")
    ended = curl.shell.run(runc, *state, "run", "--bundle", bundle, f"imagesmith-{os.getpid()}")
    if ended.status and "cgroup" in ended.err:
        pytest.skip(f"runc cannot use the control groups of this machine: {ended.err.strip()}")

    assert (ended.status, user) == (0, 65532), ended.err
    assert ended.out.startswith(VERSION)


def test_what_umoci_unpacks_is_the_recorded_mtree(plain: Path, curl: Image, tmp_path: Path) -> None:
    """Every path of amd64.mtree is on disk after unpacking, and no other path is."""
    umoci = program("umoci", "umoci")
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    source = f"{layout(curl.shell, plain, tmp_path / 'layout')}:latest"
    curl.shell.expect(umoci, "unpack", *rootless, "--image", source, tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    listing = (curl.directory / "amd64.mtree").read_text().splitlines()
    recorded = {line.split(" ")[0] for line in listing if line.startswith("./")}
    unpacked = {f"./{path.relative_to(root)}" for path in root.rglob("*")}

    assert recorded - {"./"} == unpacked


def test_layers_unpack_to_the_mtree_of_one(
    layered: Image, layered_archive: Path, curl: Image, tmp_path: Path
) -> None:
    """Packages in layers of their own are the same root filesystem, also where umoci stacks it."""
    umoci = program("umoci", "umoci")
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    source = f"{layout(curl.shell, layered_archive, tmp_path / 'layout')}:latest"
    curl.shell.expect(umoci, "unpack", *rootless, "--image", source, tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    recorded = (layered.directory / "amd64.mtree").read_text()
    files = {
        name: keywords.partition("sha256digest=")[2].split(" ")[0]
        for name, _, keywords in (line.partition(" ") for line in recorded.splitlines())
        if "type=file" in keywords
    }

    assert recorded == (curl.directory / "amd64.mtree").read_text()
    assert files == {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in files}


@pytest.mark.parametrize(
    ("arch", "root"), [("amd64", "curl_rootfs"), ("arm64", "curl_rootfs_arm64")]
)
def test_bubblewrap_runs_curl_of_each_architecture(
    arch: str, root: str, request: pytest.FixtureRequest
) -> None:
    """Program, loader and libraries of the image are all it needs, read-only."""
    ended = Sandbox(request.getfixturevalue(root), arch).run("/usr/bin/curl", "--version")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(VERSION)


def test_a_big_endian_image_runs_under_an_emulator(shell: Shell, tmp_path: Path) -> None:
    """A static program for s390x says on what machine it runs."""
    directory = tmp_path / "busybox"
    directory.mkdir()
    recipe = (REPOSITORY / "manifests" / "busybox" / "recipe.toml").read_text()
    (directory / "recipe.toml").write_text(recipe)
    image = Image(directory, shell).lock()
    archive = image.build(tmp_path / "busybox.tar", "--arch", "s390x")
    root = extract(archive, tmp_path / "root")
    ended = Sandbox(root, "s390x").run("/bin/busybox", "uname", "-m")

    assert (ended.returncode, ended.stdout) == (0, "s390x\n"), ended.stderr
