"""Entries that a recipe declares, laid over the packages before anything is traced.

So a declared script can be a seed, and a declared configuration is what runtime
rules read.  Nothing of a package is covered unless the declaration says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import attrs

from imagesmith.elf.root import LD_SO_CACHE
from imagesmith.errors import OverlayConflict
from imagesmith.manifest.sections import (
    Declared,
    DirectoryEntry,
    FileEntry,
    RootfsSection,
    SymlinkEntry,
    User,
)
from imagesmith.model.facts import Facts
from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Symlink,
    Tree,
    describe,
    parents,
    same,
)
from imagesmith.rootfs.overlay import Overlay, merged_path

RECIPE = "the recipe"
"""Who declares, where messages name packages."""


def declare(
    union: Overlay, section: RootfsSection, *, facts: Callable[[memoryview], Facts | None]
) -> Overlay:
    """Return the packages' union with what `section` declares; OverlayConflict if they differ.

    `section` is that of one architecture; `facts` says what a file's content is.
    """
    made = entries(section, facts=facts)
    if not made:
        return union
    if LD_SO_CACHE in made and section.ld_so_cache == "always":
        raise _conflict(union, LD_SO_CACHE, 'ld-so-cache = "always" makes one')
    replacing = {merged_path(each.path) for each in section.declared if each.replace}
    linked = {each.target for _, each in union.tree if isinstance(each, Hardlink)}
    for path, entry in made.items():
        _check(union, path, entry, replaces=path in replacing, is_linked=path in linked)
    whole = {**union.tree.entries, **made}
    for path in made:
        for above in parents(path):
            present = whole.setdefault(above, Directory())
            if not isinstance(present, Directory):
                raise _conflict(union, above, f"{describe(present)} is no directory for {path}")
    owners = {path: names for path, names in union.owners.items() if path not in made}
    return attrs.evolve(union, tree=Tree(whole), owners=MappingProxyType(owners))


def entries(
    section: RootfsSection, *, facts: Callable[[memoryview], Facts | None]
) -> Mapping[str, Entry]:
    """Return the declared entries by the paths they have in an image; OverlayConflict for two."""
    ids = _ids(section.users)
    spelled: dict[str, str] = {}
    for path in (each.path for each in section.declared):
        other = spelled.setdefault(merged_path(path), path)
        if other != path:
            problem = f"{other} and {path} are the same path"
            raise OverlayConflict(
                path=merged_path(path), first=RECIPE, second=RECIPE, problem=problem
            )
    return {merged_path(each.path): _entry(each, ids, facts) for each in section.declared}


def paths(declared: Declared) -> Iterable[str]:
    """Return where the declared entries lie in an image."""
    return (merged_path(each.path) for each in declared)


def _check(union: Overlay, path: str, entry: Entry, *, replaces: bool, is_linked: bool) -> None:
    """Refuse to cover what a package ships, or to replace what is not there."""
    present = union.tree.entry(path)
    owned = path in union.owners and bool(union.owners[path])
    alike = isinstance(present, Directory) == isinstance(entry, Directory)
    if present is None or (alike and isinstance(present, Directory) and not owned):
        if replaces:
            raise _conflict(union, path, "there is nothing to replace")
        return
    if is_linked or not alike:
        raise _conflict(union, path, f"{describe(present)} cannot become {describe(entry)}")
    if not replaces and not same(present, entry):
        hint = "say replace = true if the recipe's is to be shipped instead"
        raise _conflict(union, path, f"{describe(present)} against {describe(entry)}", hint)


def _conflict(union: Overlay, path: str, problem: str, hint: str | None = None) -> OverlayConflict:
    owner = ", ".join(union.owners.get(path, ())) or "the packages"
    return OverlayConflict(path=path, first=owner, second=RECIPE, problem=problem, hint=hint)


def _ids(users: Iterable[User]) -> Mapping[str, tuple[int, int]]:
    """Return uid and gid by name; a group has the name of its user."""
    return {"root": (0, 0), **{user.name: (user.uid, user.gid) for user in users}}


def _entry(
    declared: FileEntry | DirectoryEntry | SymlinkEntry,
    ids: Mapping[str, tuple[int, int]],
    facts: Callable[[memoryview], Facts | None],
) -> Entry:
    if isinstance(declared, SymlinkEntry):
        return Symlink(target=declared.target)
    uid = int(declared.user) if declared.user.isdigit() else ids[declared.user][0]
    gid = int(declared.group) if declared.group.isdigit() else ids[declared.group][1]
    if isinstance(declared, DirectoryEntry):
        return Directory(mode=declared.mode, uid=uid, gid=gid)
    file = File.of(declared.content, mode=declared.mode)
    return attrs.evolve(file, uid=uid, gid=gid, facts=facts(memoryview(declared.content)))
