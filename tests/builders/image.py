"""Whole images for tests: packed in memory, described, written as archives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs

from imagesmith.compression import EncoderKind, encoder
from imagesmith.model import arch as arches
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.oci import archive, bundle
from imagesmith.oci.image import Image, image
from imagesmith.oci.layer import Layer, pack

EPOCH = 1_700_000_000
REFERENCE = "registry.example.org/app:1.4.2"


@attrs.define
class Blobs:
    """A store in memory."""

    stored: dict[Digest, bytes] = attrs.Factory(dict)

    def keep(self, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        """Keep a blob of yet unknown digest."""
        content = b"".join(chunks)
        digest = Digest.of(content)
        self.stored[digest] = content
        return digest, len(content)

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """Yield the bytes of a blob, in pieces."""
        content = self.stored[digest]
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    def read(self, file: File) -> Iterable[memoryview]:
        """Give the content of a file that is a span of one of these blobs."""
        assert isinstance(file.content, Span)
        start = file.content.offset
        return (memoryview(self.stored[file.content.blob])[start : start + file.size],)


def make_layer(
    tree: Tree, blobs: Blobs, *, kind: EncoderKind = "none", epoch: int = EPOCH, jobs: int = 1
) -> Layer:
    """Pack a tree into `blobs`."""
    return pack(
        tree, read=blobs.read, epoch=epoch, encoder=encoder(kind), keep=blobs.keep, jobs=jobs
    )


def make_image(
    tree: Tree,
    blobs: Blobs,
    *,
    arch: str = "amd64",
    kind: EncoderKind = "none",
    config: ImageConfig | None = None,
    epoch: int = EPOCH,
) -> Image:
    """Pack a tree and describe it as an image of one layer."""
    return image(
        arch=arches.parse(arch),
        layers=[make_layer(tree, blobs, kind=kind, epoch=epoch)],
        config=config or ImageConfig(cmd=("/bin/true",)),
        epoch=epoch,
        created_by="imagesmith",
    )


def write_archive(
    path: Path, trees: Mapping[str, Tree], *, kind: EncoderKind = "none", reference: str = REFERENCE
) -> Digest:
    """Write an archive with one image per architecture and return the digest it is known by."""
    blobs = Blobs()
    images = [make_image(tree, blobs, arch=arch, kind=kind) for arch, tree in trees.items()]
    return archive.write(
        path, bundle.of(images), reference=reference, blobs=blobs.chunks, epoch=EPOCH
    )


def file_digest(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
