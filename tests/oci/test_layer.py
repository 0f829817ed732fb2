"""A layer's bytes depend on the tree, the epoch and the encoder, on nothing else."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import get_args

import attrs
import pytest
from builders.image import EPOCH, Blobs, make_layer
from builders.trees import adversarial
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.compression import SEGMENT, Encoder, EncoderKind, encoder
from imagesmith.errors import HostError, ImagesmithError
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.oci import tar
from imagesmith.oci.layer import MEDIA_TYPES, Layer, cut, pack

KINDS = get_args(EncoderKind)
SPANS = Span(Digest.of(b""), 0)


def large(segments: int) -> Tree:
    """Return a tree of one file a little larger than that many segments."""
    size = segments * SEGMENT + 1
    return Tree({"/f": File(mode=0o644, size=size, digest=Digest.of(b""), content=SPANS)})


def noise(file: File) -> Iterator[bytes]:
    """Yield reproducible bytes that compress to about half."""
    block = b"".join(hashlib.sha256(b"%d" % n).digest() + bytes(32) for n in range(1024))
    for start in range(0, file.size, len(block)):
        yield block[: file.size - start]


def compressing(compress: Callable[[bytes | memoryview], bytes]) -> Encoder:
    """Return an encoder that is only this function."""
    return Encoder("none", "test", compress)


def pack_large(
    *,
    segments: int = 6,
    read: tar.Read = noise,
    keep: Callable[[Iterable[bytes]], tuple[Digest, int]] | None = None,
    compress: Callable[[bytes | memoryview], bytes] = bytes,
    jobs: int = 2,
) -> Layer:
    """Pack several segments with one stage replaced."""
    return pack(
        large(segments),
        read=read,
        epoch=EPOCH,
        encoder=compressing(compress),
        keep=keep or Blobs().keep,
        jobs=jobs,
    )


class TestPack:
    """`pack`: a tree becomes a layer."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_digests_are_those_of_the_bytes(self, kind: EncoderKind) -> None:
        """The diff-id is of the tar, digest and size are of the blob."""
        tree, blobs = adversarial(), Blobs()
        stream = b"".join(tar.stream(tree, read=blobs.read, epoch=EPOCH))
        layer = make_layer(tree, blobs, kind=kind)
        blob = blobs.stored[layer.digest]
        expected = Layer(
            diff_id=Digest.of(stream),
            digest=Digest.of(blob),
            size=len(blob),
            media_type=MEDIA_TYPES[kind],
        )

        assert expected == layer
        assert list(KINDS) == sorted(MEDIA_TYPES, key=KINDS.index)

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_number_of_jobs_does_not_matter(self, kind: EncoderKind) -> None:
        """One, two or five threads: the same blob."""
        packed = [
            pack(
                large(3), read=noise, epoch=EPOCH, encoder=encoder(kind), keep=blobs.keep, jobs=jobs
            )
            for jobs, blobs in ((1, Blobs()), (2, Blobs()), (5, Blobs()))
        ]

        assert [packed[0]] * 3 == packed

    def test_other_readers_decompress_the_segments_as_one_stream(self) -> None:
        """Gzip and zstd read members and frames that follow each other."""
        stream = b"".join(tar.stream(large(1), read=noise, epoch=EPOCH))
        blobs = {kind: Blobs() for kind in KINDS}
        for kind, kept in blobs.items():
            pack(large(1), read=noise, epoch=EPOCH, encoder=encoder(kind), keep=kept.keep, jobs=2)
        (zipped,), (framed,) = blobs["gzip"].stored.values(), blobs["zstd"].stored.values()

        assert stream == gzip.decompress(zipped)
        if shutil.which("zstd"):
            done = subprocess.run(["zstd", "-dc"], input=framed, capture_output=True, check=True)

            assert stream == done.stdout

    def test_an_empty_tree_is_a_layer(self) -> None:
        """It holds the end of an archive and nothing else."""
        assert Digest.of(bytes(1024)) == make_layer(Tree(), Blobs()).diff_id

    def test_segments_in_memory_are_few(self) -> None:
        """While the store is slow, no more than the window is read ahead."""
        produced: list[int] = []

        def counting(file: File) -> Iterator[bytes]:
            for piece in noise(file):
                produced.append(len(piece))
                yield piece

        ahead: list[int] = []

        def slow(chunks: Iterable[bytes]) -> tuple[Digest, int]:
            kept = 0
            for chunk in chunks:
                ahead.append((sum(produced) - kept) // SEGMENT)
                kept += len(chunk)
            return Digest.of(b""), kept

        pack_large(segments=12, read=counting, keep=slow, jobs=2)

        assert max(ahead) <= 3

    def test_keeping_less_than_everything_is_a_bug(self) -> None:
        """A diff-id of half a layer is never handed out."""

        def impatient(chunks: Iterable[bytes]) -> tuple[Digest, int]:
            return Digest.of(b"".join(islice(chunks, 1))), SEGMENT

        with pytest.raises(AssertionError, match="not kept to its end"):
            pack_large(keep=impatient)


class TestFailure:
    """An exception in any stage ends them all."""

    @pytest.fixture(autouse=True)
    def _no_thread_survives(self) -> Iterator[None]:
        before = threading.active_count()
        yield
        assert before == threading.active_count()

    @pytest.mark.parametrize("jobs", [1, 4])
    @pytest.mark.parametrize(
        "problem",
        [HostError(path="/store", problem="no space"), KeyboardInterrupt(), MemoryError()],
    )
    def test_while_keeping(self, problem: BaseException, jobs: int) -> None:
        """A full disk or Ctrl-C in the store."""

        def failing(chunks: Iterable[bytes]) -> tuple[Digest, int]:
            list(islice(chunks, 2))
            raise problem

        with pytest.raises(type(problem)) as caught:
            pack_large(keep=failing, jobs=jobs)

        assert problem is caught.value

    @pytest.mark.parametrize(
        "problem", [HostError(path="/store", problem="gone"), KeyboardInterrupt()]
    )
    def test_while_reading(self, problem: BaseException) -> None:
        """A damaged blob or Ctrl-C in a span."""

        def failing(file: File) -> Iterator[bytes]:
            yield from islice(noise(file), 400)
            raise problem

        with pytest.raises(type(problem)) as caught:
            pack_large(read=failing)

        assert problem is caught.value

    def test_while_compressing(self) -> None:
        """What an encoder raises in its thread arrives here, and nothing more is compressed."""
        calls: list[int] = []
        problem = MemoryError("no context")

        def failing(segment: bytes | memoryview) -> bytes:
            calls.append(len(segment))
            raise problem

        with pytest.raises(MemoryError) as caught:
            pack_large(segments=12, compress=failing, jobs=2)

        assert problem is caught.value
        assert len(calls) <= 4

    def test_in_the_tree(self) -> None:
        """A tree that cannot be packed keeps nothing."""
        file = attrs.evolve(File.of(b"x"), size=2)
        with pytest.raises(ImagesmithError):
            make_layer(Tree({"/f": file}), blobs := Blobs())

        assert blobs.stored == {}


class TestCut:
    """`cut`: segments of equal size."""

    @given(st.lists(st.binary(max_size=30), max_size=12), st.integers(1, 40))
    @settings(deadline=None, max_examples=100)
    def test_only_the_last_segment_is_shorter(self, pieces: list[bytes], size: int) -> None:
        """Nothing is lost or added, and no segment is empty."""
        segments = list(cut(pieces, size))

        assert b"".join(pieces) == b"".join(segments)
        assert all(size == len(segment) for segment in segments[:-1])
        assert all(0 < len(segment) <= size for segment in segments[-1:])
