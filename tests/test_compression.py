"""Reading is complete or an error; writing depends on nothing but its input."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import random
import shutil
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import imagesmith
from imagesmith.compression import (
    MEMORY_LIMIT,
    RATIO_FREE,
    SEGMENT,
    EncoderKind,
    Kind,
    decompressed,
    encoder,
    kind_of,
)
from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest

READABLE: tuple[Kind, ...] = ("gzip", "xz", "zstd", "bzip2", "lzma")
WRITTEN: tuple[EncoderKind, ...] = ("none", "gzip", "zstd")
COMPRESSED: tuple[EncoderKind, ...] = ("gzip", "zstd")


def compress(content: bytes, kind: Kind) -> bytes:
    """Return one member, made by a library that is not under test."""
    match kind:
        case "gzip":
            return gzip.compress(content)
        case "xz":
            return lzma.compress(content, preset=0)
        case "lzma":
            return lzma.compress(content, lzma.FORMAT_ALONE, preset=0)
        case "bzip2":
            return bz2.compress(content)
        case "zstd":
            return zstandard.ZstdCompressor(write_checksum=True).compress(content)
        case "none":
            return content


def read(*chunks: bytes | memoryview, kind: Kind, limit: int = 10**9) -> bytes:
    """Return the whole content."""
    return b"".join(decompressed(chunks, kind, what="x.deb", limit=limit))


def problem(chunks: Iterable[bytes], kind: Kind, *, limit: int = 10**9) -> str:
    """Return what is wrong with a stream."""
    with pytest.raises(MalformedArtefact) as raised:
        sum(map(len, decompressed(chunks, kind, what="x.deb", limit=limit)))
    assert raised.value.artefact == "x.deb"
    return raised.value.problem


@cache
def text(size: int) -> bytes:
    """Return something that compresses like programs do."""
    generator = random.Random(5)  # noqa: S311  # the same in every run
    words = [generator.randbytes(generator.randrange(2, 9)) for _ in range(500)]
    return b"".join(generator.choices(words, k=size // 4))[:size]


class TestKinds:
    """A stream says what it is."""

    @pytest.mark.parametrize("kind", [*READABLE, "none"])
    def test_they_are_told_by_their_magic(self, kind: Kind) -> None:
        """Six bytes are enough."""
        assert kind == kind_of(compress(b"content", kind)[:6])

    @pytest.mark.parametrize("head", [b"", b"\x1f", b"\xfd7zXZ", b"!<arch>\n"])
    def test_anything_else_is_not_compressed(self, head: bytes) -> None:
        """Magics that are cut short included."""
        assert kind_of(head) == "none"


class TestReading:
    """A stream comes whole."""

    @given(
        content=st.binary(max_size=300),
        kind=st.sampled_from([*READABLE, "none"]),
        cuts=st.lists(st.integers(0, 400), max_size=5),
        padding=st.integers(0, 9),
    )
    @settings(deadline=None, max_examples=150)
    def test_chunks_do_not_matter(
        self, content: bytes, kind: Kind, cuts: list[int], padding: int
    ) -> None:
        """Wherever the stream is cut, and whatever zero bytes follow it."""
        stream = compress(content, kind)
        if kind != "none":
            stream += bytes(padding)
        edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
        chunks = [stream[a:b] for a, b in pairwise(edges)]

        assert content == read(*chunks, kind=kind)

    @pytest.mark.parametrize("kind", READABLE)
    def test_long_content_comes_in_pieces(self, kind: Kind) -> None:
        """One chunk of 1.5 MB is handed to the decoder a bit at a time."""
        content = text(1_500_000)
        stream = memoryview(compress(content, kind))
        pieces = list(decompressed([stream], kind, what="x", limit=len(content)))

        assert content == b"".join(pieces)
        assert max(map(len, pieces)) <= 16 * 1024 * 1024

    @pytest.mark.parametrize("kind", READABLE)
    def test_members_follow_each_other(self, kind: Kind) -> None:
        """Our own layers consist of many."""
        stream = b"".join(compress(part, kind) for part in (b"one", b"", b"three"))

        assert read(stream, kind=kind) == b"onethree"
        assert read(*(bytes([byte]) for byte in stream), kind=kind) == b"onethree"

    @pytest.mark.parametrize("kind", READABLE)
    def test_long_members_follow_each_other(self, kind: Kind) -> None:
        """A member that ends in the middle of a chunk, after many pieces, ends there."""
        content = text(700_000) + bytes(700_000)
        stream = compress(content, kind)

        assert content * 3 == read(stream * 3, kind=kind)

    def test_skippable_frames_are_skipped(self) -> None:
        """Other builders put tables of contents into them (RFC 8878, 3.1.2)."""
        skippable = bytes.fromhex("502a4d18 05000000") + b"table"
        stream = skippable + compress(b"content", "zstd") + skippable

        assert read(stream, kind="zstd") == b"content"

    @pytest.mark.parametrize("kind", ["gzip", "xz", "zstd", "bzip2"])
    def test_what_other_programs_write_is_read(self, kind: Kind) -> None:
        """The reference tool of each format, if present."""
        tool = shutil.which(kind)
        if tool is None:
            pytest.skip(f"no {kind} on this host")
        content = text(1_000_000)
        done = subprocess.run([tool, "-c"], input=content, capture_output=True, check=True)

        assert content == read(done.stdout, kind=kind)


class TestRefusals:
    """Anything but a whole stream is an error."""

    @pytest.mark.parametrize("kind", READABLE)
    def test_a_truncated_stream_is_refused(self, kind: Kind) -> None:
        """Wherever it ends, even if all of the content is there."""
        stream = compress(text(20_000), kind)
        ends = {0, 1, 5, len(stream) - 1, *range(10, len(stream), len(stream) // 9)}

        assert {f"truncated {kind} stream"} == {problem([stream[:end]], kind) for end in ends}

    @pytest.mark.parametrize("kind", READABLE)
    def test_a_truncated_second_member_is_refused(self, kind: Kind) -> None:
        """The first being whole."""
        stream = compress(b"one", kind)

        assert f"truncated {kind} stream" == problem([stream, stream[:-1]], kind)

    @pytest.mark.parametrize("kind", READABLE)
    @pytest.mark.parametrize("junk", [b"\x01", b"junk" * 10, b"\0junk", b"\0" * 600 + b"j"])
    def test_junk_after_the_stream_is_refused(self, kind: Kind, junk: bytes) -> None:
        """In the same chunk or a later one; after padding, even a further member."""
        stream = compress(b"content", kind)

        assert problem([stream + junk], kind)
        assert problem([stream, junk], kind)
        assert f"bytes after the padding of the {kind} stream" == problem(
            [stream, b"\0", stream], kind
        )

    @pytest.mark.parametrize("kind", READABLE)
    def test_another_kind_is_refused(self, kind: Kind) -> None:
        """An extension that lies does not turn into an empty file."""
        for other in {*READABLE, "none"} - {kind}:
            stream = compress(text(500), other)
            assert f" the {kind} stream" in problem([stream], kind)

    @pytest.mark.parametrize("kind", READABLE)
    @given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
    @settings(deadline=None, max_examples=60)
    def test_damage_never_raises_anything_else(self, kind: Kind, where: float, flip: int) -> None:
        """A changed byte is our error, or bytes whose digest will be wrong."""
        stream = bytearray(compress(text(3000), kind))
        stream[int(where * len(stream))] ^= flip

        with suppress(MalformedArtefact):
            assert len(read(bytes(stream), kind=kind, limit=1_000_000)) <= 1_000_000

    @pytest.mark.parametrize("kind", [*READABLE, "none"])
    def test_the_limit_is_exact(self, kind: Kind) -> None:
        """As many bytes as the limit, and not one more."""
        stream = compress(b"12345", kind)

        assert read(stream, kind=kind, limit=5) == b"12345"
        assert problem([stream], kind, limit=4) == "decompresses to more than 4 bytes"

    @pytest.mark.parametrize("kind", READABLE)
    def test_a_bomb_is_not_set_off(self, kind: Kind) -> None:
        """A gigabyte of zeros is given up soon, and never held."""
        member = compress(bytes(16 * 1024 * 1024), kind)
        tracemalloc.start()
        try:
            result = problem([member] * 64, kind)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert result == "decompression bomb: more than 1000 times its size"
        assert peak < 64 * 1024 * 1024

    def test_zeros_below_the_free_size_are_no_bomb(self) -> None:
        """Programs do contain such tables."""
        content = bytes(RATIO_FREE)

        assert content == read(compress(content, "zstd"), kind="zstd")

    def test_a_window_that_is_too_large_is_refused(self) -> None:
        """For zstd and xz alike, before any memory is taken for it."""
        parameters = zstandard.ZstdCompressionParameters(window_log=28)
        frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        wide_frame = frame.compress(b"x") + frame.flush()
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2 * MEMORY_LIMIT}]
        wide_stream = lzma.compress(b"x", filters=filters)

        assert "too much memory" in problem([wide_frame], "zstd")
        assert "limit exceeded" in problem([wide_stream], "xz")

    def test_a_frame_may_lie_about_its_size(self) -> None:
        """A header that promises a terabyte before one byte costs nothing."""
        frame = bytes.fromhex("28b52ffd c0 58") + (2**40).to_bytes(8, "little") + b"\x09\0\0x"

        assert problem([frame], "zstd").startswith("invalid bytes in the zstd stream")


class TestWriting:
    """Bytes that anybody gets again."""

    @pytest.mark.parametrize("kind", WRITTEN)
    @given(segments=st.lists(st.binary(max_size=200), max_size=4))
    @settings(deadline=None, max_examples=40)
    def test_what_is_written_can_be_read(self, kind: EncoderKind, segments: list[bytes]) -> None:
        """Segment by segment; by ourselves."""
        compressor = encoder(kind).compress
        stream = b"".join(compressor(memoryview(segment)) for segment in [b"", *segments])

        assert b"".join(segments) == read(stream, kind=kind)

    @pytest.mark.parametrize("kind", COMPRESSED)
    def test_other_programs_read_it(self, kind: EncoderKind) -> None:
        """As one stream: two segments, the second shorter."""
        tool = shutil.which(kind)
        if tool is None:
            pytest.skip(f"no {kind} on this host")
        content = text(SEGMENT + 1000)
        compressor = encoder(kind).compress
        stream = compressor(content[:SEGMENT]) + compressor(content[SEGMENT:])
        done = subprocess.run([tool, "-dc"], input=stream, capture_output=True, check=True)

        assert content == done.stdout

    def test_a_gzip_header_says_nothing(self) -> None:
        """No flags, no time, no hint, unknown system; the rest is what libdeflate makes."""
        member = encoder("gzip").compress(b"content")

        assert member[:10] == bytes.fromhex("1f8b08 00 00000000 00 ff")
        assert zlib.decompress(member, wbits=31) == b"content"

    def test_a_zstd_frame_says_how_long_it_is(self) -> None:
        """And has neither checksum nor dictionary."""
        frame = zstandard.get_frame_parameters(encoder("zstd").compress(text(SEGMENT)))

        assert (frame.content_size, frame.dict_id, frame.has_checksum) == (SEGMENT, 0, False)

    @pytest.mark.parametrize("kind", COMPRESSED)
    def test_neither_threads_nor_history_matter(self, kind: EncoderKind) -> None:
        """One after the other, all at once, in any order, as bytes or a view: the same bytes."""
        segments = [text(700_000)[start:] for start in range(0, 40_000, 10_000)]
        compressor = encoder(kind).compress
        alone = [compressor(segment) for segment in segments]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(compressor, map(memoryview, reversed(segments))))

        assert alone == together[::-1]

    @pytest.mark.parametrize("kind", COMPRESSED)
    def test_the_processor_does_not_matter(self, kind: EncoderKind) -> None:
        """The oldest x86-64 that can be emulated gives the same bytes as this machine."""
        emulator = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
        if emulator is None:
            pytest.skip("no user-mode emulator on this host")
        program = (
            "import sys; from imagesmith.compression import encoder;"
            f"sys.stdout.buffer.write(encoder({kind!r}).compress(bytes(range(256)) * 999))"
        )
        command = [emulator, "-cpu", "qemu64", sys.executable, "-c", program]
        environ = {"PYTHONPATH": str(Path(imagesmith.__file__).parents[1])}
        done = subprocess.run(command, capture_output=True, check=False, env=environ)
        if done.returncode:
            pytest.skip("the emulator does not run this interpreter")

        assert encoder(kind).compress(bytes(range(256)) * 999) == done.stdout

    @pytest.mark.parametrize(
        ("kind", "implementation", "digest"),
        [
            (
                "zstd",
                "libzstd 1.5.7",
                "074bfe8b25a9e2288fc821cd5276844065b28f44c22f25012e7d8abfa9aa18be",
            ),
            (
                "gzip",
                "deflate 0.9.0",
                "b9ffe01ba332a4d648c957361ed3d06d74d0ebc330e4918b4814049fedd2c72d",
            ),
        ],
    )
    def test_format_1_is_what_it_was(
        self, kind: EncoderKind, implementation: str, digest: str
    ) -> None:
        """An implementation of this name gives these bytes, or it would be another format."""
        if encoder(kind).implementation != implementation:
            pytest.skip(f"the bytes of {encoder(kind).implementation} were not written down")
        segment = hashlib.shake_256(b"format 1").hexdigest(300_000).encode() * 2

        assert digest == Digest.of(encoder(kind).compress(segment)).hex

    def test_the_implementation_is_named(self) -> None:
        """With the version that the bytes depend on."""
        names = [encoder(kind).implementation for kind in WRITTEN]
        zstd = "libzstd " + ".".join(map(str, zstandard.ZSTD_VERSION))

        assert ("none", zstd) == (names[0], names[2])
        assert names[1].startswith("deflate ")
