"""Signature files: reading several, adding one."""

from __future__ import annotations

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import SignatureError
from imagesmith.trust import armour, detached, packets
from imagesmith.trust.packets import Packet, frame
from imagesmith.trust.signature import Signature
from imagesmith.trust.verdict import Reason, Rejected

ALICE, BOB = pgp.make_key("alice"), pgp.make_key("bob")
BY_ALICE = pgp.detached(b"x", ALICE)
AGAIN = pgp.detached(b"x", ALICE, created=T0 + 2 * DAY)
BY_BOB = pgp.detached(b"x", BOB)


def bodies(*octets: bytes) -> tuple[Packet, ...]:
    """Return the packets of some signatures."""
    return packets.split(b"".join(octets))


def merged(existing: bytes | None, new: bytes) -> tuple[Packet, ...]:
    """Merge and take the result apart."""
    text = detached.merge(existing, new)
    assert text.count(b"-----BEGIN") == 1
    return packets.split(armour.decode(text, armour.SIGNATURE))


class TestRead:
    """One finding or signature per packet."""

    def test_keeps_the_order(self) -> None:
        """What cannot be read stands where it stood."""
        found = detached.read(BY_ALICE + frame(2, b"\x03") + BY_BOB)

        assert [Signature, Rejected, Signature] == [type(each) for each in found]

    def test_reads_several_blocks(self) -> None:
        """Two signers who each appended a block."""
        text = armour.encode(BY_ALICE, armour.SIGNATURE) + armour.encode(BY_BOB, armour.SIGNATURE)

        assert detached.read(BY_ALICE + BY_BOB) == detached.read(text)


class TestMerge:
    """One block holding all signatures."""

    def test_starts_a_file(self) -> None:
        """The first signature needs no file."""
        assert bodies(BY_ALICE) == merged(None, BY_ALICE)

    def test_keeps_others_and_replaces_the_same_signer(self) -> None:
        """A signer has one signature."""
        assert bodies(BY_BOB, AGAIN) == merged(BY_ALICE + BY_BOB, AGAIN)

    def test_changes_nothing_for_the_same_signature(self) -> None:
        """Adding twice is adding once."""
        once = detached.merge(BY_BOB, BY_ALICE)

        assert once == detached.merge(once, BY_ALICE)

    def test_keeps_what_it_cannot_read(self) -> None:
        """Signatures of other versions belong to other tools."""
        odd = frame(2, b"\x06rest")

        assert bodies(odd, BY_ALICE) == merged(odd, BY_ALICE)

    def test_makes_no_file_that_is_too_large_to_be_read(self) -> None:
        """One signature more than is read would spoil those that are there."""
        keys = (pgp.make_key(str(each)) for each in range(detached.MAX_SIGNATURES))
        full = b"".join(pgp.detached(b"x", each) for each in keys)

        with pytest.raises(SignatureError) as e:
            detached.merge(full, BY_ALICE)
        assert e.value.reasons == (Reason.LIMIT,)

    def test_refuses_files_that_hold_something_else(self) -> None:
        """Nothing is added to a file that is not one of signatures."""
        with pytest.raises(SignatureError) as e:
            detached.merge(pgp.certificate(ALICE), BY_ALICE)

        assert e.value.reasons == (Reason.NOT_DETACHED,)
