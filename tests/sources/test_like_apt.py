"""The closure is what apt would install on an empty system."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from builders.apt import AVAILABLE, Apt, apt_for, host_apt
from builders.archive import packages_bytes, write_archive
from builders.debian import tangle

from imagesmith.errors import PackageConflict, PackageNotFound
from imagesmith.sources.debian.closure import closure
from imagesmith.sources.debian.packages import Index

LISTS = Path("/var/lib/apt/lists")
SUITES = ("one", "two")
ROOTS = [
    "apache2",
    "bash",
    "bind9",
    "busybox-static",
    "chromium-headless-shell",
    "clang",
    "cmake",
    "coreutils",
    "cups",
    "curl",
    "default-jre-headless",
    "docker.io",
    "emacs-nox",
    "exim4-daemon-light",
    "ffmpeg",
    "gcc",
    "ghc",
    "git",
    "golang-go",
    "gnupg",
    "imagemagick",
    "libbjack-ocaml-dev",
    "libfluidsynth-dev",
    "libreoffice-core",
    "libreoffice-dmaths",
    "mariadb-server",
    "nginx-light",
    "nodejs",
    "octave",
    "openjdk-17-jre-headless",
    "openssh-server",
    "perl",
    "php-cli",
    "podman",
    "postfix",
    "postgresql-15",
    "python3",
    "python3-pip",
    "qemu-system-x86",
    "r-base-core",
    "redis-server",
    "ruby",
    "rustc",
    "samba",
    "systemd",
    "texlive-base",
    "tomcat10",
    "vim",
    "webext-tbsync",
    "xserver-xorg-core",
]

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="apt-get is not there")


def ours(names: list[str], indexes: list[Index]) -> dict[str, str] | None:
    """Return the closure as name and version, or None if there is none."""
    try:
        return {p.name: p.version for p in closure(names, indexes, arch="amd64")}
    except (PackageNotFound, PackageConflict):
        return None


@pytest.fixture
def judged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Apt, list[Index], list[str]]:
    """Return an apt and our indexes of one synthetic archive, and the names in it."""
    tmp_path.chmod(0o755)
    seed, conflicts = request.param
    suites = dict(zip(SUITES, tangle(seed, conflicts=conflicts), strict=True))
    for suite, packages in suites.items():
        write_archive(tmp_path / "archive", packages, suite=suite)
    indexes = [
        Index.scan(packages_bytes(packages), source=suite, document=suite)
        for suite, packages in suites.items()
    ]
    names = [package.name for package in suites["one"]]
    return apt_for(tmp_path / "apt", tmp_path / "archive", SUITES), indexes, names


@pytest.mark.parametrize("judged", [(seed, 0.0) for seed in range(200, 206)], indirect=True)
def test_any_tangle_is_resolved_as_apt_resolves_it(
    judged: tuple[Apt, list[Index], list[str]],
) -> None:
    """Alternatives, constraints, loops, virtual packages: the same set, or none for both."""
    apt, indexes, names = judged

    for roots in ([names[0]], [names[1]], [names[2]], sorted(names[3:5])):
        assert apt.install(roots) == ours(roots, indexes), roots


@pytest.mark.parametrize("judged", [(seed, 0.05) for seed in range(1000, 1004)], indirect=True)
def test_where_apt_finds_a_way_around_a_conflict_so_do_we(
    judged: tuple[Apt, list[Index], list[str]],
) -> None:
    """The same set but for what apt leaves behind of ways it gave up."""
    apt, indexes, names = judged

    for root in names[:4]:
        theirs, found = apt.install([root]), ours([root], indexes)
        if theirs is not None:
            assert found is not None
            assert found.items() <= theirs.items()


@pytest.mark.e2e
def test_real_packages_need_what_apt_says(tmp_path: Path) -> None:
    """Fifty roots of the host's own lists, and some combinations of them."""
    lists = sorted(LISTS.glob("*_main_binary-amd64_Packages*"))
    main = [path for path in lists if "security" not in path.name and "updates" not in path.name]
    if not main:
        pytest.skip("no package lists in /var/lib/apt/lists; run apt-get update")
    judge = host_apt(tmp_path / "apt", LISTS)
    indexes = [
        Index.scan(read_list(path), source="debian", document=path.name)
        for path in (*main, *(path for path in lists if path not in main))
    ]

    roots = [[root] for root in ROOTS]
    roots += [sorted(ROOTS[place : place + 3]) for place in range(0, 48, 12)]
    assert {str(names): judge.install(names) for names in roots} == {
        str(names): ours(names, indexes) for names in roots
    }


def read_list(path: Path) -> bytes:
    """Return a list as apt keeps it, decompressed."""
    command = ("/usr/lib/apt/apt-helper", "cat-file", str(path))
    return subprocess.run(command, check=True, capture_output=True).stdout
