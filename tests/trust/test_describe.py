"""Certificates for people."""

from __future__ import annotations

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import SignatureError
from imagesmith.trust import armour, generation
from imagesmith.trust.describe import CertificateSummary, KeySummary, RefusedCertificate, describe
from imagesmith.trust.packets import frame
from imagesmith.trust.validity import Revoked

NOW = T0 + 10 * DAY
ALICE, SIGNER, BOB = map(pgp.make_key, ("alice", "alice's subkey", "bob"))


def one(octets: bytes) -> CertificateSummary:
    """Describe a file with one certificate."""
    (found,) = describe(octets, NOW)
    assert isinstance(found, CertificateSummary)
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
            unproven_user_ids=(),
            subkeys=(subkey,),
            has_secret=False,
            revokers=(),
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
        assert found.revokers == (BOB.fingerprint,)

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

        assert [ALICE.fingerprint, BOB.fingerprint] == [
            each.primary.fingerprint for each in found if isinstance(each, CertificateSummary)
        ]

    def test_a_refused_certificate_leaves_its_neighbours(self) -> None:
        """With the reason, and the fingerprint where there is one."""
        weak = pgp.make_key("weak", "rsa1024")
        later = frame(6, b"\x06" + bytes(40))
        found = describe(pgp.certificate(weak) + later + pgp.certificate(ALICE), NOW)

        assert found[:2] == (
            RefusedCertificate(
                fingerprint=weak.fingerprint,
                problem="KEY_WEAK: primary key: RSA modulus of 1024 bits",
            ),
            RefusedCertificate(fingerprint=None, problem="KEY_MALFORMED: not a version 4 key"),
        )
        assert found[2:] == describe(pgp.certificate(ALICE), NOW)

    def test_a_user_id_that_anyone_added_is_kept_apart(self) -> None:
        """Without the key's own signature it says nothing about the key; nor once it is revoked."""
        added = pgp.user_id(b"Root") + pgp.certify(ALICE, b"Root", by=BOB)
        revoked = pgp.certify(ALICE, kind=0x30, more=pgp.reason(32), created=T0 + 1)
        found = one(
            pgp.certificate(ALICE, revoked, pgp.user_id(b"A"), pgp.certify(ALICE, b"A"), added)
        )

        assert (found.user_ids, found.unproven_user_ids) == (
            ("A",),
            ("Alice <alice@example.org>", "Root"),
        )

    def test_notes_when_small_rsa_ends(self) -> None:
        """With the date."""
        small = pgp.make_key("alice", "rsa2048")

        assert ["2030-02-01" in note for note in one(pgp.certificate(small)).notes] == [True]

    def test_shows_photographs_nowhere(self) -> None:
        """User attributes are not text."""
        assert len(one(pgp.certificate(ALICE) + frame(17, b"\x02\x01x")).user_ids) == 1

    def test_refuses_what_is_no_certificate(self) -> None:
        """Garbage is an error of the tree, and so is a file of packets without a key."""
        for octets in (b"garbage", frame(10, b"PGP")):
            with pytest.raises(SignatureError):
                describe(octets, NOW)


class TestHostileUserIds:
    """Octets that anyone may have chosen (S27)."""

    @pytest.mark.parametrize(
        ("octets", "shown"),
        [
            (b"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
            (b"a\nfingerprint: b\r\tc", "a\\nfingerprint: b\\r\\tc"),
            ("\x9b31m\x85".encode(), "\\x9b31m\\x85"),
            ("a\u202eb\u2066c\u200f".encode(), "a\\u202eb\\u2066c\\u200f"),
            ("a\u2028b\u200bc\ufeff".encode(), "a\\u2028b\\u200bc\\ufeff"),
            (b"\xff\xc3(\xed\xa0\x80", "\\xff\\xc3(\\xed\\xa0\\x80"),
            ("Zoë 木".encode(), "Zoë 木"),
            (b"", ""),
            (b"x" * 5000, "x" * 200 + "… (5000 octets)"),
        ],
    )
    def test_are_escaped_and_cut(self, octets: bytes, shown: str) -> None:
        """No cursor moves, no line begins, no direction changes, nothing scrolls away."""
        own = pgp.primary(ALICE) + pgp.user_id(octets) + pgp.certify(ALICE, octets)

        assert one(own).user_ids == (shown,)
        assert one(pgp.certificate(ALICE) + pgp.user_id(octets)).unproven_user_ids == (shown,)
