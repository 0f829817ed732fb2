"""Root file systems from image archives, and bubblewrap to run what is in them.

GNU tar extracts, so that every archive is read by a program that is not ours.
A foreign architecture runs under qemu's static user emulators, which stand in
the sandbox's /dev: the root stays exactly the image's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import attrs
import pytest

EMULATORS = {
    arch: f"qemu-{name}-static"
    for arch, name in {
        "arm64": "aarch64",
        "armel": "arm",
        "armhf": "arm",
        "i386": "i386",
        "mips64el": "mips64el",
        "mipsel": "mipsel",
        "ppc64el": "ppc64le",
        "riscv64": "riscv64",
        "s390x": "s390x",
    }.items()
}
_EMULATOR = "/dev/emulator"


def program(name: str, package: str) -> str:
    """Return the path of a program; skip the test that needs it where it is missing."""
    found = shutil.which(name, path="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


def extract(archive: Path, rootfs: Path) -> Path:
    """Extract the layers of an archive with one image; they must not be zstd-compressed."""
    rootfs.mkdir(parents=True)
    with tarfile.open(archive) as outer:
        listing = outer.extractfile("manifest.json")
        assert listing is not None
        for name in json.load(listing)[0]["Layers"]:
            layer = outer.extractfile(name)
            assert layer is not None
            subprocess.run(
                ("tar", "-xpz", "--numeric-owner", "--xattrs", "-C", str(rootfs)),
                input=layer.read(),
                check=True,
            )
    return rootfs


@attrs.frozen
class Sandbox:
    """A root that programs see read-only, with nothing of the host but proc, dev and a network."""

    rootfs: Path
    arch: str = "amd64"
    network: bool = False
    environment: Mapping[str, str] = attrs.field(factory=dict)
    """All of it."""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the root."""
        arguments = [bubblewrap(), "--unshare-all", *(["--share-net"] if self.network else [])]
        arguments += ["--ro-bind", str(self.rootfs), "/", "--proc", "/proc", "--dev", "/dev"]
        emulated = EMULATORS.get(self.arch)
        if emulated:
            emulator = program(emulated, "qemu-user-static")
            arguments += ["--ro-bind", emulator, _EMULATOR]
        variables = (("--setenv", *each) for each in self.environment.items())
        arguments += ["--clearenv", *(word for each in variables for word in each)]
        arguments += [*([_EMULATOR] if emulated else []), *command]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)


@cache
def bubblewrap() -> str:
    """Return the path of bubblewrap; skip the test where it can make no sandbox."""
    found = program("bwrap", "bubblewrap")
    trial = (found, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    ended = subprocess.run((*trial, "/bin/true"), capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"bubblewrap cannot make a sandbox here: {ended.stderr.strip()}")
    return found
