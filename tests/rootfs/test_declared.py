"""Declared entries over a union of packages: what they add, and what they may not cover."""

from __future__ import annotations

import attrs
import pytest

from imagesmith.build.facts import facts
from imagesmith.errors import OverlayConflict
from imagesmith.manifest.sections import (
    Declared,
    DirectoryEntry,
    FileEntry,
    RootfsSection,
    SymlinkEntry,
    User,
)
from imagesmith.model.facts import Script
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree, describe
from imagesmith.rootfs.declared import RECIPE, declare
from imagesmith.rootfs.overlay import Overlay, overlay

SHIPPED: dict[str, Entry] = {
    "/etc/app.conf": File.of(b"theirs\n"),
    "/usr/lib/app": Directory(),
    "/usr/lib/app/one": File.of(b"1"),
    "/usr/lib/app/two": Hardlink(target="/usr/lib/app/one"),
    "/var/run": Symlink(target="/run"),
}
UNION = overlay([("app", Tree(SHIPPED))])
APP = User(name="app", uid=700, gid=701)


def declared(*entries: FileEntry | DirectoryEntry | SymlinkEntry) -> Overlay:
    """Declare entries over the union."""
    section = RootfsSection(
        users=(APP,),
        declared=Declared(
            files=tuple(each for each in entries if isinstance(each, FileEntry)),
            directories=tuple(each for each in entries if isinstance(each, DirectoryEntry)),
            symlinks=tuple(each for each in entries if isinstance(each, SymlinkEntry)),
        ),
    )
    return declare(UNION, section, facts=facts)


def test_nothing_declared_is_the_union_itself() -> None:
    """And costs nothing."""
    assert declared() is UNION


def test_entries_get_owners_modes_parents_and_facts() -> None:
    """Names are those of the recipe's users; /usr is merged for declared paths as well."""
    found = declared(
        FileEntry(path="/bin/hi", content=b"#!/bin/sh\n", mode=0o755, user="app", group="app"),
        DirectoryEntry(path="/srv/a/b", mode=0o700, user="3", group="4"),
        SymlinkEntry(path="/srv/l", target="a"),
    )
    script = found.tree.entry("/usr/bin/hi")

    assert isinstance(script, File)
    assert (script.uid, script.gid, script.facts) == (700, 701, Script("/bin/sh"))
    assert [f"{path} {describe(entry)}" for path, entry in found.tree if "/srv" in path] == [
        "/srv dir 0755",
        "/srv/a dir 0755",
        "/srv/a/b dir 0700 3:4",
        "/srv/l symlink a",
    ]
    assert "/usr/bin/hi" not in found.owners


def test_what_a_package_ships_is_covered_only_on_demand() -> None:
    """Then nobody owns the path any more."""
    ours = FileEntry(path="/etc/app.conf", content=b"ours\n")
    with pytest.raises(OverlayConflict) as e:
        declared(ours)
    found = declared(attrs.evolve(ours, replace=True))

    assert (e.value.first, e.value.second) == ("app", "the recipe")
    assert e.value.hint == "say replace = true if the recipe's is to be shipped instead"
    assert found.tree.entry("/etc/app.conf") == File.of(b"ours\n")
    assert "/etc/app.conf" not in found.owners


def test_the_same_as_a_package_ships_is_no_conflict() -> None:
    """A recipe may insist on what is there anyway."""
    found = declared(FileEntry(path="/etc/app.conf", content=b"theirs\n"))

    assert found.tree.entry("/etc/app.conf") == SHIPPED["/etc/app.conf"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (FileEntry(path="/etc"), "dir 0755 cannot become file 0644"),
        (SymlinkEntry(path="/etc", target="x"), "dir 0755 cannot become symlink x"),
        (FileEntry(path="/new", replace=True), "there is nothing to replace"),
        (FileEntry(path="/usr/lib/app", replace=True), "dir 0755 cannot become file 0644"),
        (DirectoryEntry(path="/etc/app.conf", replace=True), "cannot become dir 0755"),
        (FileEntry(path="/usr/lib/app/one", replace=True), "cannot become file 0644"),
        (FileEntry(path="/var/run/x"), "symlink /run is no directory for /var/run/x"),
        (FileEntry(path="/etc/app.conf/x"), "is no directory for /etc/app.conf/x"),
        (DirectoryEntry(path="/usr/lib/app", mode=0o700), "dir 0755 against dir 0700"),
    ],
)
def test_what_cannot_be_declared_there(
    entry: FileEntry | DirectoryEntry | SymlinkEntry, problem: str
) -> None:
    """A directory stays one, a link on the way is no directory, hard links stay whole."""
    with pytest.raises(OverlayConflict) as e:
        declared(entry)

    assert problem in e.value.problem


def test_a_path_is_declared_once_however_it_is_spelled() -> None:
    """With /usr merged one of the two would win, and nobody would know which."""
    with pytest.raises(OverlayConflict) as e:
        declared(FileEntry(path="/lib/x", content=b"1"), FileEntry(path="/usr/lib/x"))

    assert (e.value.path, e.value.first, e.value.second) == ("/usr/lib/x", RECIPE, RECIPE)
    assert e.value.problem == "/lib/x and /usr/lib/x are the same path"


def test_a_cache_is_made_or_declared() -> None:
    """One that is declared stays as it is."""
    ours = FileEntry(path="/etc/ld.so.cache", content=b"x")
    section = RootfsSection(ld_so_cache="always", declared=Declared(files=(ours,)))
    with pytest.raises(OverlayConflict) as e:
        declare(UNION, section, facts=facts)

    assert e.value.problem == 'ld-so-cache = "always" makes one'


def test_a_directory_of_a_package_may_get_another_mode() -> None:
    """And keeps its content."""
    found = declared(DirectoryEntry(path="/usr/lib/app", mode=0o700, user="app", replace=True))

    assert found.tree.entry("/usr/lib/app") == Directory(mode=0o700, uid=700)
    assert "/usr/lib/app/one" in found.tree
