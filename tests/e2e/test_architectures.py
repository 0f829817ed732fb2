"""Two programs on every architecture that Debian has, judged by each architecture's own loader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.real import SUITE, Image
from builders.sandbox import Sandbox
from builders.shell import Shell

from imagesmith.cli import configuration

pytestmark = pytest.mark.e2e
LOADERS = {
    "amd64": "/lib64/ld-linux-x86-64.so.2",
    "arm64": "/lib/ld-linux-aarch64.so.1",
    "armel": "/lib/ld-linux.so.3",
    "armhf": "/lib/ld-linux-armhf.so.3",
    "i386": "/lib/ld-linux.so.2",
    "mips64el": "/lib64/ld.so.1",
    "mipsel": "/lib/ld.so.1",
    "ppc64el": "/lib64/ld64.so.2",
    "s390x": "/lib/ld64.so.1",
}
RISCV64 = "/lib/ld-linux-riscv64-lp64d.so.1"
PROGRAMS = ("/bin/bash", "/usr/bin/curl")
NETWORK = 7
_LINE = re.compile(r"\t(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)")


def begin(shell: Shell, name: str, *options: str) -> Path:
    """Write the recipe of an image with both programs; skip if the mirror has nothing of it."""
    wanted = [word for path in PROGRAMS for word in ("--seed", path)]
    wanted += ["--package", "bash", "--package", "curl", *options]
    ended = shell.imagesmith("init", name, *wanted, "-C", ".")
    if ended.status == NETWORK:
        pytest.skip(f"the mirror does not have it: {ended.err}")
    assert ended.status == 0, ended.err
    return shell.directory / name


@pytest.fixture(scope="module")
def bookworm(shell: Shell) -> Image:
    """Return an image of both programs for every architecture of Debian 12."""
    options = [word for arch in LOADERS for word in ("--arch", arch)]
    return Image(begin(shell, "everywhere", *options), shell).lock()


@pytest.fixture(scope="module")
def trixie(shell: Shell) -> Image:
    """Return an image of both programs for the architecture that came with Debian 13."""
    mirror = f"trixie={configuration.host_mirrors(SUITE)[0]}"
    named = ("--suite", "trixie", "--arch", "riscv64", "--mirror", mirror)
    return Image(begin(shell, "riscv", *named), shell).lock("--mirror", mirror)


def agree(image: Image, arch: str, loader: str, directory: Path) -> None:
    """Compare the closures in the packages with what the loader lists in the finished root."""
    root = Sandbox(image.rootfs(directory / arch, arch), arch)
    for program in PROGRAMS:
        named = ("--manifest", image.directory, "--arch", arch)
        traced = image.shell.ok("trace", program, *named, "--json").json
        listed = root.run(loader, "--list", program)

        assert traced["missing"] == traced["errors"] == []
        assert listed.returncode == 0, listed.stderr
        assert [item["path"] for item in traced["objects"][1:]] == _LINE.findall(listed.stdout)


@pytest.mark.parametrize("arch", LOADERS)
def test_closures_are_complete_everywhere(arch: str, bookworm: Image, tmp_path: Path) -> None:
    """Nothing is missing, and the architecture's own loader lists the same in the same order."""
    agree(bookworm, arch, LOADERS[arch], tmp_path)


def test_closures_are_complete_on_riscv(trixie: Image, tmp_path: Path) -> None:
    """The newest architecture, with a newer glibc."""
    agree(trixie, "riscv64", RISCV64, tmp_path)
