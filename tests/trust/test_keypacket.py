"""Key packets: numbers, fingerprints, strength."""

from __future__ import annotations

import pysequoia
import pytest
from builders import openpgp as pgp
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import keypacket
from imagesmith.trust.verdict import Reason

KINDS = ("ed25519", "p256", "p384", "p521", "rsa2048", "rsa1024", "secp256k1", "dsa")


def fields(algorithm: int, rest: bytes) -> bytes:
    """Return a key body with these fields."""
    return b"\x04\0\0\0\0" + bytes((algorithm,)) + rest


class TestParsePublic:
    """Public keys."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_fingerprints_are_those_of_another_implementation(self, kind: str) -> None:
        """A fingerprint names the same key everywhere."""
        key = pgp.make_key("alice", kind)

        found = keypacket.parse_public(key.body)

        assert pysequoia.Cert.from_bytes(pgp.certificate(key)).fingerprint == found.fingerprint

    @pytest.mark.parametrize(
        ("kind", "bits"),
        [("ed25519", 263), ("p256", 515), ("p384", 771), ("p521", 1059), ("rsa2048", 2048)],
    )
    def test_accepts_strong_keys(self, kind: str, bits: int) -> None:
        """These may sign."""
        found = keypacket.parse_public(pgp.make_key("alice", kind).body)

        assert (bits, None) == (found.bits, found.problem)

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (pgp.make_key("alice", "rsa1024").body, Reason.KEY_WEAK),
            (fields(1, pgp.number(1 << 16384) + pgp.number(3)), Reason.KEY_WEAK),
            (pgp.make_key("alice", "secp256k1").body, Reason.KEY_ALGORITHM),
            (pgp.make_key("alice", "dsa").body, Reason.KEY_ALGORITHM),
            (fields(18, b"\x01\x01" + pgp.number(4) + b"\x03\x01\x08\x07"), Reason.KEY_ALGORITHM),
            (fields(27, bytes(32)), Reason.KEY_ALGORITHM),
            (fields(22, b""), Reason.KEY_MALFORMED),
            (fields(22, b"\x09abc"), Reason.KEY_MALFORMED),
            (fields(1, pgp.number(5)), Reason.FRAMING),
            (pgp.make_key().body + b"\0", Reason.KEY_MALFORMED),
            (fields(22, b"\x09" + pgp.ED25519_OID + pgp.number(0x40)), Reason.KEY_MALFORMED),
            (fields(22, b"\x09" + pgp.ED25519_OID + pgp.number(0x41 << 256)), Reason.KEY_MALFORMED),
        ],
    )
    def test_a_key_that_cannot_count_is_still_a_key(self, body: bytes, reason: Reason) -> None:
        """It keeps its fingerprint and says what is wrong."""
        found = keypacket.parse_public(body)

        assert found.problem is not None
        assert (reason, 40) == (found.problem.reason, len(found.fingerprint))

    @pytest.mark.parametrize(
        "point",
        [
            "00" * 32,
            "00" * 31 + "80",
            "01" + "00" * 31,
            "ec" + "ff" * 30 + "7f",
            "ed" + "ff" * 30 + "7f",
            "ee" + "ff" * 31,
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ],
    )
    def test_a_point_of_small_order_is_nobodys(self, point: str) -> None:
        """One signature by it holds for every document, or for one in a few."""
        number = pgp.number(int(f"40{point}", 16))
        found = keypacket.parse_public(fields(22, b"\x09" + pgp.ED25519_OID + number))

        assert found.problem is not None
        assert found.problem.reason == Reason.KEY_WEAK

    @pytest.mark.parametrize("body", [b"", b"\x04\0\0\0\0", b"\x06" + bytes(40), b"\x04" * 65536])
    def test_refuses_other_versions(self, body: bytes) -> None:
        """Only version 4 keys have a fingerprint here."""
        with pytest.raises(SignatureError) as e:
            keypacket.parse_public(body)

        assert e.value.reasons == (Reason.KEY_MALFORMED,)

    @settings(deadline=None, max_examples=100)
    @given(st.sampled_from(KINDS[:4]), st.integers(0, 80), st.binary(min_size=1, max_size=3))
    def test_a_mutated_key_is_read_or_refused(self, kind: str, at: int, junk: bytes) -> None:
        """No other exception leaves the parser."""
        body = pgp.make_key("alice", kind).body
        try:
            found = keypacket.parse_public(body[:at] + junk + body[at + len(junk) :])
        except SignatureError:
            return

        assert found.body


class TestParseSecret:
    """Secret keys."""

    def test_cuts_the_public_part(self) -> None:
        """The public key is the one anybody else sees."""
        key = pgp.make_key("alice", "rsa2048")

        found = keypacket.parse_secret(key.secret_body)

        assert (key.body, False, False) == (found.public.body, found.is_protected, found.is_stub)

    def test_knows_stubs(self) -> None:
        """Secret parts on a card or offline are recognised."""
        found = keypacket.parse_secret(pgp.make_key().body + b"\xff\0\x65\0GNU\x01")

        assert (found.is_protected, found.is_stub) == (True, True)

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"\x04", Reason.KEY_MALFORMED),
            (pgp.make_key().body, Reason.KEY_NO_SECRET),
            (fields(27, bytes(64)), Reason.KEY_ALGORITHM),
        ],
    )
    def test_refuses_what_has_no_secret(self, body: bytes, reason: Reason) -> None:
        """A public key is not a secret one."""
        with pytest.raises(SignatureError) as e:
            keypacket.parse_secret(body)

        assert (reason,) == e.value.reasons

    def test_does_not_show_secrets(self) -> None:
        """Logs and tracebacks never hold the secret part."""
        key = pgp.make_key()

        assert "body=" in repr(keypacket.parse_secret(key.secret_body).public)
        assert repr(key.secret_body)[2:-1] not in repr(keypacket.parse_secret(key.secret_body))
