"""One recipe for every architecture of Debian 12."""

from __future__ import annotations

import pytest
from builders.shell import Shell

pytestmark = pytest.mark.e2e
LOADERS = {
    "amd64": "ld-linux-x86-64.so.2",
    "arm64": "ld-linux-aarch64.so.1",
    "armel": "ld-linux.so.3",
    "armhf": "ld-linux-armhf.so.3",
    "i386": "ld-linux.so.2",
    "mips64el": "ld.so.1",
    "mipsel": "ld.so.1",
    "ppc64el": "ld64.so.2",
    "s390x": "ld64.so.1",
}


def test_one_recipe_locks_for_every_architecture(shell: Shell) -> None:
    """The closure of bash is program, libraries and that architecture's loader, and complete."""
    options = [word for arch in LOADERS for word in ("--arch", arch)]
    shell.ok("init", "bash", "--package", "bash", "--seed", "/bin/bash", *options, "-C", ".")
    directory = shell.directory / "bash"
    shell.ok("lock", directory)
    found = {}
    for arch in LOADERS:
        named = ("--manifest", directory, "--arch", arch)
        traced = shell.ok("trace", "/bin/bash", *named, "--json").json
        assert traced["missing"] == traced["errors"] == []
        found[arch] = {item["path"].rpartition("/")[2] for item in traced["objects"]}

    assert {
        arch: {"bash", "libtinfo.so.6", "libc.so.6", loader} for arch, loader in LOADERS.items()
    } == found
