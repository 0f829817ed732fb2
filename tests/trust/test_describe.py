"""Certificates for people."""

from __future__ import annotations

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import SignatureError
from imagesmith.trust import armour, generation
from imagesmith.trust.describe import CertificateSummary, KeySummary, describe
from imagesmith.trust.packets import frame
from imagesmith.trust.validity import Revoked

NOW = T0 + 10 * DAY
ALICE, SIGNER, BOB = map(pgp.make_key, ("alice", "alice's subkey", "bob"))


def one(octets: bytes) -> CertificateSummary:
    """Describe a file with one certificate."""
    (found,) = describe(octets, NOW)
    return found


class TestDescribe:
    """Everything of a certificate at a time."""

    def test_says_what_each_key_may_do(self) -> None:
        """A primary key that certifies, a subkey that signs."""
        refusal = f"KEY_NOT_SIGNING: key {ALICE.fingerprint} is not for signing"
        primary = KeySummary(
            fingerprint=ALICE.fingerprint,
            algorithm="EdDSA",
            created=T0,
            expires=None,
            capabilities=("certify",),
            revoked=None,
            problem=refusal,
        )
        subkey = KeySummary(
            fingerprint=SIGNER.fingerprint,
            algorithm="EdDSA",
            created=T0,
            expires=None,
            capabilities=("sign",),
            revoked=None,
            problem=None,
        )

        assert CertificateSummary(
            primary=primary,
            user_ids=("Alice <alice@example.org>",),
            subkeys=(subkey,),
            has_secret=False,
            notes=(),
        ) == one(pgp.with_subkey(ALICE, SIGNER))

    def test_shows_expiry_revocation_and_size(self) -> None:
        """What ends a key is there with its time."""
        rsa = pgp.make_key("alice", "rsa2048")
        until = pgp.flags(3) + pgp.key_lifetime(20 * DAY)
        own = pgp.primary(rsa) + pgp.user_id() + pgp.certify(rsa, more=until)
        revoked = pgp.direct(rsa, kind=0x20, created=T0 + DAY, more=pgp.reason(3))
        found = one(own + revoked).primary

        assert (
            "RSA 2048",
            T0 + 20 * DAY,
            ("certify", "sign"),
            Revoked(hard=False, at=T0 + DAY),
        ) == (
            found.algorithm,
            found.expires,
            found.capabilities,
            found.revoked,
        )

    def test_names_algorithms_that_are_not_accepted(self) -> None:
        """A subkey for anything else is shown by number."""
        found = one(pgp.certificate(ALICE) + frame(14, b"\x04\0\0\0\0\x63rest"))

        assert [each.algorithm for each in found.subkeys] == ["algorithm 99"]

    def test_notes_designated_revokers(self) -> None:
        """Their revocations are reported, since they are not evaluated."""
        revoker = pgp.sub(12, b"\x80\x16" + bytes.fromhex(BOB.fingerprint))
        own = pgp.certificate(ALICE) + pgp.direct(ALICE, more=pgp.flags(3) + revoker)
        hashed = pgp.at(T0) + pgp.issuer_fingerprint(BOB)
        by_bob = frame(2, pgp.signature(0x20, BOB, (ALICE.prefixed,), hashed=hashed))
        found = one(own + by_bob)

        assert (found.primary.problem, len(found.notes)) == (None, 1)

    def test_reads_secret_keys(self) -> None:
        """Armoured or binary, and says that there is a secret."""
        pair = generation.generate("A", created=T0, lifetime=None, passphrase=None)
        binary = armour.decode(pair.secret, armour.PRIVATE_KEY)

        assert one(pair.secret) == one(binary)
        assert (True, pair.fingerprint) == (
            one(pair.secret).has_secret,
            one(pair.secret).primary.fingerprint,
        )

    def test_reads_keyrings(self) -> None:
        """One summary per certificate."""
        found = describe(pgp.certificate(ALICE) + pgp.certificate(BOB), NOW)

        assert [ALICE.fingerprint, BOB.fingerprint] == [each.primary.fingerprint for each in found]

    def test_shows_photographs_nowhere(self) -> None:
        """User attributes are not text."""
        assert len(one(pgp.certificate(ALICE) + frame(17, b"\x02\x01x")).user_ids) == 1

    def test_refuses_what_is_no_certificate(self) -> None:
        """Garbage is an error of the tree."""
        with pytest.raises(SignatureError):
            describe(b"garbage", NOW)


def test_user_ids_are_safe_to_print() -> None:
    """Octets that anyone may have chosen move no cursor."""
    hostile = pgp.primary(ALICE) + pgp.user_id(b"\x1b[2J\xff") + pgp.certify(ALICE)

    assert "\x1b" not in "".join(one(hostile).user_ids)
