"""Hosts that allow no sandbox, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from builders.probe import Runner, files, write_image
from builders.sandbox import bubblewrap

from imagesmith.errors import HostError
from imagesmith.model.config import ImageConfig
from imagesmith.sandbox.starting import refusal

CLONE = "/proc/sys/kernel/unprivileged_userns_clone"
APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
LIMIT = "/proc/sys/user/max_user_namespaces"
SAID = "bwrap: No permissions to create new namespace, likely because the kernel does not allow."


def refusing(folder: Path, said: str = SAID) -> str:
    """Write a bubblewrap that refuses as a real one does."""
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({CLONE: "0\n"}, "sysctl kernel.unprivileged_userns_clone=1, as root"),
        (
            {CLONE: "1\n", APPARMOR: "1\n"},
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0, as root",
        ),
        ({LIMIT: "0\n"}, "sysctl user.max_user_namespaces=10000, as root"),
        ({}, "inside a container, it must be allowed to make user namespaces"),
    ],
)
def test_the_setting_that_forbids_it_is_named(
    settings: Mapping[str, str], hint: str, tmp_path: Path
) -> None:
    """With the way to change it; one line of bubblewrap's own says the rest."""

    def read(path: str) -> str:
        if path in settings:
            return settings[path]
        raise FileNotFoundError(path)

    found = refusal.reason(refusing(tmp_path), read)
    assert found is not None

    assert (found.status, found.hint) == (2, hint)
    assert found.problem == (
        "this host allows no sandbox: no permissions to create new namespace, "
        "likely because the kernel does not allow"
    )


def test_one_that_says_nothing_is_told_too(tmp_path: Path) -> None:
    """A bubblewrap killed by a policy, say."""
    found = refusal.reason(refusing(tmp_path, said=""), str)
    assert found is not None

    assert found.problem == "this host allows no sandbox: no reason given"


def test_a_host_that_allows_them_gives_no_reason() -> None:
    """The sandbox is tried, empty, as the program's would be."""
    assert refusal.reason(bubblewrap(), str) is None


def test_nothing_is_exported_where_nothing_could_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason comes before anything that takes long."""
    bubblewrap()
    config = ImageConfig(entrypoint=("/bin/probe",))
    archive = write_image(tmp_path / "a.tar", {"amd64": files()}, config)
    refusing(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="this host allows no sandbox"):
        Runner(tmp_path / "store")(archive)

    assert list((tmp_path / "store/rootfs").iterdir()) == []
