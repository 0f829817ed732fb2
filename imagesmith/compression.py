"""Compressed streams: bounded, truncation-proof reading and deterministic writing.

Reading promises: a stream decodes whole or raises `MalformedArtefact`.
Truncated streams, bytes after the end other than zero padding, more output than
`limit`, decompression bombs and decoders that would need more than 128 MiB are
errors, and memory stays at a few pieces.  Members and frames that follow each
other decode as one stream, as every reader of these formats does.  Whether the
bytes are the right ones is left to their digest: zstd and xz need not carry a
checksum.

Writing promises: the bytes depend on the segment and on the encoder's version,
which `Encoder.implementation` names, and on nothing else.  Cutting a stream
into segments is left to the caller; format 1 cuts every `SEGMENT` bytes.

Specifications: RFC 1952 (gzip), RFC 8878 (zstd), the .xz file format 1.2.1,
and bzip2 and .lzma as old packages carry them.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal, Protocol

import attrs

from imagesmith.errors import MalformedArtefact

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

Kind = Literal["none", "gzip", "xz", "zstd", "bzip2", "lzma"]
"""What can be read."""
EncoderKind = Literal["none", "gzip", "zstd"]
"""What is written."""

SEGMENT = 4 * 1024 * 1024
"""Format 1: the uncompressed length of every segment but the last."""

MEMORY_LIMIT = 128 * 1024 * 1024
"""What a decoder may need for its window; `xz -9` needs 65 MiB, `zstd -22 --ultra` 128."""
RATIO_LIMIT = 1000
"""Honest packages pass 200 in places: Debian's libjs-moment-timezone is 178:1 as a whole."""
RATIO_FREE = 64 * 1024 * 1024
"""Output up to this many bytes may have any ratio: a file of zeros is no bomb yet."""

_STEP = 256 * 1024
"""Output asked of a decoder at a time, and input offered to it."""
_ZSTD_STEP = 512
"""Its decoder takes no bound on output, so input is: four bytes make at most a
128 KiB block, 512 bytes at most 16 MiB."""

_GZIP_HEADER = bytes.fromhex("1f8b08000000000000ff")
"""No flags, no name, mtime 0, no hint on the level, unknown system (RFC 1952, 2.3)."""
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3

_MAGICS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\x5d\x00\x00", "lzma"),
)


def kind_of(head: bytes) -> Kind:
    """Return the kind of the stream that starts with `head`; six bytes are enough."""
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    return "none"


class _Decoder(Protocol):
    """One gzip member, xz stream or zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` decodes to, in pieces of bounded size."""


@attrs.define
class _Gzip:
    """A member of a gzip file."""

    _member: zlib._Decompress = attrs.field(factory=lambda: zlib.decompressobj(wbits=31))

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        yield self._member.decompress(chunk, _STEP)
        # At the end of a member the tail may repeat what is in `unused_data`.
        while self._member.unconsumed_tail and not self._member.eof:
            yield self._member.decompress(self._member.unconsumed_tail, _STEP)


@attrs.define
class _Buffered:
    """A stream whose decoder keeps the input it has not got to: xz, .lzma and bzip2."""

    _stream: lzma.LZMADecompressor | bz2.BZ2Decompressor

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(chunk, _STEP)
        while not self._stream.eof and not self._stream.needs_input:
            yield self._stream.decompress(b"", _STEP)


@attrs.define
class _Zstd:
    """A frame, skippable or not."""

    _frame: ZstdDecompressionObj
    _rest: bytes = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._rest

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        for start in range(0, len(chunk), _ZSTD_STEP):
            yield self._frame.decompress(chunk[start : start + _ZSTD_STEP])
            if self._frame.eof:
                self._rest = chunk[start + _ZSTD_STEP :]
                return


def _decoders(kind: Kind) -> tuple[Callable[[], _Decoder], tuple[type[Exception], ...]]:
    """Return what makes a decoder for each member, and what such decoders raise."""
    match kind:
        case "gzip":
            return _Gzip, (zlib.error,)
        case "xz":
            return lambda: _Buffered(lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_LIMIT)), (
                lzma.LZMAError,
                MemoryError,
            )
        case "lzma":
            return lambda: _Buffered(lzma.LZMADecompressor(lzma.FORMAT_ALONE, MEMORY_LIMIT)), (
                lzma.LZMAError,
                MemoryError,
            )
        case "bzip2":
            return lambda: _Buffered(bz2.BZ2Decompressor()), (OSError, ValueError)
        case _:  # zstd; "none" has no decoder
            import zstandard

            context = zstandard.ZstdDecompressor(max_window_size=MEMORY_LIMIT)
            return lambda: _Zstd(context.decompressobj()), (zstandard.ZstdError, MemoryError)


@attrs.define
class _Meter:
    """Counts what goes in and comes out of a decoder, and draws the line."""

    artefact: str
    limit: int
    taken: int = 0
    given: int = 0

    def problem(self, problem: str) -> MalformedArtefact:
        return MalformedArtefact(artefact=self.artefact, member="", problem=problem)

    def take(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """Count `chunk` as input and yield it in steps."""
        for start in range(0, len(chunk), _STEP):
            step = bytes(chunk[start : start + _STEP])
            self.taken += len(step)
            yield step

    def give(self, piece: bytes) -> bytes:
        """Count `piece` as output and return it, unless it is too much."""
        self.given += len(piece)
        if self.given > self.limit:
            raise self.problem(f"decompresses to more than {self.limit} bytes")
        if self.given > RATIO_FREE and self.given > self.taken * RATIO_LIMIT:
            raise self.problem(f"decompression bomb: more than {RATIO_LIMIT} times its size")
        return piece


def decompressed(
    chunks: Iterable[bytes | memoryview], kind: Kind, *, what: str, limit: int
) -> Iterator[bytes]:
    """Yield the content of a compressed stream, at most `limit` bytes of it.

    `what` names the artefact in the `MalformedArtefact` raised for a stream that
    does not decode whole; pieces yielded before are then worth nothing.
    """
    meter = _Meter(what, limit)
    steps = (step for chunk in chunks for step in meter.take(chunk))
    pieces = steps if kind == "none" else _content(steps, kind, meter)
    for piece in pieces:
        if piece:
            yield meter.give(piece)


def _content(steps: Iterator[bytes], kind: Kind, meter: _Meter) -> Iterator[bytes]:
    """Yield what all members decode to, one after the other."""
    new_decoder, failures = _decoders(kind)
    decoder: _Decoder | None = new_decoder()
    where = "in"
    for step in steps:
        rest = step
        while rest:
            if decoder is None and rest.startswith(b"\0"):
                _expect_padding(chain((rest,), steps), kind, meter)
                return
            decoder = decoder or new_decoder()
            try:
                yield from decoder.pieces(rest)
            except failures as error:
                raise meter.problem(f"invalid bytes {where} the {kind} stream ({error})") from error
            rest = decoder.unused_data if decoder.eof else b""
            if decoder.eof:
                decoder, where = None, "after"
    if decoder is not None:
        raise meter.problem(f"truncated {kind} stream")


def _expect_padding(rest: Iterable[bytes], kind: Kind, meter: _Meter) -> None:
    if any(step.strip(b"\0") for step in rest):
        raise meter.problem(f"bytes after the padding of the {kind} stream")


@attrs.frozen
class Encoder:
    """Turns segments into frames or members that can stand one after the other."""

    kind: EncoderKind
    implementation: str
    """What the bytes depend on, as recorded in manifests: `libzstd 1.5.7`."""
    compress: Callable[[bytes | memoryview], bytes]
    """One segment to one self-contained frame or member; any thread may call it."""


def encoder(kind: EncoderKind) -> Encoder:
    """Return format 1's encoder of this kind."""
    match kind:
        case "none":
            return Encoder("none", "none", bytes)
        case "gzip":
            import deflate

            # The wheel carries libdeflate and does not say which: its own version stands for it.
            return Encoder("gzip", f"deflate {deflate.__version__}", _gzip_member)
        case "zstd":
            import zstandard

            version = ".".join(map(str, zstandard.ZSTD_VERSION))
            return Encoder("zstd", f"libzstd {version}", _zstd_frame)


def _gzip_member(segment: bytes | memoryview) -> bytes:
    import deflate

    member = deflate.gzip_compress(segment, _GZIP_LEVEL)
    return _GZIP_HEADER + bytes(memoryview(member)[len(_GZIP_HEADER) :])


def _zstd_frame(segment: bytes | memoryview) -> bytes:
    """Compress with a context of its own: 20 µs buy that no earlier segment can matter."""
    from zstandard import ZstdCompressor

    context = ZstdCompressor(
        level=_ZSTD_LEVEL,
        write_checksum=False,
        write_content_size=True,
        write_dict_id=False,
        threads=0,
    )
    return context.compress(segment)
