"""Paths and accounts are the image's, whatever lies there on the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagesmith.errors import UsageError
from imagesmith.sandbox.starting import inside
from imagesmith.sandbox.starting.inside import Account

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
app:x:1000:1001::/home/app:/bin/sh
high:x:4294967295:0::/:/bin/sh
odd:x:one:0::/:/bin/sh
short:x:5
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root with accounts, and links in every direction."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "usr/bin").mkdir(parents=True)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text("root:x:0:\nstaff:x:50:app\n")
    for name, target in {
        "bin": "usr/bin",
        "abs": "/etc",
        "up": "../../../../etc",
        "loop": "loop",
        "usr/bin/chain": "../../abs/passwd",
    }.items():
        (root / name).symlink_to(target)
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("/bin/sh", "/usr/bin/sh"),
        ("/abs/passwd", "/etc/passwd"),
        ("/up/passwd", "/etc/passwd"),
        ("/../../etc", "/etc"),
        ("/bin/../lib", "/usr/lib"),
        ("/bin/chain", "/etc/passwd"),
        ("//bin/./sh/", "/usr/bin/sh"),
        ("/missing/a/b", "/missing/a/b"),
    ],
)
def test_links_are_followed_inside(path: str, expected: str, root: Path) -> None:
    """Absolute ones begin at the image's root, and none leads above it."""
    assert inside.resolved(str(root), path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/bin", True), ("/up/passwd", True), ("/abs/none", False), ("/loop", False), ("/", True)],
)
def test_what_is_there_is_there_through_links(path: str, *, expected: bool, root: Path) -> None:
    """A link that leads round in a circle leads nowhere."""
    assert inside.has(str(root), path) is expected


def test_links_do_not_go_on_for_ever(root: Path) -> None:
    """As the kernel has it."""
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        inside.resolved(str(root), "/loop")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Account(0, 0, "/root")),
        ("app", Account(1000, 1001, "/home/app")),
        ("1000", Account(1000, 1001, "/home/app")),
        ("app:staff", Account(1000, 50, "/home/app")),
        ("app:7", Account(1000, 7, "/home/app")),
        ("7", Account(7, 0, "/")),
        ("7:8", Account(7, 8, "/")),
    ],
)
def test_users_are_the_images(user: str, expected: Account, root: Path) -> None:
    """By name or number; malformed lines say nothing."""
    assert inside.account(str(root), user) == expected


@pytest.mark.parametrize("user", ["nobody", "odd", "short", "high", "app:nogroup", "-1", "²"])
def test_names_without_an_entry_are_told(user: str, root: Path) -> None:
    """A number would do."""
    with pytest.raises(UsageError, match="no such name in the image's /etc/") as caught:
        inside.account(str(root), user)

    assert caught.value.hint == "name a number: --user UID[:GID]"


@pytest.mark.parametrize("kind", ["none", "directory", "FIFO", "link out"])
def test_an_account_file_that_is_none_has_no_users(kind: str, tmp_path: Path) -> None:
    """The host's is not read instead, and nobody waits for a FIFO."""
    place = tmp_path / "etc/passwd"
    place.parent.mkdir()
    if kind == "directory":
        place.mkdir()
    elif kind == "FIFO":
        os.mkfifo(place)
    elif kind == "link out":
        place.symlink_to("../../../../../../../../etc/passwd")

    assert inside.account(str(tmp_path), "") == Account(0, 0, "/")
    assert inside.homes(str(tmp_path)) == frozenset()


def test_homes(root: Path) -> None:
    """Of every user; the root directory is nobody's."""
    assert inside.homes(str(root)) == {"/root", "/home/app"}
