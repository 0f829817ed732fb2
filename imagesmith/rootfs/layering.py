"""Layers: a finished tree divided so that a new version of a package changes few of them.

Every path but a directory is in exactly one layer, a hard link in that of its file,
and each layer has all directories above what it holds.  So no layer says less
or more because of another one, none takes anything away, and the order in which they
lie decides nothing but how much of an image an engine has to unpack again.

What belongs together is a source package: what is built from it changes at one time.
The largest have layers of their own, the others share some by a hash of their names,
so that a package that comes, goes or grows leaves the rest where it is.  Lowest lies
what was built first: what changed last is likeliest to change next, and whatever lies
above a change has to be unpacked again.  On top is what no package ships.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import attrs

from imagesmith.manifest.sections import LayerBudget
from imagesmith.model.tree import Entry, File, Hardlink, Tree, parent, parents
from imagesmith.rootfs.effects.configured import Origin

CROWDED = 16
"""Times `min-layer-size` that shared layers may hold on average before there are more of them."""


@attrs.frozen(kw_only=True)
class Part:
    """What one layer holds."""

    tree: Tree
    packages: tuple[str, ...] = ()
    """Whose files these are, sorted; none for what no package ships."""
    epoch: int
    """Its mtime, seconds since 1970: when the newest of its packages was built."""


def divide(
    tree: Tree,
    owners: Mapping[str, tuple[str, ...]],
    origins: Mapping[str, Origin],
    *,
    budget: LayerBudget,
    epoch: int,
) -> tuple[Part, ...]:
    """Return the layers of `tree`, lowest first; `epoch` is that of what no package ships."""
    shipped = _shipped(tree, owners, origins)
    nobodys = shipped.pop("", {})
    sizes = {source: _size(tree, paths) for source, paths in shipped.items()}
    parts: list[Part] = []
    for group in _grouped(sizes, budget):
        packages = {path: names for source in group for path, names in shipped[source].items()}
        parts.append(_part(tree, packages, origins))
    parts.sort(key=lambda part: (part.epoch, part.packages))
    if nobodys or not parts:
        parts.append(Part(tree=_with_parents(tree, nobodys), epoch=epoch))
    return tuple(parts)


def _shipped(
    tree: Tree, owners: Mapping[str, tuple[str, ...]], origins: Mapping[str, Origin]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return by source package what it ships, and by which of its packages; "" if none does.

    Everything but the directories above other entries; what several sources ship is the first's.
    """
    above = {parent(path) for path, _ in tree}
    shipped: dict[str, dict[str, tuple[str, ...]]] = {}
    for path, entry in tree:
        if path in above or path == "/":
            continue
        first = entry.target if isinstance(entry, Hardlink) else path
        names = [name for name in owners.get(first, ()) if name in origins]
        source = min((origins[name].source for name in names), default="")
        theirs = tuple(name for name in names if origins[name].source == source)
        shipped.setdefault(source, {})[path] = theirs
    return shipped


def _size(tree: Tree, paths: Iterable[str]) -> int:
    entries = (tree.entry(path) for path in paths)
    return sum(entry.size for entry in entries if isinstance(entry, File))


def _grouped(sizes: Mapping[str, int], budget: LayerBudget) -> Iterable[frozenset[str]]:
    """Return which source packages have a layer together, those alone that are large enough.

    How many layers are shared doubles, so that a source stays or goes to one other.
    """
    below_top = budget.max_layers - 1
    shared = max(1, below_top // 4)
    large = [source for source, size in sizes.items() if size >= budget.min_layer_size]
    large.sort(key=lambda source: (-sizes[source], source))
    alone = large[: below_top - shared]
    others = sizes.keys() - set(alone)
    total, count = sum(sizes[source] for source in others), 1
    while 2 * count <= shared and total > count * CROWDED * budget.min_layer_size:
        count *= 2
    crowds: dict[int, set[str]] = {}
    for source in others:
        crowds.setdefault(_hash(source) % count, set()).add(source)
    return (*(frozenset([source]) for source in alone), *map(frozenset, crowds.values()))


def _hash(source: str) -> int:
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[-4:])


def _part(
    tree: Tree, shipped: Mapping[str, tuple[str, ...]], origins: Mapping[str, Origin]
) -> Part:
    packages = sorted({name for names in shipped.values() for name in names})
    return Part(
        tree=_with_parents(tree, shipped),
        packages=tuple(packages),
        epoch=max(origins[name].built for name in packages),
    )


def _with_parents(tree: Tree, paths: Iterable[str]) -> Tree:
    """Return some paths of a tree with the directories above them."""
    chosen: dict[str, Entry] = {}
    for path in paths:
        chosen[path] = tree.entries[path]
        for above in parents(path):
            if above in chosen:
                break
            chosen[above] = tree.entries[above]
    return Tree(chosen)
