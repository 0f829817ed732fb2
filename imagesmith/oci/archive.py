"""The image archive: one tarball every consumer loads.

It is an OCI layout (image-spec 1.1, image-layout.md) and, for a single
architecture, a docker-archive at the same time: `manifest.json` points at the
same blobs.  The archive is itself a tree, written by the tar writer of layers.

`write` never shows a partial file: the bytes go into a locked temporary file
beside the target, are synced, and are renamed into place; a target that already
holds exactly these bytes is left alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imagesmith.errors import HostError
from imagesmith.model.canonical import to_bytes
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Span, Tree
from imagesmith.oci import image as documents
from imagesmith.oci import tar
from imagesmith.oci.bundle import Bundle

Blobs = Callable[[Digest], Iterable[bytes | memoryview]]
"""Gives the bytes of a layer, verified."""

_Bytes = Iterator[bytes | memoryview]
_BUFFER = 1024 * 1024


def write(path: Path, bundle: Bundle, *, reference: str, blobs: Blobs, epoch: int) -> Digest:
    """Write the archive of `bundle` to `path` and return the digest people know it by.

    That is the image manifest's digest for one architecture, the index's for
    several.  A file that already is this archive is not touched.  HostError where
    the host refuses; then nothing new lies at `path`.
    """
    _refuse_special(path)
    if not holds(path, bundle, reference=reference, blobs=blobs, epoch=epoch):
        _replace(path, _stream(bundle, reference, blobs, epoch))
    return bundle.root.digest


def holds(path: Path, bundle: Bundle, *, reference: str, blobs: Blobs, epoch: int) -> bool:
    """Say whether `path` is a regular file with exactly the bytes `write` would write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=_BUFFER) as existing:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            pieces = _stream(bundle, reference, blobs, epoch)
            same = all(existing.read(len(piece)) == piece for piece in pieces)
            return same and not existing.read(1)
    except OSError:
        return False


def contents(bundle: Bundle, reference: str) -> Tree:
    """Return the archive's members as a tree; layers are spans of their blobs."""
    entries: dict[str, Entry] = {
        "/blobs": Directory(),
        "/blobs/sha256": Directory(),
        "/oci-layout": File.of(to_bytes({"imageLayoutVersion": "1.0.0"})),
        "/index.json": File.of(documents.layout(bundle.root.to_json(), reference=reference)),
    }
    if not bundle.is_index:
        entries["/manifest.json"] = File.of(_docker_manifest(bundle, reference))
    for blob in bundle.blobs:
        span = Span(blob.digest, 0)
        entries[_blob(blob.digest)] = File(
            mode=0o644, size=blob.size, digest=blob.digest, content=span
        )
    for digest, document in bundle.documents.items():
        entries[_blob(digest)] = File.of(document)
    return Tree(entries)


def _stream(bundle: Bundle, reference: str, blobs: Blobs, epoch: int) -> _Bytes:
    def read(file: File) -> Iterable[bytes | memoryview]:
        return blobs(file.digest)

    return tar.stream(contents(bundle, reference), read=read, epoch=epoch)


def _docker_manifest(bundle: Bundle, reference: str) -> bytes:
    """Render `manifest.json` as `docker save` does, with layers where the OCI layout has them."""
    config, *layers = bundle.members(bundle.root.digest)
    return to_bytes(
        [
            {
                "Config": _blob(config.digest)[1:],
                "Layers": [_blob(layer.digest)[1:] for layer in layers],
                "RepoTags": [documents.tagged(reference)],
            }
        ]
    )


def _blob(digest: Digest) -> str:
    return f"/blobs/sha256/{digest.hex}"


def _refuse_special(path: Path) -> None:
    """Refuse to put a file in the place of a directory, a link, a device or a FIFO."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(path, error) from None
    if not stat.S_ISREG(mode):
        raise HostError(
            path=str(path),
            problem="exists and is not a regular file",
            hint="name another file; nothing is written through links or into devices",
        )


def _replace(path: Path, pieces: _Bytes) -> None:
    """Put `pieces` at `path` whole or not at all."""
    try:
        _remove_leftovers(path)
        with _temporary(path) as output:
            for piece in pieces:
                output.write(piece)
            output.flush()
            os.fsync(output.fileno())
            Path(output.name).rename(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise _refused(path, error) from None


@contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    """Open a locked file beside `path`; unless it was renamed it is removed in the end."""
    temporary = path.with_name(f".{path.name}.tmp-{os.urandom(8).hex()}")
    try:
        with _locked(temporary) as output:
            yield output
    finally:
        temporary.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO:
    """Create a file and lock it; the lock tells it from what a killed writer left behind."""
    while True:
        output = path.open("xb", buffering=_BUFFER)
        try:
            fcntl.flock(output, fcntl.LOCK_EX)
            if os.fstat(output.fileno()).st_nlink:
                return output
        except OSError:
            output.close()
            raise
        output.close()  # another writer took it for a leftover before it was locked


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of killed writers: nobody holds their locks."""
    temporary_name = re.compile(re.escape(f".{path.name}.tmp-") + "[0-9a-f]{16}")
    for leftover in sorted(path.parent.iterdir()):
        if temporary_name.fullmatch(leftover.name):
            with suppress(OSError):
                _remove_unlocked(leftover)


def _remove_unlocked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, error: OSError) -> HostError:
    return HostError(path=str(path), problem=(error.strerror or str(error)).lower())
