"""The union of package trees.

Debian 12 runs on a merged /usr (Debian technical committee #994388): /bin,
/sbin, /lib and their siblings are links into /usr, whichever spelling a package
uses.  Each of them is merged with its own namesake: /sbin never becomes
/usr/bin.  Two packages may share a directory or an identical file; anything
else they both claim is a conflict that names both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from imagesmith.errors import OverlayConflict
from imagesmith.model.tree import Directory, Entry, Hardlink, Symlink, Tree, describe, parents, same

MERGED = ("bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin")
"""Top-level directories that are links to their namesakes below /usr (usrmerge's list)."""
_MERGED_PATHS = {f"/{name}": f"/usr/{name}" for name in MERGED}


@attrs.frozen(kw_only=True)
class Overlay:
    """One virtual filesystem, and which packages brought each path."""

    tree: Tree
    owners: Mapping[str, tuple[str, ...]]
    """By image path: the packages that ship it, sorted; empty for implied directories."""


def overlay(packages: Iterable[tuple[str, Tree]]) -> Overlay:
    """Lay package trees over each other; the order they are given in does not matter."""
    entries: dict[str, Entry] = {}
    owners: dict[str, tuple[str, ...]] = {}
    for package, tree in sorted(packages, key=lambda item: item[0]):
        for path, entry in _merged(package, tree):
            present = entries.get(path)
            if present is not None and not same(present, entry):
                raise _conflict(path, owners[path][0], present, package, entry)
            if present is None:
                entries[path] = entry
            owners[path] = (*owners.get(path, ()), package)
    _link_merged(entries, owners)
    _imply_parents(entries, owners)
    return Overlay(tree=Tree(entries), owners=MappingProxyType(owners))


def merged_path(path: str) -> str:
    """Return where `path` lies once /usr is merged."""
    top, slash, rest = path[1:].partition("/")
    target = _MERGED_PATHS.get(f"/{top}")
    return path if target is None else target + slash + rest


def _merged(package: str, tree: Tree) -> Iterable[tuple[str, Entry]]:
    """Yield a package's entries at their merged paths, each once."""
    seen: dict[str, Entry] = {}
    for path, entry in tree:
        if path == "/":
            continue
        if path in _MERGED_PATHS and isinstance(entry, Symlink):
            if entry.target.strip("/") != _MERGED_PATHS[path].strip("/"):
                wanted = Symlink(target=_MERGED_PATHS[path][1:])
                raise _conflict(path, "merged /usr", wanted, package, entry)
            continue
        there = merged_path(path)
        moved = Hardlink(target=merged_path(entry.target)) if isinstance(entry, Hardlink) else entry
        twin = seen.get(there)
        if twin is not None and not same(twin, moved):
            raise _conflict(there, package, twin, package, moved)
        if twin is None:
            seen[there] = moved
    return seen.items()


def _conflict(path: str, first: str, entry: Entry, second: str, other: Entry) -> OverlayConflict:
    problem = f"{describe(entry)} against {describe(other)}"
    return OverlayConflict(path=path, first=first, second=second, problem=problem)


def _link_merged(entries: dict[str, Entry], owners: dict[str, tuple[str, ...]]) -> None:
    """Add the link /NAME for every merged directory that something lies in."""
    tops = {path.split("/", 3)[2] for path in entries if path.startswith("/usr/")}
    for name in MERGED:
        if name in tops:
            entries[f"/{name}"] = Symlink(target=f"usr/{name}")
            owners[f"/{name}"] = ()


def _imply_parents(entries: dict[str, Entry], owners: dict[str, tuple[str, ...]]) -> None:
    """Add missing parent directories; refuse parents that are none."""
    for path in list(entries):
        for above in parents(path):
            entry = entries.get(above)
            if isinstance(entry, Directory):
                break
            if entry is not None:
                raise _conflict(above, owners[above][0], entry, owners[path][0], Directory())
            entries[above] = Directory()
            owners[above] = ()
