"""Trees as other programs see them: unpacked on disk, or read by Python's tarfile."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path

from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, File, Hardlink, Symlink, Tree, Xattrs


def expected(tree: Tree, *, epoch: int) -> dict[str, str]:
    """Describe what must be seen of `tree`, one line per path."""
    return {path: _expected(tree, path, epoch) for path, _ in tree if path != "/"}


def on_disk(root: Path, *, xattrs: bool = True) -> dict[str, str]:
    """Describe what lies under `root`; hard links by the first of their names."""
    seen: dict[str, str] = {}
    first: dict[int, str] = {}
    paths = [os.path.join(top, name) for top, ds, fs in os.walk(root) for name in (*ds, *fs)]  # noqa: PTH118 - bytes names
    for full in sorted(paths, key=os.fsencode):
        status, path = os.lstat(full), full[len(str(root)) :]
        linked = first.setdefault(status.st_ino, path)
        seen[path] = _seen(full, status, linked if linked != path else None, xattrs=xattrs)
    return seen


def by_tarfile(stream: bytes) -> dict[str, str]:
    """Describe the members of a tar archive as Python reads them."""
    seen: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r:", encoding="utf-8") as archive:
        for member in archive:
            mode, owner = f"{member.mode:04o}", f"{member.uid}:{member.gid} @{int(member.mtime)}"
            attributes = _attributes(_pax_xattrs(member.pax_headers))
            if member.islnk():
                line = f"hardlink /{member.linkname} {mode} {owner}{attributes}"
            elif member.issym():
                line = f"symlink {member.linkname} {owner}"
            elif member.isdir():
                line = f"dir {mode} {owner}{attributes}"
            else:
                body = archive.extractfile(member)
                assert body is not None
                line = f"file {Digest.of(body.read()).hex[:12]} {mode} {owner}{attributes}"
            assert f"/{member.name}" not in seen
            seen[f"/{member.name}"] = line
    return seen


def _expected(tree: Tree, path: str, epoch: int) -> str:
    entry = tree.entries[path]
    if isinstance(entry, Symlink):
        return f"symlink {entry.target} {entry.uid}:{entry.gid} @{epoch}"
    file = tree.file(path) or entry
    assert isinstance(file, File | Directory)
    rest = f"{file.mode:04o} {file.uid}:{file.gid} @{epoch}{_attributes(file.xattrs)}"
    if isinstance(entry, Hardlink):
        return f"hardlink {entry.target} {rest}"
    return f"dir {rest}" if isinstance(file, Directory) else f"file {file.digest.hex[:12]} {rest}"


def _seen(full: str, status: os.stat_result, linked: str | None, *, xattrs: bool) -> str:
    owner = f"{status.st_uid}:{status.st_gid} @{int(status.st_mtime)}"
    if stat.S_ISLNK(status.st_mode):
        return f"symlink {os.readlink(full)} {owner}"  # noqa: PTH115 - pathlib normalises it
    found = {name: os.getxattr(full, name) for name in os.listxattr(full)} if xattrs else {}
    rest = f"{stat.S_IMODE(status.st_mode):04o} {owner}{_attributes(tuple(sorted(found.items())))}"
    if stat.S_ISDIR(status.st_mode):
        return f"dir {rest}"
    if linked:
        return f"hardlink {linked} {rest}"
    return f"file {Digest.of(Path(full).read_bytes()).hex[:12]} {rest}"


def _pax_xattrs(records: Mapping[str, str]) -> Xattrs:
    found = (
        (key.removeprefix("SCHILY.xattr."), value.encode("utf-8", "surrogateescape"))
        for key, value in records.items()
        if key.startswith("SCHILY.xattr.")
    )
    return tuple(sorted(found))


def _attributes(xattrs: Xattrs) -> str:
    return "".join(f" {name}={value.hex()}" for name, value in xattrs)
