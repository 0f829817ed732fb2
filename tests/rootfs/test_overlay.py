"""The union of package trees: merged /usr, shared paths, loud conflicts."""

from __future__ import annotations

import attrs
import pytest
from builders.trees import trees
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.errors import OverlayConflict
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree, describe
from imagesmith.rootfs.overlay import MERGED, merged_path, overlay

FILE = File.of(b"x")


def union(**packages: dict[str, Entry]) -> dict[str, str]:
    """Overlay packages and list the result in one-line notation."""
    tree = overlay((name, Tree(entries)) for name, entries in packages.items()).tree
    return {path: describe(entry) for path, entry in tree}


def conflict(**packages: dict[str, Entry]) -> OverlayConflict:
    """Return the conflict between packages."""
    with pytest.raises(OverlayConflict) as e:
        union(**packages)
    return e.value


@pytest.mark.parametrize(
    "shipped", ["/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6"]
)
def test_usr_is_merged_whichever_way_a_package_spells_it(shipped: str) -> None:
    """/lib and /usr/lib are one directory, and /lib a link to it."""
    assert union(libc6={shipped: FILE}) == {
        "/lib": "symlink usr/lib",
        "/usr": "dir 0755",
        "/usr/lib": "dir 0755",
        "/usr/lib/x86_64-linux-gnu": "dir 0755",
        "/usr/lib/x86_64-linux-gnu/libc.so.6": describe(FILE),
    }


def test_sbin_stays_apart_from_bin() -> None:
    """/sbin leads to /usr/sbin, never to /usr/bin."""
    found = union(a={"/sbin/init": FILE}, b={"/bin/sh": FILE})

    assert found["/sbin"] == "symlink usr/sbin"
    assert found["/bin"] == "symlink usr/bin"
    assert set(found) >= {"/usr/sbin/init", "/usr/bin/sh"}


@pytest.mark.parametrize("target", ["usr/lib", "/usr/lib", "usr/lib/"])
def test_a_package_may_ship_the_link_itself(target: str) -> None:
    """Debian 13's base-files brings the links of merged /usr."""
    found = union(files={"/lib": Symlink(target=target)}, libc6={"/lib/libc.so.6": FILE})

    assert found["/lib"] == "symlink usr/lib"


def test_another_link_in_its_place_is_a_conflict() -> None:
    """A /lib that leads elsewhere would hide every library."""
    assert conflict(evil={"/lib": Symlink(target="tmp/lib")}) == OverlayConflict(
        path="/lib",
        first="merged /usr",
        second="evil",
        problem="symlink usr/lib against symlink tmp/lib",
    )


@pytest.mark.parametrize(
    "entry",
    [FILE, Directory(mode=0o2755, gid=50), Symlink(target="b"), Hardlink(target="/etc/first")],
)
def test_what_two_packages_ship_alike_is_there_once(entry: Entry) -> None:
    """Identical files, directories and links merge; both packages own them."""
    both: dict[str, Entry] = {"/etc/first": FILE, "/etc/x": entry}
    found = overlay([("a", Tree(both)), ("b", Tree(both))])

    assert found.tree.entry("/etc/x") == entry
    assert found.owners["/etc/x"] == ("a", "b")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FILE, File.of(b"y")),
        (FILE, attrs.evolve(FILE, mode=0o600)),
        (FILE, Directory()),
        (Directory(), Directory(mode=0o700)),
        (Symlink(target="a"), Symlink(target="b")),
        (Directory(), Symlink(target="a")),
    ],
)
def test_what_two_packages_ship_differently_is_a_conflict(first: Entry, second: Entry) -> None:
    """The error names the path, both packages and what each of them has there."""
    assert conflict(zlib={"/etc/x": first}, acl={"/etc/x": second}) == OverlayConflict(
        path="/etc/x",
        first="acl",
        second="zlib",
        problem=f"{describe(second)} against {describe(first)}",
    )


def test_the_two_spellings_of_one_path_in_one_package_must_agree() -> None:
    """/lib/x and /usr/lib/x are one file."""
    same: dict[str, Entry] = {"/lib/x": FILE, "/usr/lib/x": FILE}

    assert "/usr/lib/x" in union(a=same)
    assert conflict(a={**same, "/usr/lib/x": File.of(b"y")}).path == "/usr/lib/x"


def test_a_file_is_no_parent() -> None:
    """Nothing can lie below a file or a link of another package."""
    found = conflict(a={"/d": Symlink(target="e"), "/e": Directory()}, b={"/d/x": FILE})

    assert (found.path, found.first, found.second) == ("/d", "a", "b")


def test_hard_links_follow_their_target_into_usr() -> None:
    """The target of a link moves with the file."""
    found = union(a={"/bin/a": FILE, "/bin/b": Hardlink(target="/bin/a")})

    assert found["/usr/bin/b"] == "hardlink /usr/bin/a"


@pytest.mark.parametrize("name", MERGED)
def test_every_merged_directory_maps_to_its_namesake(name: str) -> None:
    """Only whole components count."""
    assert merged_path(f"/{name}") == f"/usr/{name}"
    assert merged_path(f"/{name}/x") == f"/usr/{name}/x"
    assert merged_path(f"/{name}x/y") == f"/{name}x/y"


@given(st.lists(trees(), min_size=1, max_size=3), st.randoms())
def test_the_order_of_packages_does_not_matter(drawn: list[Tree], random: object) -> None:
    """Any order gives the same union, or the same conflict."""
    packages = [(f"p{number}", tree) for number, tree in enumerate(drawn)]
    shuffled = list(packages)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random

    def result(given: list[tuple[str, Tree]]) -> object:
        try:
            return overlay(given)
        except OverlayConflict as error:
            return error

    assert result(packages) == result(shuffled)
