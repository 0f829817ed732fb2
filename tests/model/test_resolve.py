"""Path resolution inside a root."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from builders.trees import trees
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.model.resolve import Found, NotFound, resolve
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree

FILE = File.of(b"x")
ENTRIES: dict[str, Entry] = {
    "/lib": Symlink(target="usr/lib"),
    "/usr": Directory(),
    "/usr/lib": Directory(),
    "/usr/lib/a.so": Symlink(target="a.so.1"),
    "/usr/lib/a.so.1": FILE,
    "/usr/lib/hard": Hardlink(target="/usr/lib/a.so.1"),
    "/usr/lib/up": Symlink(target="../../../../lib/a.so.1"),
    "/abs": Symlink(target="/usr/lib"),
    "/loop": Symlink(target="loop"),
    "/dangling": Symlink(target="/nowhere"),
}
TREE = Tree(ENTRIES)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", Found("/", Directory(), ())),
        ("/usr/lib/a.so.1", Found("/usr/lib/a.so.1", FILE, ())),
        ("/lib/a.so", Found("/usr/lib/a.so.1", FILE, ("/lib", "/usr/lib/a.so"))),
        ("/abs//./a.so.1", Found("/usr/lib/a.so.1", FILE, ("/abs",))),
        ("/lib/../lib/a.so.1", Found("/usr/lib/a.so.1", FILE, ("/lib",))),
        ("/lib/up", Found("/usr/lib/a.so.1", FILE, ("/lib", "/usr/lib/up"))),
        ("/../../usr", Found("/usr", Directory(), ())),
        ("/usr/lib/hard", Found("/usr/lib/hard", FILE, ())),
        ("/loop", NotFound("ELOOP", "/loop")),
        ("/loop/x", NotFound("ELOOP", "/loop")),
        ("/dangling", NotFound("ENOENT", "/nowhere")),
        ("/usr/lib/a.so.1/x", NotFound("ENOTDIR", "/usr/lib/a.so.1")),
        ("/usr/lib/a.so.1/..", NotFound("ENOTDIR", "/usr/lib/a.so.1")),
        ("/usr/none/x", NotFound("ENOENT", "/usr/none")),
    ],
)
def test_a_path_is_followed_as_the_kernel_does(path: str, found: Found | NotFound) -> None:
    """Links are crossed and reported, `..` stops at the root, loops end."""
    assert resolve(TREE, path) == found


def test_forty_links_are_followed_and_no_more() -> None:
    """MAXSYMLINKS is the kernel's."""
    chain: dict[str, Entry] = {f"/l{i}": Symlink(target=f"l{i + 1}") for i in range(41)}
    tree = Tree(chain | {"/l41": FILE})

    assert isinstance(resolve(tree, "/l1"), Found)
    assert resolve(tree, "/l0") == NotFound("ELOOP", "/l40")


@given(trees(), st.data())
def test_resolution_ends_inside_the_root(tree: Tree, drawn: st.DataObject) -> None:
    """Whatever the links say, a real path has no link in it, or there is none."""
    paths = [path for path, _ in tree] or ["/"]
    found = resolve(tree, drawn.draw(st.sampled_from(paths)))
    if isinstance(found, Found):
        again = resolve(tree, found.path)

        assert isinstance(again, Found)
        assert again.path == found.path
        assert again.links == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize("path", ["/lib/a.so", "/abs/a.so.1", "/usr/lib/up", "/../../usr/lib/up"])
def test_the_kernel_agrees(path: str, tmp_path: Path) -> None:
    """In a chroot, the kernel opens the file that resolution names."""
    for where, entry in TREE:
        target = tmp_path / where[1:]
        match entry:
            case Directory():
                target.mkdir()
            case Symlink():
                target.symlink_to(entry.target)
            case File():
                target.write_bytes(where.encode())
            case Hardlink():
                target.hardlink_to(tmp_path / entry.target[1:])
    found = resolve(TREE, path)
    assert isinstance(found, Found)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.chroot(tmp_path)
        os.write(writer, Path(path).read_bytes())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 100).decode() == found.path
    for descriptor in (reader, writer):
        os.close(descriptor)
    sys.stdout.flush()
