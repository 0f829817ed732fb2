"""Maintainer scripts of real packages, read here and run in a chroot: the trees are alike."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from builders.real import SUITE, Image
from builders.shell import Shell

from imagesmith.build import acquire, maintained
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.cli import documents, tracing
from imagesmith.model.tree import Directory, Symlink
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.overlay import overlay
from imagesmith.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("mmdebstrap") is None or os.geteuid() != 0,
        reason="needs mmdebstrap, and root for its chroot",
    ),
]
PACKAGES = [
    "netcat-openbsd",
    "vim-tiny",
    "less",
    "libblas3",
    "liblapack3",
    "openssh-client",
    "nginx",
    "postgresql-common",
    "redis-server",
    "nano",
    "sudo",
]
ESSENTIAL = [
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "dpkg",
    "libc-bin",
    "login",
    "mawk",
    "passwd",
]
ELSEWHERE = ("/run/", "/var/lib/ucf/", "/var/log/")
"""What the chroot's maker cleans, and records of package management."""


@pytest.fixture(scope="module")
def chroot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a system on which dpkg ran every script."""
    root = tmp_path_factory.mktemp("chroot") / "root"
    wanted = f"--include={','.join(PACKAGES)}"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=essential", wanted, SUITE, str(root)],
        check=True,
        capture_output=True,
    )
    return root


@pytest.fixture(scope="module")
def configured(shell: Shell) -> tuple[Configured, dict[str, object]]:
    """Return the same packages after their scripts were read, and what they were before."""
    named = [word for name in (*PACKAGES, *ESSENTIAL) for word in ("--package", name)]
    shell.ok("init", "scripts", *named, "--seed", "/usr/bin/less", "--arch", "amd64", "-C", ".")
    image = Image(shell.directory / "scripts", shell).acknowledge().lock()
    plan = tracing.plan_of(tracing.manifest_of(documents.at(str(image.directory))), "amd64")
    effects = Effects(store=Store.open(shell.store), stream=None, mirrors=lambda _: (), now=0)
    with Contents(effects.store) as contents:
        indexed = acquire.trees(plan.artefacts, effects)
        found = maintained.configured(plan, indexed, contents)
    names = (item.name for item in plan.artefacts)
    before = overlay(zip(names, (index.tree for index in indexed), strict=True))
    return found, dict(before.tree.entries)


def test_what_is_reproduced_is_what_dpkg_leaves(
    chroot: Path, configured: tuple[Configured, dict[str, object]]
) -> None:
    """Links, modes, owners by name, and contents, of more than a hundred paths."""
    found, before = configured
    tree = found.overlay.tree
    changed = [path for path, entry in tree if before.get(path) != entry]
    wrong: list[str] = []
    for path in changed:
        if path.startswith(ELSEWHERE):
            continue
        here, entry = chroot / path[1:], tree.file(path) or tree.entry(path)
        status = here.lstat()
        if isinstance(entry, Symlink):
            same = here.is_symlink() and str(here.readlink()) == entry.target
        else:
            assert entry is not None
            assert not isinstance(entry, Symlink)
            owners = (_name(chroot, "passwd", status.st_uid), _name(chroot, "group", status.st_gid))
            same = getattr(entry, "mode", None) == stat.S_IMODE(status.st_mode)
            same = same and owners == _owners(found, chroot, entry.uid, entry.gid)  # type: ignore[union-attr]  # no hard link is left
            same = same and isinstance(entry, Directory) == here.is_dir()
            content = getattr(entry, "content", None)
            same = same and (not isinstance(content, bytes) or here.read_bytes() == content)
        wrong += [] if same else [path]

    assert len(changed) > 100
    assert wrong == []


def _name(chroot: Path, kind: str, number: int) -> str:
    """Return the name of an id in the chroot."""
    rows = [line.split(":") for line in (chroot / "etc" / kind).read_text().splitlines()]
    return next(row[0] for row in rows if row[2] == str(number))


def _owners(found: Configured, chroot: Path, uid: int, gid: int) -> tuple[str, str]:
    """Return the names of an owner among the accounts that were made, or of every system."""
    users = {each.uid: each.name for each in found.accounts.users}
    groups = {each.gid: each.name for each in found.accounts.groups}
    return (
        users.get(uid) or _name(chroot, "passwd", uid),
        groups.get(gid) or _name(chroot, "group", gid),
    )


def test_every_alternative_of_the_chroot_is_there(
    chroot: Path, configured: tuple[Configured, dict[str, object]]
) -> None:
    """Both the names and what they lead to, of packages that are in both."""
    tree = configured[0].overlay.tree
    for link in (chroot / "etc/alternatives").iterdir():
        target = str(link.readlink()) if link.is_symlink() else ""
        if target and target.startswith("/") and tree.entry(target) is not None:
            assert tree.entry(f"/etc/alternatives/{link.name}") == Symlink(target=target)
