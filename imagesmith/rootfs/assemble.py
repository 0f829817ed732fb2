"""The root filesystem: chosen paths, generated entries, and every parent they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imagesmith.errors import OverlayConflict
from imagesmith.model.tree import (
    Directory,
    Entry,
    Hardlink,
    Tree,
    describe,
    parents,
    same,
    sort_key,
)
from imagesmith.rootfs.declared import RECIPE
from imagesmith.rootfs.overlay import Overlay


def assemble(overlay: Overlay, paths: Iterable[str], generated: Mapping[str, Entry]) -> Tree:
    """Return the tree of `paths` from the overlay and of the generated entries."""
    entries: dict[str, Entry] = {}
    for path in paths:
        entry = overlay.tree.entry(path)
        assert entry is not None, f"{path} was chosen and is in no package"
        entries[path] = entry
    entries = _regroup(entries, overlay.tree)
    for path, entry in generated.items():
        present = entries.get(path)
        if present is not None and not same(present, entry):
            owner = ", ".join(overlay.owners.get(path, ())) or RECIPE
            problem = f"{describe(present)} against {describe(entry)}"
            raise OverlayConflict(path=path, first=owner, second="generated", problem=problem)
        entries[path] = entry
    for path in list(entries):
        for above in parents(path):
            if above not in entries:
                entries[above] = overlay.tree.entry(above) or Directory()
            if not isinstance(entries[above], Directory):
                problem = f"{describe(entries[above])} is no directory for {path}"
                owner = ", ".join(overlay.owners.get(above, ())) or "generated"
                raise OverlayConflict(path=above, first=owner, second="generated", problem=problem)
    return Tree(entries)


def _regroup(entries: Mapping[str, Entry], tree: Tree) -> dict[str, Entry]:
    """Make the first chosen name of every hard link group the file, the others links to it.

    Layers need a link's target before the link (OCI image-spec, layer.md), and
    the name that held the file in its package may not have been chosen.
    """
    groups: dict[str, list[str]] = {}
    for path, entry in entries.items():
        if isinstance(entry, Hardlink):
            groups.setdefault(entry.target, []).append(path)
    regrouped = dict(entries)
    for target, names in groups.items():
        file = tree.file(target)
        assert file is not None, f"{target} is linked to and is in no package"
        chosen = sorted([*names, *((target,) if target in entries else ())], key=sort_key)
        regrouped[chosen[0]] = file
        regrouped |= {name: Hardlink(target=chosen[0]) for name in chosen[1:]}
    return regrouped
