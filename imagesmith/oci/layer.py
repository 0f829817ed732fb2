"""Packing: a rootfs tree becomes one layer.

The tar is cut every `SEGMENT` bytes and each piece compressed by itself, so the
bytes of the layer depend on the tree, the epoch and the encoder, never on how
many threads took part.  Reading, hashing the tar (the diff-id), compressing and
whatever `keep` does with the result overlap; a bounded window of segments is
all that is in memory.  An exception in any of them, or Ctrl-C, ends them all.

Media types and diff-ids: OCI image-spec 1.1, layer.md and config.md.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Protocol

import attrs

from imagesmith.compression import SEGMENT, Encoder
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Tree
from imagesmith.oci import tar

MEDIA_TYPES = {
    "none": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
"""Layer media types by the encoder's kind."""

Keep = Callable[[Iterable[bytes]], tuple[Digest, int]]
"""Takes the layer's chunks to the end, keeps them, and says their digest and size."""


class _Hash(Protocol):
    def update(self, chunk: bytes, /) -> None:
        """Add a chunk to the hash."""


@attrs.frozen(kw_only=True)
class Layer:
    """One layer: a descriptor and the digest of the tar inside of it."""

    diff_id: Digest
    """Of the uncompressed tar."""
    digest: Digest
    """Of the blob."""
    size: int
    """Of the blob."""
    media_type: str
    holding: str = ""
    """What of an image it holds, for its history; empty if that is everything."""


def pack(
    tree: Tree, *, read: tar.Read, epoch: int, encoder: Encoder, keep: Keep, jobs: int
) -> Layer:
    """Write `tree` as a layer into `keep`, compressing on `jobs` threads.

    Raises what `tar.stream`, `read` and `keep` raise.
    """
    diff = hashlib.sha256()
    segments = cut(tar.stream(tree, read=read, epoch=epoch), SEGMENT)
    with closing(_compressed(segments, encoder.compress, diff, jobs)) as chunks:
        digest, size = keep(chunks)
        assert next(chunks, None) is None, "the layer was not kept to its end"
    return Layer(
        diff_id=Digest(diff.hexdigest()),
        digest=digest,
        size=size,
        media_type=MEDIA_TYPES[encoder.kind],
    )


def cut(pieces: Iterable[bytes | memoryview], size: int) -> Iterator[bytes]:
    """Join pieces of any length into segments of exactly `size` bytes and a shorter last one."""
    pending: list[bytes | memoryview] = []
    room = size
    for piece in pieces:
        rest = piece
        while len(rest) >= room:
            view = memoryview(rest)
            pending.append(view[:room])
            yield b"".join(pending)
            rest, pending, room = view[room:], [], size
        if rest:
            pending.append(rest)
            room -= len(rest)
    if pending:
        yield b"".join(pending)


def _compressed(
    segments: Iterable[bytes], compress: Callable[[bytes], bytes], diff: _Hash, jobs: int
) -> Generator[bytes, None, None]:
    """Yield each segment compressed, in order, while the next ones are being worked on."""
    from concurrent.futures import Future, ThreadPoolExecutor

    window: deque[tuple[Future[None], Future[bytes]]] = deque()

    def oldest() -> bytes:
        hashed, compressed = window.popleft()
        hashed.result()
        return compressed.result()

    with ThreadPoolExecutor(1) as hasher, ThreadPoolExecutor(jobs) as compressor:
        try:
            for segment in segments:
                hashed = hasher.submit(diff.update, segment)
                window.append((hashed, compressor.submit(compress, segment)))
                if len(window) > jobs:
                    yield oldest()
            while window:
                yield oldest()
        finally:
            for future in (future for pair in window for future in pair):
                future.cancel()
