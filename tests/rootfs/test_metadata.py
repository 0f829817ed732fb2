"""What an image says about itself."""

from __future__ import annotations

import pytest

from imagesmith.errors import PathNotFound
from imagesmith.model.tree import Directory, Entry, File, Symlink, Tree
from imagesmith.rootfs.metadata import licences, os_release, unlicensed
from imagesmith.rootfs.overlay import overlay

TEXT = File.of(b"licence")
DOC = "/usr/share/doc"
GCC: dict[str, Entry] = {
    "/usr/lib/libgcc_s.so.1": File.of(b"gcc"),
    f"{DOC}/libgcc-s1": Symlink(target="gcc-12-base"),
}
BASE: dict[str, Entry] = {f"{DOC}/gcc-12-base/copyright": TEXT}
CURL: dict[str, Entry] = {
    "/usr/bin": Directory(),
    "/usr/bin/curl": File.of(b"curl"),
    f"{DOC}/curl/copyright": TEXT,
    f"{DOC}/curl/README": TEXT,
}
WHOLE = overlay([("curl", Tree(CURL)), ("libgcc-s1", Tree(GCC)), ("gcc-12-base", Tree(BASE))])


def test_a_shipped_package_brings_its_licence() -> None:
    """The copyright file and nothing else of the documentation."""
    assert list(licences(WHOLE, ["/usr/bin/curl"])) == [f"{DOC}/curl/copyright"]


def test_a_licence_in_another_package_is_followed() -> None:
    """No link dangles: the text comes with it."""
    assert list(licences(WHOLE, ["/usr/lib/libgcc_s.so.1"])) == [
        f"{DOC}/libgcc-s1",
        f"{DOC}/gcc-12-base/copyright",
    ]


def test_directories_oblige_nobody() -> None:
    """A package is shipped when a file or link of it is."""
    assert licences(WHOLE, ["/usr/bin"]) == {}


def test_a_package_without_a_licence_is_named() -> None:
    """Whoever ships it should know."""
    bare = overlay([("bare", Tree([("/usr/bin/x", TEXT)])), ("curl", Tree(CURL))])

    assert unlicensed(bare, ["/usr/bin/x", "/usr/bin/curl"]) == (
        "bare: no copyright file among the packages",
    )


def test_the_distribution_is_identified_with_every_link() -> None:
    """Scanners find both files, through the link that base-files ships."""
    files: dict[str, Entry] = {
        "/etc/debian_version": File.of(b"12.15\n"),
        "/etc/os-release": Symlink(target="../usr/lib/os-release"),
        "/usr/lib/os-release": File.of(b"ID=debian\n"),
    }

    assert sorted(os_release(overlay([("base-files", Tree(files))]))) == [
        "/etc/debian_version",
        "/etc/os-release",
        "/usr/lib/os-release",
    ]


def test_a_distribution_without_its_files_is_an_error() -> None:
    """An image that no scanner recognises is not made silently."""
    with pytest.raises(PathNotFound) as e:
        os_release(WHOLE)

    assert e.value.path == "/etc/os-release"
