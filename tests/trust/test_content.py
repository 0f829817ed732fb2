"""What is signed, hashed in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from builders import openpgp as pgp
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.trust import packets, signature
from imagesmith.trust.content import Content, compute_digest
from imagesmith.trust.signature import Signature

ALICE = pgp.make_key("alice")


def signed(digest: int, created: int = pgp.T0) -> Signature:
    """Return a signature by some hash; its content does not matter here."""
    (packet,) = packets.split(pgp.detached(b"", ALICE, digest=digest, created=created))
    return signature.parse(packet.body)


BY_SHA256, BY_SHA512 = signed(pgp.SHA256), signed(pgp.SHA512)


class Counted:
    """Chunks that know how often they were asked for."""

    def __init__(self, *chunks: bytes) -> None:
        """Take the chunks of one pass."""
        self.chunks = chunks
        self.passes = 0

    def __iter__(self) -> Iterator[bytes]:
        self.passes += 1
        yield from self.chunks


class TestDigest:
    """The hash over the document, then over the signature's own part."""

    def test_is_what_the_standard_says(self) -> None:
        """Document, hashed part, version, 0xff and the length of the hashed part."""
        part = BY_SHA256.signed_part
        whole = b"document" + part + b"\x04\xff" + len(part).to_bytes(4, "big")

        assert hashlib.sha256(whole).digest() == Content.of(b"document").digest(BY_SHA256)

    def test_is_none_for_a_hash_nobody_knows(self) -> None:
        """It is not an error here: who asks decides."""
        assert Content.of(b"x").digest(signed(99)) is None

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.binary(max_size=100), max_size=5))
    def test_does_not_depend_on_how_the_document_comes(self, chunks: list[bytes]) -> None:
        """Whole, in chunks, or as parts in memory."""
        content = Content.stream(iter(chunks))
        content.expect((BY_SHA256, BY_SHA512))

        for each in (BY_SHA256, BY_SHA512):
            digest = Content.of(b"".join(chunks)).digest(each)
            assert content.digest(each) == digest == compute_digest(each, chunks)


class TestStream:
    """A document larger than memory."""

    def test_is_read_once_for_all_signatures(self) -> None:
        """Signatures of two hash algorithms cost one pass."""
        chunks = Counted(b"a", b"b")
        content = Content.stream(chunks)
        content.expect((BY_SHA256, BY_SHA512, signed(pgp.SHA256, created=pgp.T0 + 1)))
        content.digest(BY_SHA256)
        content.digest(BY_SHA512)

        assert chunks.passes == 1

    def test_is_not_read_for_nothing(self) -> None:
        """Without signatures to judge nobody hashes."""
        chunks = Counted(b"a")
        Content.stream(chunks).expect(())

        assert chunks.passes == 0

    def test_cannot_be_asked_for_another_hash_afterwards(self) -> None:
        """A stream that is over would read as an empty document."""
        content = Content.stream([b"a"])
        content.expect((BY_SHA256,))

        with pytest.raises(ValueError, match="read already"):
            content.digest(BY_SHA512)
