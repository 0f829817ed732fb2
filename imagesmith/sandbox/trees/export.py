"""A tree becomes a directory: an image's root filesystem, written once and lent read-only.

Nothing but what this writes is in the directory while it is written, nobody else
may enter it, and every parent is a directory made here, so no link is ever
followed.  What a file holds is hashed as it is written and must be what was
verified.

What is lent belongs to whoever runs it, since only root could give it away.
Permissions stay, as far as its owner can still read it; setuid and setgid bits and
capabilities do not, as the sandbox knows none and the host must not honour them.
`user.` attributes stay where the filesystem has them.  `populate` can keep
everything, for people who want a root filesystem of their own.
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

import attrs

from imagesmith.errors import IntegrityError, MalformedArtefact
from imagesmith.manifest import mtree
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.text import printable
from imagesmith.model.tree import Directory, File, Hardlink, Span, Symlink, Tree, parent
from imagesmith.sandbox.starting import inside, replay
from imagesmith.sandbox.trees import lending
from imagesmith.store.layout import host_errors

Layers = Iterable[tuple[Digest, AbstractContextManager[memoryview]]]
"""Uncompressed layers by their digests, or whatever spans lie in; each is read once."""

_PIECE = 1024 * 1024
_PRIVATE = 0o700
"""Nobody else may enter a directory that is not finished."""


@attrs.frozen(kw_only=True)
class Keep:
    """What of an entry's attributes a directory gets."""

    file_bits: int
    """Permission bits a file may have; those of `own_file` it has at any rate."""
    directory_bits: int
    own_file: int = 0
    own_directory: int = 0
    owners: bool
    attributes: tuple[str, ...]
    """How the names of the extended attributes start that are set."""
    lenient: bool
    """Whether a filesystem without extended attributes will do."""


LENT = Keep(
    file_bits=0o777,
    directory_bits=0o1777,
    own_file=0o400,
    own_directory=0o700,
    owners=False,
    attributes=("user.",),
    lenient=True,
)
"""What programs in a sandbox see: nothing that only root could give away, or hosts would honour."""
WHOLE = Keep(file_bits=0o7777, directory_bits=0o7777, owners=True, attributes=("",), lenient=False)
"""Everything, which takes root."""


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
    root = into / replay.ROOT
    with host_errors(into):
        populate(root, tree, layers=layers, epoch=epoch, what=what, keep=LENT)
        writable = list(_writable(tree, inside.homes(str(root))))
        record = {**image, "writable": writable}
        (into / lending.RECORD).write_text(json.dumps(record))  # ASCII, whatever paths hold
        (into / "mtree").write_bytes(mtree.to_bytes(tree))
        _sync(into)


def populate(root: Path, tree: Tree, *, layers: Layers, epoch: int, what: str, keep: Keep) -> None:
    """Make the directory `root` and write a tree into it; raises as `write` does, and OSError."""
    _check_paths(tree, what)
    root.mkdir(_PRIVATE)
    for path, _ in _directories(tree):
        Path(f"{root}{path}").mkdir(_PRIVATE)
    writer = _Writer(str(root), tree, epoch, what, keep)
    writer.files(layers)
    writer.links()
    writer.directories()


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


@attrs.frozen
class _Writer:
    """A tree on its way to disk."""

    root: str
    tree: Tree
    epoch: int
    what: str
    keep: Keep

    def files(self, layers: Layers) -> None:
        """Write the regular files, layer by layer, after those that hold their own content."""
        pending: dict[Digest, list[tuple[str, File, int]]] = {}
        for path, entry in self.tree:
            if not isinstance(entry, File):
                continue
            match entry.content:
                case Span(blob, offset):
                    pending.setdefault(blob, []).append((path, entry, offset))
                case content:
                    self._file(path, entry, memoryview(content))
        for digest, lent in layers:
            with lent as view:
                for path, file, offset in pending.pop(digest, ()):
                    self._file(path, file, view[offset : offset + file.size])
        assert not pending, "every other file lies in a layer"

    def _file(self, path: str, file: File, content: memoryview) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(f"{self.root}{path}", flags, 0o600), "wb", buffering=0) as output:
            found = hashlib.sha256()
            for start in range(0, len(content), _PIECE):
                piece = content[start : start + _PIECE]
                found.update(piece)
                while piece:
                    piece = piece[os.write(output.fileno(), piece) :]
            if found.hexdigest() != file.digest.hex:
                expected, got = str(file.digest), found.hexdigest()
                raise IntegrityError(what=self.what, expected=expected, got=got)
            self._finish(output.fileno(), file, self.keep.file_bits, self.keep.own_file)

    def links(self) -> None:
        """Make hard and symbolic links, once every file is there."""
        for path, entry in self.tree:
            place = f"{self.root}{path}"
            if isinstance(entry, Hardlink):
                os.link(f"{self.root}{entry.target}", place, follow_symlinks=False)
            elif isinstance(entry, Symlink):
                os.symlink(entry.target, place)
                if self.keep.owners:
                    os.chown(place, entry.uid, entry.gid, follow_symlinks=False)
                os.utime(place, (self.epoch, self.epoch), follow_symlinks=False)

    def directories(self) -> None:
        """Give directories their modes and times, once nothing is written into them any more."""
        top = self.tree.entry("/")
        assert isinstance(top, Directory), "the root of every tree is one"
        for path, entry in reversed([("", top), *_directories(self.tree)]):
            place = f"{self.root}{path}"
            self._finish(place, entry, self.keep.directory_bits, self.keep.own_directory)

    def _finish(self, place: int | str, entry: File | Directory, bits: int, own: int) -> None:
        """Set owner, attributes, mode and time; in this order, for each undoes some of the next."""
        if self.keep.owners:
            os.chown(place, entry.uid, entry.gid)
        for name, value in entry.xattrs:
            if name.startswith(self.keep.attributes):
                with suppress(*((OSError,) if self.keep.lenient else ())):
                    os.setxattr(place, name, value)
        os.chmod(place, entry.mode & bits | own)
        os.utime(place, (self.epoch, self.epoch))


def _writable(tree: Tree, homes: Collection[str]) -> Iterator[tuple[str, int, int, int]]:
    """Yield the directories in which others than root may write: empty ones, and homes.

    With mode, uid and gid; root's home is one too.  What the image has in a home
    stays read-only.
    """
    full = {parent(path) for path, _ in tree}
    for path, entry in _directories(tree):
        theirs = entry.uid or entry.gid or entry.mode & stat.S_IWOTH or path in homes
        if theirs and (path not in full or path in homes):
            yield path, entry.mode & LENT.directory_bits, entry.uid, entry.gid


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
