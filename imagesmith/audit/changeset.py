"""Layers over each other (OCI image-spec 1.1, layer.md, "Applying Changesets").

A directory over a directory replaces its attributes; anything else replaces
what lies at its path and everything below.  Whiteouts never get here: a tar
with one has no tree.  Where runtimes differ, on a file whose directory is a
link in a lower layer, `contested` names the path; no answer to that is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, Hardlink, Tree, parents
from imagesmith.unpack import tar
from imagesmith.unpack.paths import image_path


@attrs.frozen(kw_only=True)
class Changeset:
    """What one layer holds."""

    tree: Tree
    listed: frozenset[str]
    """Directories with a member of their own; others leave those of lower layers as they are."""


def index(view: memoryview, *, blob: Digest, artefact: str) -> Changeset:
    """Index the uncompressed layer `view`; MalformedArtefact if it cannot be read."""
    tree = tar.index(view, blob=blob, artefact=artefact)
    listed = (
        image_path(header.name, directory=True)
        for header in tar.entries(view, artefact=artefact)
        if header.type == "5"
    )
    return Changeset(tree=tree, listed=frozenset(listed))


def overlaid(changesets: Sequence[Changeset]) -> Tree:
    """Return what a runtime sees of layers, lowest first.

    Goes from the uppermost layer down, so that each entry is looked at once.
    """
    entries: dict[str, Entry] = {}
    undecided: set[str] = set()  # directories whose attributes a lower layer may have
    hiding: set[str] = set()  # what replaces everything below
    for changes in reversed(changesets):
        if "/" in changes.listed:
            entries.setdefault("/", changes.tree.entry("/") or Directory())
        visible = {
            path: entry
            for path, entry in changes.tree
            if (path not in entries or (path in undecided and _is_directory(entry)))
            and hiding.isdisjoint(parents(path))
        }
        entries |= _relinked(visible, changes.tree)
        others = {path for path, entry in changes.tree if not _is_directory(entry)}
        undecided |= visible.keys() - others
        undecided -= others | changes.listed
        hiding |= others
    if entries.get("/") == Directory():
        del entries["/"]
    return Tree(entries)


def contested(changesets: Sequence[Changeset]) -> tuple[str, ...]:
    """Return the directories that a layer needs and does not list where a lower one has none.

    Some runtimes follow a link that lies there, others replace it.
    """
    found: set[str] = set()
    listed: dict[str, int] = {}  # the last layer with a directory at this path
    replaced: dict[str, int] = {}  # the last one with anything else
    for number, changes in enumerate(changesets):
        others = {path for path, entry in changes.tree if not _is_directory(entry)}
        for path in changes.tree.entries.keys() - others - changes.listed:
            last = replaced.get(path, -1)
            gone = any(replaced.get(above, -1) > last for above in parents(path))
            if last > listed.get(path, -1) and not gone:
                found.add(path)
        replaced |= dict.fromkeys(others, number)
        listed |= dict.fromkeys(changes.listed, number)
    return tuple(sorted(found))


def _relinked(visible: Mapping[str, Entry], layer: Tree) -> dict[str, Entry]:
    """Give a file that lost its first name to the next of its hard links."""
    entries = dict(visible)
    successors: dict[str, str] = {}
    for path, entry in visible.items():
        if isinstance(entry, Hardlink) and entry.target not in visible:
            file = layer.file(path)
            assert file is not None, "hard links of a tree lead to files"
            first = successors.setdefault(entry.target, path)
            entries[path] = file if first == path else Hardlink(target=first)
    return entries


def _is_directory(entry: Entry) -> bool:
    return isinstance(entry, Directory)
