"""Every program and library of a real tree, judged by the loader that is in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest
from builders import loaders
from builders.loaders import Listing
from builders.proof import agree, processor_levels
from builders.real import Image
from builders.sandbox import EMULATORS
from builders.sandbox import program as installed
from builders.shell import Shell

from imagesmith.elf.closure import Environment, Root, load_in
from imagesmith.elf.object import facts
from imagesmith.model.facts import Elf
from imagesmith.unpack.directory import HostRoot

pytestmark = pytest.mark.e2e
PACKAGES = (
    *("apt", "bash", "coreutils", "curl", "dpkg", "findutils", "gawk", "git", "gzip", "libc-bin"),
    *("openssl", "procps", "python3", "tar", "util-linux", "xz-utils"),
)
LOADERS = {"amd64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1"}


@pytest.fixture(scope="module")
def tree(shell: Shell) -> Image:
    """Return an image of everything in many packages."""
    options = [word for package in PACKAGES for word in ("--package", package)]
    options += [word for arch in LOADERS for word in ("--arch", arch)]
    shell.ok("init", "tree", *options, "--seed", "/bin/bash", "-C", ".")
    recipe = shell.directory / "tree" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("[trace]\n", '[trace]\ninclude = ["/**"]\n', 1))
    return Image(recipe.parent, shell).acknowledge().lock()


def seeds(host: HostRoot, root: Path, arch: str) -> Iterator[str]:
    """Yield the paths of what the loader of `arch` loads, once for each file."""
    wanted = facts(memoryview((root / LOADERS[arch].lstrip("/")).read_bytes()))
    assert isinstance(wanted, Elf)
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = f"/{(Path(folder) / name).relative_to(root)}"
            elf = getattr(host.entry(path), "facts", None)
            if isinstance(elf, Elf) and elf.dynamic and elf.machine == wanted.machine:
                yield path


@pytest.mark.parametrize("arch", LOADERS)
def test_every_object_agrees_with_the_loader(arch: str, tree: Image, tmp_path: Path) -> None:
    """Same objects, same order, same missing names; arm64 by its own loader under emulation."""
    loader = LOADERS[arch]
    loaders.host_loader(LOADERS["amd64"])
    root = tree.rootfs(tmp_path / "root", arch)
    start = [loader]
    if arch in EMULATORS:
        shutil.copy(installed(EMULATORS[arch], "qemu-user-static"), root / "emulator")
        start = ["/emulator", loader]
    environment = Environment(hwcaps=processor_levels() if arch == "amd64" else ())

    def judge(path: str) -> Listing:
        return loaders.listed(root, *start, "--list", path)

    with HostRoot(str(root), facts=facts) as host, ThreadPoolExecutor(2) as pool:
        paths = [path for path in seeds(host, root, arch) if not path.endswith(Path(loader).name)]
        shared = Root(host, host.read)
        for path, listing in zip(paths, pool.map(judge, paths), strict=True):
            found = load_in(shared, path, environment)
            if found.loader is None or not found.objects[1:]:
                continue
            agree(attrs.evolve(listing, failed=""), found)

    assert len(paths) > 400
