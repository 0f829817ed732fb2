"""What the policy lets count: pins of single keys, strictness, sizes of keys."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.trust.content import Content
from imagesmith.trust.judge import Purpose, judge
from imagesmith.trust.packets import frame
from imagesmith.trust.policy import Policy, Signer
from imagesmith.trust.verdict import Reason, Verdict

DOCUMENT = b"document"
NOW = T0 + 10 * DAY
ALICE, BOB, MALLORY = map(pgp.make_key, ("alice", "bob", "mallory"))
FIRST, SECOND = pgp.make_key("first subkey"), pgp.make_key("second subkey")
BOUND = b"".join(pgp.subkey(each) + pgp.bind(ALICE, each) for each in (FIRST, SECOND))
CERTIFICATE = pgp.certificate(ALICE, BOUND)


def signer(pin: str, certificate: bytes = CERTIFICATE, **terms: Any) -> Signer:  # noqa: ANN401
    """Return a signer on some terms."""
    return Signer(fingerprint=pin, certificate=certificate, certificate_name="c.pgp", **terms)


def verdict(signatures: bytes, *signers: Signer, image: str | None = None, **terms: Any) -> Verdict:  # noqa: ANN401
    """Judge signatures under a policy of these signers."""
    policy = attrs.evolve(Policy(threshold=1, document="trust.toml", signers=signers), **terms)
    return judge(Content.of(DOCUMENT), signatures, policy, now=NOW, purpose=Purpose(image))


def reasons(found: Verdict) -> list[str]:
    """Return the codes of what was rejected."""
    return [each.reason for each in found.rejected]


def by(key: pgp.Key, **terms: Any) -> bytes:  # noqa: ANN401 - what a signature may say
    """Sign the document."""
    return pgp.detached(DOCUMENT, key, **terms)


class TestPin:
    """`FPR!` means one key (S3)."""

    @pytest.mark.parametrize("pinned", [ALICE, FIRST])
    def test_exactly_this_key_counts(self, pinned: pgp.Key) -> None:
        """Another key of the same certificate does not."""
        found = signer(f"{pinned.fingerprint}!")

        assert verdict(by(pinned), found).valid
        assert reasons(verdict(by(SECOND), found)) == [Reason.SIGNER_KEY]

    def test_without_the_mark_a_subkey_pins_nothing(self) -> None:
        """A fingerprint alone is that of a primary key."""
        found = verdict(by(FIRST), signer(FIRST.fingerprint))

        assert reasons(found) == [Reason.CERT_MISMATCH, Reason.SIGNER_UNKNOWN]

    def test_two_pinned_subkeys_of_one_certificate_count_once(self) -> None:
        """The threshold counts primary keys."""
        both = signer(f"{FIRST.fingerprint}!"), signer(f"{SECOND.fingerprint}!")
        found = verdict(by(FIRST) + by(SECOND), *both, threshold=2)

        assert (found.valid, reasons(found)) == (False, [Reason.DUPLICATE])
        assert verdict(by(SECOND), *both).accepted[0].key == SECOND.fingerprint

    def test_the_terms_are_those_of_whoever_pins_the_key(self) -> None:
        """One subkey for one image, another for another; the primary key for a third."""
        signers = (
            signer(f"{FIRST.fingerprint}!", images=("a",)),
            signer(f"{SECOND.fingerprint}!", images=("b",)),
            signer(ALICE.fingerprint, images=("c",)),
        )

        assert verdict(by(FIRST), *signers, image="a").valid
        assert verdict(by(FIRST), *signers, image="c").valid
        assert reasons(verdict(by(FIRST), *signers, image="b")) == [Reason.SIGNER_IMAGE]

    def test_a_revocation_in_one_signers_file_counts_for_all(self) -> None:
        """Copies of a certificate are joined."""
        revoked = CERTIFICATE + pgp.bind(ALICE, FIRST, kind=0x28)
        found = verdict(
            by(FIRST), signer(f"{FIRST.fingerprint}!"), signer(f"{SECOND.fingerprint}!", revoked)
        )

        assert reasons(found) == [Reason.KEY_REVOKED_HARD]

    def test_an_unusable_joint_certificate_is_told_of_every_signer(self) -> None:
        """Nobody whose keys it holds can be judged."""
        unreadable = CERTIFICATE + frame(2, b"\x04\x20\x16")
        found = verdict(
            by(FIRST), signer(f"{FIRST.fingerprint}!"), signer(ALICE.fingerprint, unreadable)
        )

        assert reasons(found) == [Reason.CERT_REVOCATION_UNREADABLE] * 2 + [Reason.SIGNER_UNKNOWN]

    def test_a_key_that_several_certificates_of_a_file_hold_is_ambiguous(self) -> None:
        """Who speaks by it cannot be told."""
        both = CERTIFICATE + pgp.certificate(BOB, pgp.subkey(FIRST))
        found = verdict(by(FIRST), signer(f"{FIRST.fingerprint}!", both))

        assert reasons(found) == [Reason.CERT_DUPLICATE, Reason.SIGNER_UNKNOWN]


class TestStrictAll:
    """One bad signature fails everything, for who wants that (S17)."""

    @pytest.mark.parametrize(
        "bad",
        [
            pgp.detached(b"other", ALICE, created=T0 + 2 * DAY),
            by(BOB, digest=pgp.SHA1),
            by(BOB, kind=0x01),
            frame(2, b"\x03" + bytes(30)),
            frame(2, b"\x06" + bytes(30)),
        ],
    )
    def test_a_bad_signature_fails(self, bad: bytes) -> None:
        """However many good ones there are, and wherever it stands."""
        signers = signer(ALICE.fingerprint), signer(BOB.fingerprint, pgp.certificate(BOB))

        for octets in (by(ALICE) + bad, bad + by(ALICE)):
            assert verdict(octets, *signers).valid
            assert not verdict(octets, *signers, strict_all=True).valid

    @pytest.mark.parametrize(
        "other",
        [
            by(MALLORY),
            by(MALLORY, digest=pgp.SHA1),
            pgp.detached(b"other", MALLORY),
            by(ALICE, created=T0 + 2 * DAY),
            by(BOB),
        ],
    )
    def test_a_good_signature_that_does_not_count_harms_nothing(self, other: bytes) -> None:
        """By strangers, whatever it is worth; a second one; one by a signer of other images."""
        bob = signer(BOB.fingerprint, pgp.certificate(BOB), images=("other",))
        found = verdict(
            by(ALICE) + other, signer(ALICE.fingerprint), bob, strict_all=True, image="image"
        )

        assert (found.valid, len(found.rejected)) == (True, 1)

    def test_a_listed_signer_whose_certificate_cannot_be_used_fails(self) -> None:
        """Whether that signer signed, and well, cannot be told."""
        found = verdict(
            by(ALICE), signer(ALICE.fingerprint), signer(BOB.fingerprint, b"\xff"), strict_all=True
        )

        assert (found.valid, reasons(found)) == (False, [Reason.FRAMING])


class TestMinRsaBits:
    """A floor of the policy's own (S11)."""

    @pytest.mark.parametrize(("floor", "is_valid"), [(2048, True), (2049, False), (3072, False)])
    def test_is_a_floor(self, floor: int, *, is_valid: bool) -> None:
        """The signing key must reach it."""
        small = pgp.make_key("alice", "rsa2048")
        one = signer(small.fingerprint, pgp.certificate(small))
        found = verdict(by(small), one, min_rsa_bits=floor)

        assert found.valid is is_valid
        assert reasons(found) == ([] if is_valid else [Reason.KEY_WEAK])

    def test_holds_for_the_primary_key_too(self) -> None:
        """And not for keys that are no RSA."""
        small = pgp.make_key("alice", "rsa2048")
        one = signer(small.fingerprint, pgp.with_subkey(small, FIRST))

        assert reasons(verdict(by(FIRST), one, min_rsa_bits=3072)) == [Reason.KEY_WEAK]
        assert verdict(by(ALICE), signer(ALICE.fingerprint), min_rsa_bits=3072).valid


def test_a_certificate_that_could_not_be_read_is_a_finding() -> None:
    """The signer and the cause are named, and others count."""
    unread = attrs.evolve(
        signer(BOB.fingerprint, b""), unread="cannot read 'bob.asc': no such file"
    )
    found = verdict(by(ALICE), unread, signer(ALICE.fingerprint))

    assert (found.valid, reasons(found)) == (True, [Reason.UNREADABLE])
    assert (
        found.rejected[0].detail == f"signer {BOB.fingerprint}: cannot read 'bob.asc': no such file"
    )
