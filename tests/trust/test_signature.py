"""Signature packets: what they state, and in which area."""

from __future__ import annotations

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import signature
from imagesmith.trust.content import compute_digest
from imagesmith.trust.signature import Signature, Sub
from imagesmith.trust.verdict import Reason

ALICE = pgp.make_key("alice")
BOB = pgp.make_key("bob")


def body(hashed: bytes = pgp.at(T0), unhashed: bytes = b"") -> bytes:
    """Return a signature body with these subpackets."""
    return pgp.signature(0, ALICE, (b"x",), hashed=hashed, unhashed=unhashed)


def read(hashed: bytes = b"", unhashed: bytes = b"") -> Signature:
    """Parse a signature with these subpackets beside its time."""
    return signature.parse(body(pgp.at(T0) + hashed, unhashed))


class TestParse:
    """Octets to value."""

    def test_keeps_what_is_hashed(self) -> None:
        """The hashed part is the octets themselves, not something written anew."""
        octets = body(pgp.at(T0) + b"\xff\0\0\0\x02\x64x")
        found = signature.parse(octets)

        assert octets.startswith(found.signed_part)
        assert (
            found.type,
            found.key_algorithm,
            found.hash_algorithm,
            found.created,
        ) == (0, 22, 10, T0)

    @pytest.mark.parametrize(
        ("octets", "reason"),
        [
            (b"", Reason.SIG_VERSION),
            (b"\x03" + bytes(30), Reason.SIG_VERSION),
            (b"\x05" + bytes(30), Reason.SIG_VERSION_LATER),
            (b"\x06" + bytes(30), Reason.SIG_VERSION_LATER),
            (b"\x04\0\x16\x0a\0", Reason.SIG_MALFORMED),
            (b"\x04\0\x16\x0a\0\xff", Reason.SIG_MALFORMED),
            (body()[:15], Reason.SIG_MALFORMED),
            (body(pgp.at(T0) + b"\0"), Reason.SIG_MALFORMED),
            (body(pgp.at(T0) + b"\x09\x64x"), Reason.SIG_MALFORMED),
            (body(pgp.at(T0), b"\x09\x64x"), Reason.SIG_MALFORMED),
            (body(pgp.at(T0) + pgp.sub(9, b"\0")), Reason.SIG_MALFORMED),
            (body(pgp.at(T0) + b"\xff"), Reason.FRAMING),
            (body(pgp.at(T0) + pgp.sub(100, b"") * 256), Reason.LIMIT),
            (body(pgp.at(T0) + pgp.sub(100, b"") * 155, pgp.sub(101, b"") * 101), Reason.LIMIT),
        ],
    )
    def test_refuses_what_is_not_a_version_4_signature(self, octets: bytes, reason: Reason) -> None:
        """Every other packet has a reason."""
        with pytest.raises(SignatureError) as e:
            signature.parse(octets)

        assert (reason,) == e.value.reasons

    def test_says_how_to_help_newer_signatures(self) -> None:
        """RFC 9580's own versions are named, since people will have them."""
        with pytest.raises(SignatureError, match="sign with a version 4 key"):
            signature.parse(b"\x06" + bytes(30))

    @settings(deadline=None, max_examples=200)
    @given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
    def test_a_mutated_signature_is_read_or_refused(self, at: int, junk: bytes) -> None:
        """No other exception leaves the parser."""
        octets = body(pgp.at(T0) + pgp.flags(2), pgp.issuer(ALICE))
        mutated = octets[:at] + junk + octets[at + len(junk) :]
        try:
            found = signature.parse(mutated)
        except SignatureError:
            return

        assert found.body == mutated


class TestStatements:
    """What a signature says, and what it cannot say unhashed."""

    def test_takes_statements_from_the_hashed_area_only(self) -> None:
        """Nobody can add to a signature what its maker did not say."""
        stated = pgp.flags(3) + pgp.lifetime(5) + pgp.issuer_fingerprint(BOB)
        found = read(unhashed=stated)

        assert (found.flags, found.expires, found.issuer_fingerprints) == (None, None, ())

    def test_reads_contradictions_restrictively(self) -> None:
        """Of several statements the one that grants least counts."""
        found = read(
            pgp.flags(3) + pgp.flags(2) + pgp.lifetime(0) + pgp.lifetime(9) + pgp.lifetime(5),
        )

        assert (found.flags, found.expires) == (2, T0 + 5)

    def test_reads_empty_flags_as_none_granted(self) -> None:
        """A flags subpacket without octets grants nothing."""
        assert read(pgp.sub(Sub.KEY_FLAGS, b"")).flags == 0

    def test_zero_means_no_end(self) -> None:
        """A lifetime of zero is none."""
        assert read(pgp.key_lifetime(0)).shortest(Sub.KEY_LIFETIME) is None

    def test_a_fingerprint_outweighs_key_ids(self) -> None:
        """The hint does not count where the issuer is stated."""
        found = read(pgp.issuer_fingerprint(ALICE), pgp.issuer(BOB))

        assert (found.names(ALICE.fingerprint), found.names(BOB.fingerprint)) == (True, False)

    def test_two_fingerprints_name_nobody(self) -> None:
        """A signature has one issuer."""
        found = read(pgp.issuer_fingerprint(ALICE) + pgp.issuer_fingerprint(BOB))

        assert not found.names(ALICE.fingerprint)

    def test_refuses_malformed_hints(self) -> None:
        """A key id of the wrong size spoils the signature, in the unhashed area as well."""
        with pytest.raises(SignatureError) as e:
            read(unhashed=pgp.sub(Sub.ISSUER, b"\1"))

        assert e.value.reasons == (Reason.SIG_MALFORMED,)

    def test_yields_embedded_signatures_of_both_areas(self) -> None:
        """They prove themselves, so the area does not matter."""
        inner = body()
        found = read(pgp.sub(Sub.EMBEDDED, inner), pgp.sub(Sub.EMBEDDED, inner))

        assert [inner, inner] == [each.body for each in found.embedded()]

    def test_refuses_embedded_signatures_that_embed(self) -> None:
        """One level is all there is."""
        nested = body(pgp.at(T0), pgp.sub(Sub.EMBEDDED, body()))

        with pytest.raises(SignatureError) as e:
            read(pgp.sub(Sub.EMBEDDED, nested))

        assert e.value.reasons == (Reason.SIG_MALFORMED,)

    @pytest.mark.parametrize("kind", [2, 3, 9, 11, 16, 21, 27, 30, 33, 35])
    def test_knows_critical_subpackets(self, kind: int) -> None:
        """The usual ones may be marked critical."""
        octets = {2: 4, 3: 4, 9: 4, 16: 8, 33: 21, 35: 21}.get(kind, 1)
        hashed = pgp.sub(kind, b"\x04" + bytes(octets - 1), critical=True)
        made = body(hashed if kind == 2 else pgp.at(T0) + hashed)

        assert signature.parse(made).critical_problem() is None

    @pytest.mark.parametrize("kind", [1, 20, 31, 34, 100, 127])
    def test_does_not_know_others(self, kind: int) -> None:
        """What is critical and not understood is a finding."""
        made = pgp.sub(kind, bytes(8), critical=True)

        assert read(made).critical_problem() is not None

    def test_critical_bits_of_the_unhashed_area_are_nobodys(self) -> None:
        """Anyone can write there."""
        assert read(unhashed=pgp.sub(100, b"", critical=True)).critical_problem() is None


class TestDigest:
    """What is hashed."""

    def test_is_none_for_hashes_nobody_knows(self) -> None:
        """An unknown number has no digest."""
        octets = bytearray(body())
        octets[3] = 99

        assert compute_digest(signature.parse(bytes(octets)), (b"x",)) is None

    def test_starts_with_the_left_octets(self) -> None:
        """Content, hashed part and trailer, in this order."""
        found = signature.parse(body())
        digest = compute_digest(found, (b"", b"x"))

        assert digest is not None
        assert found.left == digest[:2]


class TestStatedType:
    """Reading the type of what cannot be read."""

    @pytest.mark.parametrize(
        ("octets", "expected"),
        [
            (b"\x04\x20", 0x20),
            (b"\x06\x28\0", 0x28),
            (b"\x03\x05\x30", 0x30),
            (b"\x04", None),
            (b"", None),
        ],
    )
    def test_finds_it_in_any_version(self, octets: bytes, expected: int | None) -> None:
        """Version 3 has it one octet further."""
        assert expected == signature.stated_type(octets)


def test_expiry_counts_from_creation() -> None:
    """The lifetime is added to the time."""
    assert read(pgp.lifetime(DAY)).expires == T0 + DAY
