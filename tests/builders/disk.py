"""A small tree, on the disk and as a value, in words that can be compared."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from builders.tar import Files

from imagesmith.model.tree import Directory, File, Hardlink, Symlink, Tree

FILES: Files = {
    "/d/exec": File.of(b"exec", mode=0o755),
    "/d/file": File.of(b"file", mode=0o640),
    "/d/hard": Hardlink(target="/d/exec"),
    "/d/sub/deep": File.of(b"deep"),
    "/e": Directory(mode=0o2775),
    "/link": Symlink(target="d"),
    "/setuid": File.of(b"setuid", mode=0o6755),
    "/to-file": Symlink(target="d/file"),
}


def laid_out(root: Path, files: Files) -> None:
    """Make files on the disk."""
    from builders.tar import complete

    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for path, entry in complete(files).items():
        here = root / path[1:]
        match entry:
            case Directory():
                here.mkdir(exist_ok=True)
            case File():
                assert isinstance(entry.content, bytes)
                here.write_bytes(entry.content)
            case Symlink():
                here.symlink_to(entry.target)
            case Hardlink():
                here.hardlink_to(root / entry.target[1:])
        if isinstance(entry, File | Directory):
            here.chmod(entry.mode)


def on_disk(root: Path) -> dict[str, str]:
    """Return type, mode and content of what lies on the disk."""
    found = {}
    for path in sorted(root.rglob("*")):
        name, status = f"/{path.relative_to(root)}", path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if path.is_symlink():
            found[name] = f"link {os.readlink(path).replace(str(root), '')}"  # noqa: PTH115 - verbatim
        elif path.is_dir():
            found[name] = f"dir {mode:o}"
        else:
            found[name] = f"file {mode:o} {path.read_bytes()!r}"
    return found


def in_tree(tree: Tree) -> dict[str, str]:
    """Return the same of a tree."""
    found = {}
    for path, entry in tree:
        file = tree.file(path)
        if file is not None:
            found[path] = f"file {file.mode:o} {file.content!r}"
        elif isinstance(entry, Symlink):
            found[path] = f"link {entry.target}"
        elif isinstance(entry, Directory):
            found[path] = f"dir {entry.mode:o}"
    return found
