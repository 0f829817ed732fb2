"""What was looked for in vain, in the order in which it is worth reading."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from imagesmith.model.tree import Directory, Entry, File, Symlink, Tree
from imagesmith.sandbox.checks.absent import Absent, absent
from imagesmith.sandbox.watching.accesses import Access

FILES: Mapping[str, Entry] = {
    "/lib": Symlink(target="usr/lib"),
    "/usr": Directory(),
    "/usr/lib": Directory(),
    "/usr/lib/plugin.so": Symlink(target="plugin.so.1"),
    "/usr/lib/plugin.so.1": File.of(b"plugin"),
    "/usr/share": Directory(),
    "/usr/share/locale": Directory(),
    "/usr/share/locale/de": File.of(b"de"),
    "/usr/share/x": Directory(),
    "/usr/share/x/a": File.of(b"a"),
    "/usr/share/x/b": File.of(b"b"),
    "/run": Directory(),
    "/run/server": Directory(),
    "/var": Directory(),
    "/var/run": Symlink(target="/run"),
}
DIRECTORIES = ("/", "/lib", "/usr", "/usr/lib", "/usr/share", "/usr/share/x", "/var")
OWNERS = {"/usr/share/x/a": ("x", "y"), "/usr/share/x/b": ("x",), "/usr/lib/plugin.so": ("p",)}


def found(*accesses: Access, image: Collection[str] = DIRECTORIES) -> tuple[Absent, ...]:
    """Hold accesses against a small tree, and an image that has some paths of it."""
    return absent(accesses, Tree(FILES), OWNERS, has=image.__contains__)


def test_only_what_packages_have_is_named() -> None:
    """Not what was there, nor what is nowhere, nor what others refuse."""
    assert (
        found(
            Access("/usr/share/x/a", "open"),
            Access("/usr/share/x/b", "open", "EACCES"),
            Access("/usr/share/x/c", "open", "ENOENT"),
            Access("/usr/share/x/a/../b", "open", "ENOENT"),
        )
        == ()
    )


def test_the_last_file_that_was_wanted_comes_first() -> None:
    """Then what was looked at, then what the C library looks for in every program."""
    paths = [
        each.path
        for each in found(
            Access("/usr/share/x/a", "look", "ENOENT"),
            Access("/usr/share/x/b", "open", "ENOENT"),
            Access("/usr/lib/plugin.so.1", "execute", "ENOENT"),
            Access("/usr/share/x", "look", "ENOTDIR"),
            Access("/usr/share/locale/de", "open", "ENOENT"),
        )
    ]

    assert paths == [
        "/usr/lib/plugin.so.1",
        "/usr/share/x/b",
        "/usr/share/x",
        "/usr/share/x/a",
        "/usr/share/locale/de",
    ]


def test_each_path_is_named_once_for_what_says_most() -> None:
    """With the packages that ship it, or anything below it."""
    assert found(
        Access("/usr/share/x/a", "look", "ENOENT"),
        Access("/usr/share/./x/a", "open", "ENOENT"),
        Access("/usr/share/x/a", "look", "ENOENT"),
        Access("/usr/share/x/", "list", "ENOENT"),
    ) == (
        Absent(path="/usr/share/x", how="listed", packages=("x", "y")),
        Absent(path="/usr/share/x/a", how="opened", packages=("x", "y")),
    )


def test_a_path_is_spelled_as_a_recipe_includes_it() -> None:
    """Directories resolved, a link at the end by its own name: it brings what it leads to."""
    assert found(
        Access("/lib/plugin.so", "open", "ENOENT"), Access("/usr/share/x/..", "list", "ENOENT")
    ) == (
        Absent(path="/usr/share", how="listed", packages=("x", "y")),
        Absent(path="/usr/lib/plugin.so", how="opened", packages=("p",)),
    )


def test_what_is_to_be_made_needs_a_directory() -> None:
    """Named where packages have it and the image has not; a file that is new is nowhere."""
    made = Access("/run/server/lock", "write", "ENOENT")

    assert [each.path for each in found(made)] == ["/run/server"]
    assert found(made, image=("/run", "/run/server")) == ()
    assert found(Access("/run/server/lock", "open", "ENOENT")) == ()
    assert found(Access("/run/other/lock", "write", "ENOENT")) == ()


def test_a_link_on_the_way_that_the_image_lacks_stays_in_the_path() -> None:
    """Whoever includes the path gets the link with it."""
    made = Access("/var/run/server/lock", "write", "ENOENT")
    opened = Access("/lib/plugin.so", "open", "ENOENT")

    assert [each.path for each in found(made, opened, image=("/var",))] == [
        "/lib/plugin.so",
        "/var/run/server",
    ]
    assert [each.path for each in found(opened, image=("/var", "/lib"))] == ["/usr/lib/plugin.so"]
