"""The image archive: one tarball every consumer loads.

It is an OCI layout (image-spec 1.1, image-layout.md) and, for a single
architecture, a docker-archive at the same time: `manifest.json` points at the
same blobs.  The archive is itself a tree, written by the tar writer of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imagesmith.model.canonical import to_bytes
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Span, Tree
from imagesmith.oci import image as documents
from imagesmith.oci import tar, whole
from imagesmith.oci.bundle import Bundle

Blobs = Callable[[Digest], Iterable[bytes | memoryview]]
"""Gives the bytes of a layer, verified."""

_Bytes = Iterator[bytes | memoryview]


def write(path: Path, bundle: Bundle, *, reference: str, blobs: Blobs, epoch: int) -> Digest:
    """Write the archive of `bundle` to `path` and return the digest people know it by.

    That is the image manifest's digest for one architecture, the index's for
    several.  A file that already is this archive is not touched.  HostError where
    the host refuses; then nothing new lies at `path`.
    """
    whole.write(path, lambda: _stream(bundle, reference, blobs, epoch))
    return bundle.root.digest


def holds(path: Path, bundle: Bundle, *, reference: str, blobs: Blobs, epoch: int) -> bool:
    """Say whether `path` is a regular file with exactly the bytes `write` would write."""
    return whole.holds(path, lambda: _stream(bundle, reference, blobs, epoch))


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
