"""Layers over each other give what a runtime would see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import pytest
from builders.tar import Raw, archive, make_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.audit.changeset import Changeset, contested, index, overlaid
from imagesmith.errors import MalformedArtefact
from imagesmith.manifest import mtree
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree, describe, parents


def layer(*members: Raw | tuple[str, bytes]) -> Changeset:
    """Read a layer of these members; pairs are files, without a member for their directory."""
    raw = (
        Raw(name=member[0].encode(), body=member[1]) if isinstance(member, tuple) else member
        for member in members
    )
    content = archive(*raw)
    return index(memoryview(content), blob=Digest.of(content), artefact="layer")


def directory(name: bytes, mode: int = 0o755) -> Raw:
    """Return a directory's member."""
    return Raw(name=name, type=b"5", mode=mode)


def link(name: bytes, target: bytes, kind: bytes = b"2") -> Raw:
    """Return a symbolic link, or a hard one if `kind` is `1`."""
    return Raw(name=name, type=kind, link=target, mode=0o644 if kind == b"1" else 0o777)


def lines(tree: Tree) -> dict[str, str]:
    """Render a tree; files by a short digest of their content."""
    return {path: describe(entry) for path, entry in tree}


def file(content: bytes) -> str:
    """Render a file of mode 0644."""
    return f"file 0644 {hashlib.sha256(content).hexdigest()[:12]}"


class TestIndex:
    """`index`: one layer."""

    def test_directories_without_a_member_are_told_apart(self) -> None:
        """Only those with one change what is below."""
        found = layer(directory(b"a/"), ("a/b/c", b""), directory(b"./d"))

        assert found.listed == {"/a", "/d"}
        assert set(found.tree.entries) == {"/a", "/a/b", "/a/b/c", "/d"}

    @pytest.mark.parametrize("name", [b".wh.a", b"a/.wh..wh..opq", b"../a", b"a//b"])
    def test_whiteouts_and_unsafe_names_are_refused(self, name: bytes) -> None:
        """There is no tree of such a layer alone."""
        with pytest.raises(MalformedArtefact):
            layer((name.decode(), b""))


class TestOverlaid:
    """`overlaid`: several."""

    @pytest.mark.parametrize(
        ("layers", "wanted"),
        [
            ([], {}),
            (
                [layer(("a", b"1"), ("b", b"1")), layer(("a", b"2"))],
                {"/a": file(b"2"), "/b": file(b"1")},
            ),
            (  # an implied directory leaves the attributes of the one below
                [layer(directory(b"d", 0o700)), layer(("d/x", b""))],
                {"/d": "dir 0700", "/d/x": file(b"")},
            ),
            (  # through several layers
                [layer(directory(b"d", 0o700)), layer(("d/x", b"")), layer(("d/y", b""))],
                {"/d": "dir 0700", "/d/x": file(b""), "/d/y": file(b"")},
            ),
            (  # a listed one replaces them
                [layer(directory(b"d", 0o700), ("d/x", b"")), layer(directory(b"d", 0o711))],
                {"/d": "dir 0711", "/d/x": file(b"")},
            ),
            (  # a file replaces a directory and everything below
                [layer(("d/x/y", b""), ("e", b"")), layer(("d", b"2"))],
                {"/d": file(b"2"), "/e": file(b"")},
            ),
            (  # a directory replaces a link
                [layer(link(b"d", b"e")), layer(directory(b"d"), ("d/x", b""))],
                {"/d": "dir 0755", "/d/x": file(b"")},
            ),
            (  # and does not bring back what the link had replaced
                [layer(("d/old", b"")), layer(link(b"d", b"e")), layer(directory(b"d"))],
                {"/d": "dir 0755"},
            ),
            (  # a file that lost its first name keeps the others
                [
                    layer(
                        ("a", b"1"),
                        link(b"b", b"a", b"1"),
                        link(b"c", b"a", b"1"),
                    ),
                    layer(("a", b"2")),
                ],
                {"/a": file(b"2"), "/b": file(b"1"), "/c": "hardlink /b"},
            ),
            (  # also where a directory above it went
                [
                    layer(("d/a", b"1"), link(b"b", b"d/a", b"1")),
                    layer(("d", b"2")),
                ],
                {"/b": file(b"1"), "/d": file(b"2")},
            ),
            (  # the root is a directory as well
                [layer(directory(b"./", 0o700)), layer(directory(b"./"), ("a", b""))],
                {"/a": file(b"")},
            ),
            (
                [layer(directory(b"./")), layer(directory(b"./", 0o700))],
                {"/": "dir 0700"},
            ),
            (
                [layer(directory(b"./", 0o700)), layer(("a", b""))],
                {"/": "dir 0700", "/a": file(b"")},
            ),
        ],
    )
    def test_the_upper_layer_wins(self, layers: list[Changeset], wanted: dict[str, str]) -> None:
        """The rules of image-spec's "Applying Changesets", one by one."""
        assert wanted == lines(overlaid(layers))
        assert contested(layers) == ()

    def test_files_below_a_link_are_contested(self) -> None:
        """Some runtimes follow the link, some replace it: neither answer is given as the one."""
        lower = layer(("real/x", b""), link(b"d", b"real"), ("l", b""), link(b"m", b"l", b"1"))
        upper = layer(("d/y", b"2"), ("l/z", b""))

        assert contested([lower, upper]) == ("/d", "/l")
        assert lines(overlaid([lower, upper])) == {
            "/d": "dir 0755",
            "/d/y": file(b"2"),
            "/l": "dir 0755",
            "/l/z": file(b""),
            "/m": file(b""),
            "/real": "dir 0755",
            "/real/x": file(b""),
        }

    def test_what_is_contested_stays_so(self) -> None:
        """A later layer hides the link, not what was written through it."""
        lower, upper = layer(link(b"d", b"real")), layer(("d/x", b""))

        assert contested([lower, upper, layer(("d", b""))]) == ("/d",)
        assert contested([lower, layer(directory(b"d")), upper]) == ()
        assert contested([layer(("a/d", b"")), layer(("a", b"")), layer(directory(b"a"))]) == ()

    def test_one_layer_is_its_tree(self) -> None:
        """With directories listed or not."""
        content = make_tar({"/a/b": b"1", "/c": Hardlink(target="/a/b")})
        found = index(memoryview(content), blob=Digest.of(content), artefact="layer")

        assert overlaid([found]) == found.tree


Inode: TypeAlias = list[Entry]
"""An entry with an identity: names of one file share it."""

PATHS = ["/a", "/b", "/a/a", "/a/b", "/b/a", "/a/a/a", "/a/a/b"]


@st.composite
def changesets(draw: st.DrawFn) -> Changeset:
    """Draw a small layer over few names, so that layers meet."""
    entries: dict[str, Entry] = {}
    for path in draw(st.lists(st.sampled_from(PATHS), unique=True, max_size=5).map(sorted)):
        if any(not isinstance(entries.get(above), Directory | None) for above in parents(path)):
            continue
        entries[path] = draw(
            st.builds(File.of, st.binary(max_size=1))
            | st.builds(Directory, mode=st.sampled_from([0o700, 0o711]))
            | st.just(Symlink(target="a"))
        )
    files = sorted(path for path, entry in entries.items() if isinstance(entry, File))
    for name in draw(st.lists(st.sampled_from(["/y", "/z"]), unique=True)) if files else ():
        entries[name] = Hardlink(target=draw(st.sampled_from(files)))
    named = frozenset(path for path, entry in entries.items() if isinstance(entry, Directory))
    for path in list(entries):
        for above in parents(path):
            entries.setdefault(above, Directory())
    return Changeset(tree=Tree(entries), listed=named)


def unpacked(layers: Iterable[Changeset]) -> dict[str, Inode] | None:
    """Unpack layer after layer as a runtime does, or None where runtimes differ."""
    disk: dict[str, Inode] = {}
    for changes in layers:
        made: dict[str, Inode] = {}
        for path, entry in changes.tree:
            before = disk.get(path)
            if isinstance(entry, Directory) and before and isinstance(before[0], Directory):
                if path in changes.listed:
                    disk[path] = [entry]
                continue
            if before and isinstance(entry, Directory) and path not in changes.listed:
                return None
            for below in [other for other in disk if other.startswith(f"{path}/")]:
                del disk[below]
            made[path] = disk[path] = made[entry.target] if isinstance(entry, Hardlink) else [entry]
    return disk


def as_mtree(disk: Mapping[str, Inode]) -> bytes:
    """Render what was unpacked: the first name of an inode is the file."""
    first: dict[int, str] = {}
    entries: dict[str, Entry] = {}
    for path in sorted(disk):
        target = first.setdefault(id(disk[path]), path)
        entries[path] = disk[path][0] if target == path else Hardlink(target=target)
    return mtree.to_bytes(Tree(entries))


def in_order(tree: Tree) -> Tree:
    """Let the first name of each file be the file."""
    entries = dict(tree)
    for path, entry in tree:
        if isinstance(entry, Hardlink) and path < entry.target:
            target = entries[entry.target]
            if isinstance(target, File):
                entries[path], entries[entry.target] = target, Hardlink(target=path)
            else:
                assert isinstance(target, Hardlink)
                entries[path] = Hardlink(target=target.target)
    return Tree(entries)


class TestLaws:
    """What holds for all layers."""

    @given(st.lists(changesets(), max_size=4))
    @settings(deadline=None, max_examples=150)
    def test_going_down_gives_what_unpacking_upwards_gives(self, layers: list[Changeset]) -> None:
        """A model with inodes, which applies one layer after the other, agrees."""
        disk = unpacked(layers)

        assert bool(contested(layers)) is (disk is None)
        assert disk is None or as_mtree(disk) == mtree.to_bytes(in_order(overlaid(layers)))

    @given(st.lists(changesets(), max_size=4))
    @settings(deadline=None, max_examples=60)
    def test_the_result_is_a_sound_tree(self, layers: list[Changeset]) -> None:
        """Contested or not: parents are directories and hard links lead to files."""
        tree = overlaid(layers)

        assert all(
            isinstance(tree.entry(above), Directory) for path, _ in tree for above in parents(path)
        )
        assert all(tree.file(path) for path, entry in tree if isinstance(entry, Hardlink))

    @given(changesets())
    @settings(deadline=None, max_examples=50)
    def test_a_layer_over_itself_changes_nothing(self, changes: Changeset) -> None:
        """Applying is idempotent."""
        assert overlaid([changes, changes]) == overlaid([changes])
        assert overlaid([changes]) == changes.tree

    def test_layers_stay_as_they_are(self) -> None:
        """Values are not changed by what is laid over them."""
        lower, upper = layer(("a", b"1"), directory(b"d", 0o700)), layer(("a", b"2"))
        before = dict(lower.tree.entries)
        overlaid([lower, upper])

        assert before == lower.tree.entries
