"""A tree becomes a directory: an image's root filesystem, written once and lent read-only.

Nothing but what this writes is in the directory while it is written, nobody else
may enter it, and every parent is a directory made here, so no link is ever
followed.  What a file holds is hashed as it is written and must be what was
verified.

It belongs to whoever runs it, since only root could give it away.  Permissions
stay, as far as its owner can still read it; setuid and setgid bits and
capabilities do not, as the sandbox knows none and the host must not honour them.
`user.` attributes stay where the filesystem has them.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from imagesmith.errors import IntegrityError, MalformedArtefact
from imagesmith.manifest import mtree
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.text import printable
from imagesmith.model.tree import Directory, File, Hardlink, Span, Symlink, Tree, Xattrs, parent
from imagesmith.sandbox import inside, lending, replay
from imagesmith.store.layout import host_errors

Layers = Iterable[tuple[Digest, AbstractContextManager[memoryview]]]
"""Uncompressed layers by their digests, or whatever spans lie in; each is read once."""

_FILE_BITS, _DIRECTORY_BITS = 0o777, 0o1777
_OWN_FILE, _OWN_DIRECTORY = 0o400, 0o700
_PIECE = 1024 * 1024


def write(
    into: Path,
    tree: Tree,
    *,
    layers: Layers,
    image: Mapping[str, Json],
    epoch: int,
    what: str,
) -> None:
    """Write root, record and mtree of an image into an empty directory, and have them on disk.

    `image` has its name, platform and config; `what` is what errors call it.
    MalformedArtefact for a tree with something below a link, IntegrityError for a
    layer that is not the one the tree was read from, HostError for the host's.
    """
    _check_paths(tree, what)
    root = into / replay.ROOT
    with host_errors(into):
        root.mkdir(_OWN_DIRECTORY)
        for path, _ in _directories(tree):
            Path(f"{root}{path}").mkdir(_OWN_DIRECTORY)
        _write_files(root, tree, layers, epoch, what)
        _write_links(root, tree, epoch)
        _finish_directories(root, tree, epoch)
        writable = list(_writable(tree, inside.homes(str(root))))
        record = {**image, "writable": writable}
        (into / lending.RECORD).write_text(json.dumps(record))  # ASCII, whatever paths hold
        (into / "mtree").write_bytes(mtree.to_bytes(tree))
        _sync(into)


def _check_paths(tree: Tree, what: str) -> None:
    """Require what every tree of a tar promises: plain paths, and directories above them."""
    for path, _ in tree:
        is_plain = path.startswith("/") and not {"", ".", ".."} & set(path[1:].split("/"))
        if path != "/" and not (is_plain and isinstance(tree.entry(parent(path)), Directory)):
            raise MalformedArtefact(
                artefact=what, member=printable(path), problem="not below a directory"
            )


def _directories(tree: Tree) -> Iterator[tuple[str, Directory]]:
    """Yield the directories below the root, parents first."""
    for path, entry in tree:
        if isinstance(entry, Directory) and path != "/":
            yield path, entry


def _write_files(root: Path, tree: Tree, layers: Layers, epoch: int, what: str) -> None:
    """Write the regular files, layer by layer, after those that hold their own content."""
    pending: dict[Digest, list[tuple[str, File, int]]] = {}
    for path, entry in tree:
        if not isinstance(entry, File):
            continue
        match entry.content:
            case Span(blob, offset):
                pending.setdefault(blob, []).append((path, entry, offset))
            case content:
                _write_file(f"{root}{path}", entry, memoryview(content), epoch, what)
    for digest, lent in layers:
        with lent as view:
            for path, file, offset in pending.pop(digest, ()):
                _write_file(f"{root}{path}", file, view[offset : offset + file.size], epoch, what)
    assert not pending, "every other file lies in a layer"


def _write_file(path: str, file: File, content: memoryview, epoch: int, what: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "wb", buffering=0) as output:
        found = hashlib.sha256()
        for start in range(0, len(content), _PIECE):
            piece = content[start : start + _PIECE]
            found.update(piece)
            while piece:
                piece = piece[os.write(output.fileno(), piece) :]
        if found.hexdigest() != file.digest.hex:
            raise IntegrityError(what=what, expected=str(file.digest), got=found.hexdigest())
        _set_attributes(output.fileno(), file.xattrs)
        os.fchmod(output.fileno(), file.mode & _FILE_BITS | _OWN_FILE)
        os.utime(output.fileno(), (epoch, epoch))


def _write_links(root: Path, tree: Tree, epoch: int) -> None:
    for path, entry in tree:
        place = f"{root}{path}"
        if isinstance(entry, Hardlink):
            os.link(f"{root}{entry.target}", place, follow_symlinks=False)
        elif isinstance(entry, Symlink):
            os.symlink(entry.target, place)
            os.utime(place, (epoch, epoch), follow_symlinks=False)


def _finish_directories(root: Path, tree: Tree, epoch: int) -> None:
    """Give directories their modes and times, once nothing is written into them any more."""
    top = tree.entry("/")
    assert isinstance(top, Directory), "the root of every tree is one"
    for path, entry in reversed([("", top), *_directories(tree)]):
        place = f"{root}{path}"
        _set_attributes(place, entry.xattrs)
        os.chmod(place, entry.mode & _DIRECTORY_BITS | _OWN_DIRECTORY)
        os.utime(place, (epoch, epoch))


def _set_attributes(place: int | str, xattrs: Xattrs) -> None:
    for name, value in xattrs:
        if name.startswith("user."):
            with suppress(OSError):  # a filesystem without them
                os.setxattr(place, name, value)


def _writable(tree: Tree, homes: Collection[str]) -> Iterator[tuple[str, int, int, int]]:
    """Yield the directories in which others than root may write: empty ones, and homes.

    With mode, uid and gid; root's home is one too.  What the image has in a home
    stays read-only.
    """
    full = {parent(path) for path, _ in tree}
    for path, entry in _directories(tree):
        theirs = entry.uid or entry.gid or entry.mode & stat.S_IWOTH or path in homes
        if theirs and (path not in full or path in homes):
            yield path, entry.mode & _DIRECTORY_BITS, entry.uid, entry.gid


def _sync(directory: Path) -> None:
    """Have everything on disk before it gets its name: one syncfs(2) for any number of files."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)
