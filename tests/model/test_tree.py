"""Trees are sorted values."""

from __future__ import annotations

import os

import attrs
import pytest
from builders.trees import trees
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Span,
    Symlink,
    Tree,
    describe,
    is_executable,
    parents,
    same,
    sort_key,
)

FILE = File.of(b"x", mode=0o4755)


@given(trees(), st.randoms())
def test_the_order_entries_come_in_does_not_matter(tree: Tree, random: object) -> None:
    """Any permutation of entries is the same tree, in the same order."""
    items = list(tree)
    random.shuffle(items)  # type: ignore[attr-defined]  # hypothesis' own Random

    assert list(Tree(items)) == list(tree)


@given(trees())
def test_parents_come_before_children(tree: Tree) -> None:
    """Whoever walks a tree meets a directory before what lies in it."""
    seen: set[str] = set()
    for path, _ in tree:
        assert seen.issuperset(parents(path))
        seen.add(path)


def test_paths_are_ordered_by_their_bytes() -> None:
    """Bytes that are no UTF-8 sort among the others as bytes."""
    paths = ["/\udcff", "/é", "/a/b", "/a-b", "/a"]

    assert sorted(paths, key=sort_key) == ["/a", "/a-b", "/a/b", "/é", "/\udcff"]
    assert [sort_key(path) for path in paths] == [os.fsencode(path) for path in paths]


def test_the_root_is_always_a_directory() -> None:
    """A tree need not hold its root."""
    tree = Tree()

    assert tree.entry("/") == Directory()
    assert len(tree) == 0
    assert "/" not in tree


def test_a_file_is_found_by_each_of_its_names() -> None:
    """`file` goes through a hard link and gives nothing for other entries."""
    entries: dict[str, Entry] = {"/a": FILE, "/b": Hardlink(target="/a"), "/d": Directory()}
    tree = Tree(entries)

    assert tree.file("/a") == FILE
    assert tree.file("/b") == FILE
    assert tree.file("/d") is None


def test_a_directory_lists_what_lies_in_it() -> None:
    """Not what lies deeper, nor what is called alike."""
    tree = Tree({path: Directory() for path in ("/a", "/a/c", "/a/b", "/a/b/d", "/ab")})

    assert tree.names("/a") == ("b", "c")
    assert (tree.names("/"), tree.names("/none")) == (("a", "ab"), ())


def test_a_tree_cannot_be_changed() -> None:
    """Trees are values."""
    with pytest.raises(TypeError):
        Tree().entries["/a"] = FILE  # type: ignore[index]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (FILE, "file 4755 2d711642b726"),
        (attrs.evolve(FILE, uid=1, xattrs=(("a", b"\xff"),)), "file 4755 1:0 2d711642b726 a=ff"),
        (Directory(mode=0o1777, gid=5), "dir 1777 0:5"),
        (Symlink(target="usr/bin"), "symlink usr/bin"),
        (Hardlink(target="/a"), "hardlink /a"),
    ],
)
def test_an_entry_has_a_line_for_people(entry: Entry, line: str) -> None:
    """Errors, listings and tests share one notation."""
    assert describe(entry) == line


def test_files_are_the_same_wherever_their_content_lies() -> None:
    """Content counts by digest, not by place."""
    elsewhere = attrs.evolve(FILE, content=Span(FILE.digest, 7))

    assert same(FILE, elsewhere)
    assert not same(FILE, attrs.evolve(FILE, uid=1))
    assert not same(FILE, File.of(b"y", mode=0o4755))
    assert same(Directory(), Directory())
    assert not same(Directory(), FILE)


def test_any_execute_bit_makes_a_file_executable() -> None:
    """The kernel asks for one of three bits."""
    assert is_executable(File.of(b"", mode=0o010))
    assert not is_executable(File.of(b"", mode=0o644))
