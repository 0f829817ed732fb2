"""ld.so.cache of real packages: the ldconfig and the loader of each machine judge it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import loaders
from builders.real import Image
from builders.sandbox import program
from builders.shell import Shell

from imagesmith.elf import ldcache, ldconfig
from imagesmith.elf.ldcache import LdCache
from imagesmith.elf.object import facts
from imagesmith.elf.root import Root
from imagesmith.model.arch import ARCHES
from imagesmith.unpack.directory import HostRoot

pytestmark = pytest.mark.e2e
MACHINES = {
    "amd64": ("", "/lib64/ld-linux-x86-64.so.2"),
    "arm64": ("aarch64", "/lib/ld-linux-aarch64.so.1"),
    "armel": ("arm", "/lib/ld-linux.so.3"),
    "armhf": ("arm", "/lib/ld-linux-armhf.so.3"),
    "i386": ("i386", "/lib/ld-linux.so.2"),
    "mips64el": ("mips64el", "/lib64/ld.so.1"),
    "mipsel": ("mipsel", "/lib/ld.so.1"),
    "ppc64el": ("ppc64le", "/lib64/ld64.so.2"),
    "s390x": ("s390x", "/lib/ld64.so.1"),
}
"""Emulator and loader by architecture; s390x is big-endian."""


@pytest.fixture(scope="module")
def image(shell: Shell) -> Image:
    """Return an image of bash and ldconfig with a cache of all its libraries."""
    options = [word for arch in MACHINES for word in ("--arch", arch)]
    named = ("--package", "bash", "--package", "libc-bin", "--seed", "/bin/bash")
    shell.ok("init", "cached", *named, *options, "-C", ".")
    recipe = shell.directory / "cached" / "recipe.toml"
    include = 'include = ["/sbin/ldconfig", "/etc/ld.so.conf", "/etc/ld.so.conf.d"]'
    text = recipe.read_text().replace("[trace]\n", f"[trace]\n{include}\n")
    recipe.write_text(text.replace("[rootfs]\n", '[rootfs]\nld-so-cache = "always"\n'))
    return Image(recipe.parent, shell).lock()


def entries(content: bytes) -> list[ldcache.CacheEntry]:
    """Return the entries of a cache in order."""
    cache = ldcache.parse(content)
    assert isinstance(cache, LdCache), cache
    return [entry for found in cache.by_name.values() for entry in found]


def emulator(arch: str, root: Path) -> list[str]:
    """Put the emulator for a machine into its root; return how to call it there."""
    name, _ = MACHINES[arch]
    if not name:
        return []
    shutil.copy(program(f"qemu-{name}-static", "qemu-user-static"), root / "emulator")
    return ["/emulator"]


@pytest.mark.parametrize("arch", MACHINES)
def test_ldconfig_and_the_loader_of_each_machine_agree(
    arch: str, image: Image, tmp_path: Path
) -> None:
    """The same entries from ldconfig; the loader finds by ours what nothing else leads to."""
    if os.geteuid() != 0:
        pytest.skip("running a loader in a root needs chroot(2)")
    root = image.rootfs(tmp_path / "root", arch)
    run, interp = emulator(arch, root), MACHINES[arch][1]
    asked = ["chroot", str(root), *run, "/sbin/ldconfig", "-X", "-c", "new", "-C", "/judged"]
    subprocess.run(asked, check=True)
    judged = entries((root / "judged").read_bytes())

    assert judged == entries((root / "etc/ld.so.cache").read_bytes())

    hidden = root / "opt" / "hidden"
    hidden.mkdir(parents=True)
    for library in (root / "usr" / "lib" / ARCHES[arch].triplet).glob("libtinfo.so.6*"):
        library.rename(hidden / library.name)
    (root / "etc/ld.so.conf.d/hidden.conf").write_text("/opt/hidden\n")
    with HostRoot(str(root), facts=facts) as filesystem:
        there = Root(filesystem, filesystem.read)
        where = ldconfig.scope(there, ARCHES[arch].machine)
        found = ldconfig.decisive(ldconfig.libraries(there, where))
    ours = ldcache.to_bytes([each.entry for each in found], ARCHES[arch].endian)
    (root / "etc/ld.so.cache").write_bytes(ours)
    listing = loaders.listed(root, *run, interp, "--list", "/bin/bash")

    assert [each.entry.name for each in found] == ["libtinfo.so.6"]
    assert listing.missing == ()
    assert "/opt/hidden/libtinfo.so.6" in listing.paths
