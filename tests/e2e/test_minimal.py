"""Nothing needless in a real image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builders.real import Image

from imagesmith.manifest import manifest as manifests

pytestmark = pytest.mark.e2e
ELF = b"\x7fELF"
MEGABYTE = 10**6


def regular_files(rootfs: Path) -> list[Path]:
    """Return every regular file below a root."""
    found = (Path(folder, name) for folder, _, names in os.walk(rootfs) for name in names)
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def test_no_shell_and_no_package_manager_is_in_the_image(curl_rootfs: Path) -> None:
    """What an intruder or an audit would find first is not there; curl is the only program."""
    programs = [path.name for path in curl_rootfs.glob("usr/*bin/*")]

    assert programs == ["curl"]
    assert not (curl_rootfs / "var" / "lib" / "dpkg").exists()
    assert not (curl_rootfs / "etc" / "apt").exists()


def test_the_image_is_small(curl_rootfs: Path) -> None:
    """At most 60 files besides licences, less than 21 MB with everything."""
    files = regular_files(curl_rootfs)
    needed = [path for path in files if path.name != "copyright"]

    assert len(needed) <= 60
    assert sum(path.stat().st_size for path in files) < 21 * MEGABYTE


def test_every_elf_file_of_the_image_is_in_the_closure(curl: Image, curl_rootfs: Path) -> None:
    """The ELF files are exactly the objects that the traced program loads."""
    objects = {
        f"/{path.relative_to(curl_rootfs)}"
        for path in regular_files(curl_rootfs)
        if path.read_bytes()[:4] == ELF
    }
    traced = curl.shell.ok("trace", "/usr/bin/curl", "--root", curl_rootfs, "--json").json

    assert {item["real"] for item in traced["objects"]} == objects


def test_packages_come_with_their_licences(curl: Image, curl_rootfs: Path) -> None:
    """The copyright files of the packages that files were taken from, and of no other package."""
    manifest = manifests.parse(curl.manifest.read_bytes(), document="manifest.toml")
    packages = [artefact.name for artefact in manifest.artefacts]
    documented = {path.parent.name for path in curl_rootfs.glob("usr/share/doc/*/copyright")}
    listing = (curl.directory / "amd64.mtree").read_text()

    assert {"curl", "libc6", "libssl3", "base-files"} <= documented
    assert documented <= set(packages)
    assert all(f"./usr/share/doc/{name}/copyright " in listing for name in documented)
