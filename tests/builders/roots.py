"""Small roots: trees of paths and contents, in memory and on disk, and what loads in them."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from builders.elf import GLIBC_INTERP, make_glibc

from imagesmith.elf.closure import BARE, Environment, LoaderClosure, load
from imagesmith.elf.object import facts
from imagesmith.model.facts import Facts, Script
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree

Content = bytes | str | None
"""A file; a symlink's target, `=PATH` (a hard link) or a script from `#!` on; a directory."""


def make_tree(content: Mapping[str, Content], modes: Mapping[str, int] | None = None) -> Tree:
    """Return the tree of these paths, with every directory above them."""
    entries: dict[str, Entry] = {}
    for path, what in content.items():
        for above in _above(path):
            entries.setdefault(above, Directory())
        entries[path] = _entry(what, (modes or {}).get(path, 0o755))
    return Tree(entries)


def _above(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: end + 1]) for end in range(len(parts))]


def _entry(what: Content, mode: int) -> Entry:
    match what:
        case None:
            return Directory()
        case str() if what.startswith("#!"):
            return make_file(what.encode(), mode)
        case str() if what.startswith("="):
            return Hardlink(target=what[1:])
        case str():
            return Symlink(target=what)
        case bytes():
            return make_file(what, mode)


def make_file(content: bytes, mode: int = 0o755) -> File:
    """Return a file with the facts a package's index would have."""
    made = File.of(content, mode=mode)
    return File(
        mode=mode, size=made.size, digest=made.digest, content=content, facts=facts_of(content)
    )


@functools.lru_cache(maxsize=64)
def facts_of(content: bytes) -> Facts | None:
    """Return the facts of a file's content."""
    if content.startswith(b"#!"):
        return Script(content[2:255].partition(b"\n")[0].decode())
    return facts(memoryview(content))


def reader(tree: Tree) -> Callable[[str], bytes]:
    """Return what reads the files of a tree whose files hold their own bytes."""

    def read(path: str) -> bytes:
        file = tree.file(path)
        assert file is not None
        assert isinstance(file.content, bytes)
        return file.content

    return read


def write_tree(content: Mapping[str, Content], root: Path) -> None:
    """Write the same paths below a host directory, for real loaders to judge."""
    for path, what in content.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        match what:
            case None:
                place.mkdir(exist_ok=True)
            case str() if what.startswith("="):
                os.link(root / what[1:].lstrip("/"), place)
            case str() if not what.startswith("#!"):
                place.symlink_to(what)
            case _:
                place.write_bytes(what.encode() if isinstance(what, str) else what)
                place.chmod(0o755)


def read_tree(root: Path) -> Tree:
    """Return the tree below a host directory; names of one file become hard links."""
    entries: dict[str, Entry] = {}
    known: dict[tuple[int, int], str] = {}
    for place in sorted(root.rglob("*")):
        path, status = "/" + str(place.relative_to(root)), place.lstat()
        if stat.S_ISLNK(status.st_mode):
            entries[path] = Symlink(target=str(place.readlink()))
        elif stat.S_ISDIR(status.st_mode):
            entries[path] = Directory()
        elif (first := known.setdefault((status.st_dev, status.st_ino), path)) != path:
            entries[path] = Hardlink(target=first)
        else:
            entries[path] = make_file(place.read_bytes(), stat.S_IMODE(status.st_mode))
    return Tree(entries)


def closure_of(
    content: Mapping[str, Content],
    environment: Environment = BARE,
    modes: Mapping[str, int] | None = None,
    *,
    seed: str,
) -> LoaderClosure:
    """Load `seed` from a tree of `content`, with Debian's loader unless another one is in it."""
    tree = make_tree({GLIBC_INTERP: make_glibc(), **content}, modes)
    return load(tree, seed, environment, read=reader(tree))


def found_in(closure: LoaderClosure) -> list[tuple[str, str]]:
    """Return path and rule of what was loaded, without the seed and its loader."""
    return [(each.path, each.rule) for each in closure.objects[1:] if each.rule != "interp"]
