"""The verdict, row by row of the table, and by the policy."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors import (
    ALICE,
    BOB,
    DOCUMENT,
    GOOD,
    MALLORY,
    NOW,
    PLAIN,
    SIGNED,
    SIGNER,
    SUBKEYED,
    VECTORS,
    Vector,
)

from imagesmith.model import canonical
from imagesmith.trust.content import Content
from imagesmith.trust.judge import Purpose, judge
from imagesmith.trust.packets import frame
from imagesmith.trust.policy import Policy
from imagesmith.trust.verdict import Accepted, Reason, Rejected, Verdict

CONTENT = Content.of(DOCUMENT)
BOBS = pgp.certificate(BOB)
BY_BOB = pgp.detached(DOCUMENT, BOB)
POLICY = pgp.pin((ALICE, PLAIN))
BOTH = pgp.pin((ALICE, PLAIN), (BOB, BOBS), threshold=2)


def reasons(verdict: Verdict) -> list[str]:
    """Return the codes of what was rejected."""
    return [each.reason for each in verdict.rejected]


def accepted(key: pgp.Key, primary: pgp.Key | None = None) -> Accepted:
    """Return what a good signature of `key` comes to."""
    return Accepted((primary or key).fingerprint, key.fingerprint, SIGNED, "SHA512", "EdDSA")


def alice_may(**terms: Any) -> Policy:  # noqa: ANN401 - the fields of a signer
    """Return a policy that pins alice on these terms."""
    return attrs.evolve(POLICY, signers=(attrs.evolve(POLICY.signers[0], **terms),))


class TestVectors:
    """Every row of the table."""

    @pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
    def test_has_the_recorded_verdict(self, vector: Vector) -> None:
        """Each case is accepted, or rejected for exactly the reason recorded."""
        verdict = judge(Content.of(vector.document), vector.signature, vector.policy, now=NOW)

        assert vector.reason == (None if verdict.valid else reasons(verdict)[0])


class TestTimes:
    """Judged when the signature says it was made, and now."""

    def test_accepts_a_clock_that_is_half_an_hour_off(self) -> None:
        """A signature may lie thirty minutes in the future, and not a second more."""
        at = SIGNED - 30 * 60

        assert judge(CONTENT, GOOD, POLICY, now=at).valid
        assert reasons(judge(CONTENT, GOOD, POLICY, now=at - 1)) == [Reason.SIG_FUTURE]

    def test_refuses_everything_for_a_clock_that_is_years_off(self) -> None:
        """A clock two years behind sees signatures from the future."""
        verdict = judge(CONTENT, GOOD, POLICY, now=SIGNED - 730 * DAY)

        assert reasons(verdict) == [Reason.SIG_FUTURE]

    def test_a_signature_expires_at_its_last_second(self) -> None:
        """The lifetime counts from the signature's creation."""
        brief = pgp.detached(DOCUMENT, ALICE, more=pgp.lifetime(DAY))

        assert judge(CONTENT, brief, POLICY, now=SIGNED + DAY - 1).valid
        assert reasons(judge(CONTENT, brief, POLICY, now=SIGNED + DAY)) == [Reason.SIG_EXPIRED]

    def test_a_key_expires_at_its_last_second(self) -> None:
        """The lifetime counts from the key's creation."""
        flags = pgp.flags(3) + pgp.key_lifetime(2 * DAY)
        own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=flags)
        policy = pgp.pin((ALICE, own))

        assert judge(CONTENT, GOOD, policy, now=T0 + 2 * DAY - 1).valid
        assert reasons(judge(CONTENT, GOOD, policy, now=T0 + 2 * DAY)) == [Reason.KEY_EXPIRED]

    def test_a_soft_revocation_counts_from_its_second(self) -> None:
        """Before it was made the key was good; it never is again."""
        revoked = pgp.direct(ALICE, kind=0x20, created=SIGNED + DAY, more=pgp.reason(1))
        policy = pgp.pin((ALICE, PLAIN + revoked))

        assert judge(CONTENT, GOOD, policy, now=SIGNED + DAY - 1).valid
        assert reasons(judge(CONTENT, GOOD, policy, now=SIGNED + DAY)) == [Reason.KEY_REVOKED_SOFT]

    def test_a_subkey_did_not_sign_before_it_existed(self) -> None:
        """A key made after the signature's time cannot have made it."""
        young = pgp.make_key("young", created=SIGNED + DAY)
        own = pgp.certificate(ALICE, pgp.subkey(young), pgp.bind(ALICE, young))

        verdict = judge(CONTENT, pgp.detached(DOCUMENT, young), pgp.pin((ALICE, own)), now=NOW)

        assert reasons(verdict) == [Reason.SIG_BEFORE_KEY]

    def test_a_subkey_is_no_older_than_its_primary_key(self) -> None:
        """A subkey's signature does not count while the primary key did not exist."""
        old = pgp.make_key("old", created=T0 - 10 * DAY)
        own = pgp.certificate(ALICE, pgp.subkey(old), pgp.bind(ALICE, old))
        early = pgp.detached(DOCUMENT, old, created=T0 - DAY)

        assert reasons(judge(CONTENT, early, pgp.pin((ALICE, own)), now=NOW)) == [
            Reason.KEY_NOT_YET
        ]


class TestThreshold:
    """How many distinct keys."""

    def test_counts_distinct_signers(self) -> None:
        """Two signers reach two."""
        verdict = judge(CONTENT, GOOD + BY_BOB, BOTH, now=NOW)

        assert Verdict((accepted(ALICE), accepted(BOB)), (), 2, valid=True) == verdict

    @pytest.mark.parametrize(
        "order", [(GOOD, GOOD), (GOOD, pgp.detached(DOCUMENT, ALICE, created=SIGNED + 1))]
    )
    def test_counts_a_signer_once(self, order: tuple[bytes, bytes]) -> None:
        """Two signatures by one key reach one."""
        verdict = judge(CONTENT, b"".join(order), BOTH, now=NOW)

        assert (verdict.valid, reasons(verdict)) == (False, [Reason.DUPLICATE])

    def test_counts_a_primary_and_its_subkey_once(self) -> None:
        """Keys of one certificate are one signer."""
        own = pgp.certificate(ALICE, pgp.subkey(SIGNER), pgp.bind(ALICE, SIGNER))
        policy = pgp.pin((ALICE, own), (BOB, BOBS), threshold=2)

        verdict = judge(CONTENT, GOOD + pgp.detached(DOCUMENT, SIGNER), policy, now=NOW)

        assert (verdict.valid, reasons(verdict)) == (False, [Reason.DUPLICATE])

    def test_counts_a_subkey_of_two_certificates_once(self) -> None:
        """Certificates that share a subkey are two signers with one signing key."""
        alice = pgp.with_subkey(ALICE, SIGNER)
        bob = BOBS + pgp.subkey(SIGNER) + pgp.bind(BOB, SIGNER)
        policy = pgp.pin((ALICE, alice), (BOB, bob), threshold=2)
        twice = pgp.detached(DOCUMENT, SIGNER) + pgp.detached(DOCUMENT, SIGNER, created=SIGNED + 1)

        assert not judge(CONTENT, twice, policy, now=NOW).valid

    def test_counts_one_key_with_two_dates_once(self) -> None:
        """The same numbers, said to be made at two times, have two fingerprints and one holder."""
        again = pgp.make_key("alice", created=T0 + 1)
        own = pgp.primary(again) + pgp.user_id() + pgp.certify(again, created=T0 + 1)
        policy = pgp.pin((ALICE, PLAIN), (again, own), threshold=2)
        both = pgp.detached(DOCUMENT, ALICE) + pgp.detached(DOCUMENT, again)

        assert reasons(judge(CONTENT, both, policy, now=NOW)) == [Reason.DUPLICATE]

    def test_counts_a_shared_subkey_once_even_when_it_changes_sides(self) -> None:
        """A shared subkey bound at different times cannot speak for both."""
        bob = BOBS + pgp.subkey(SIGNER) + pgp.bind(BOB, SIGNER)
        late = pgp.primary(ALICE) + pgp.user_id()
        late += pgp.certify(ALICE, created=SIGNED + DAY)
        late += pgp.subkey(SIGNER) + pgp.bind(ALICE, SIGNER, created=SIGNED + DAY)
        policy = pgp.pin((BOB, bob), (ALICE, late), threshold=2)
        twice = pgp.detached(DOCUMENT, SIGNER) + pgp.detached(
            DOCUMENT,
            SIGNER,
            created=SIGNED + 2 * DAY,
        )

        assert not judge(CONTENT, twice, policy, now=NOW).valid

    @pytest.mark.parametrize(
        ("signatures", "rejected"),
        [
            (GOOD + frame(2, b"\x03" + bytes(30)), Reason.SIG_VERSION),
            (frame(2, b"\x03" + bytes(30)) + GOOD, Reason.SIG_VERSION),
            (pgp.detached(DOCUMENT, MALLORY) + GOOD, Reason.SIGNER_UNKNOWN),
            (pgp.detached(b"other", ALICE, created=SIGNED + 1) + GOOD, Reason.SIG_BAD),
        ],
    )
    def test_one_good_signature_is_not_spoilt_by_others(
        self,
        signatures: bytes,
        rejected: Reason,
    ) -> None:
        """What fails is reported, and the good one counts."""
        verdict = judge(CONTENT, signatures, POLICY, now=NOW)

        assert (True, [rejected]) == (verdict.valid, reasons(verdict))


class TestScope:
    """What the policy lets a signer sign."""

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            ({"images": ("team-b-*",)}, Reason.SIGNER_IMAGE),
            ({"images": ("Team-a-curl",)}, Reason.SIGNER_IMAGE),
            ({"roles": ("rebuild",)}, Reason.SIGNER_ROLE),
            ({"not_before": SIGNED + 1}, Reason.SIGNER_PERIOD),
            ({"not_after": NOW - 1}, Reason.SIGNER_PERIOD),
            ({"images": ("team-b-*", "team-a-*"), "not_before": SIGNED, "not_after": NOW}, None),
        ],
    )
    def test_limits_signers(self, terms: dict[str, object], reason: Reason | None) -> None:
        """Images, roles and periods are those of the policy."""
        purpose = Purpose(image="team-a-curl")
        verdict = judge(CONTENT, GOOD, alice_may(**terms), now=NOW, purpose=purpose)

        assert ([reason] if reason else []) == reasons(verdict)
        assert (reason is None) is verdict.valid

    def test_does_not_ask_for_the_image_where_there_is_none(self) -> None:
        """Signatures can be judged without saying for what."""
        assert judge(CONTENT, GOOD, alice_may(images=("x",)), now=NOW).valid


class TestCertificates:
    """Findings about the signers themselves."""

    def test_finds_the_pinned_certificate_among_others(self) -> None:
        """A keyring may hold more than the signer."""
        assert judge(CONTENT, GOOD, pgp.pin((ALICE, BOBS + PLAIN)), now=NOW).valid

    @pytest.mark.parametrize(
        ("certificate", "reason"),
        [
            (b"", Reason.ARMOUR),
            (b"\xff", Reason.FRAMING),
            (BOBS, Reason.CERT_MISMATCH),
            (PLAIN + PLAIN, Reason.CERT_DUPLICATE),
            (pgp.user_id() + PLAIN, Reason.CERT_MALFORMED),
            (PLAIN + frame(8, b"\x01"), Reason.CERT_MALFORMED),
            (bytes((0x80,)) * ((1 << 20) + 1), Reason.LIMIT),
        ],
    )
    def test_a_certificate_that_cannot_be_used_is_a_finding(
        self,
        certificate: bytes,
        reason: Reason,
    ) -> None:
        """The signer is named, and its signature is by nobody known."""
        verdict = judge(CONTENT, GOOD, pgp.pin((ALICE, certificate)), now=NOW)

        assert [reason, Reason.SIGNER_UNKNOWN] == reasons(verdict)
        assert ALICE.fingerprint in verdict.rejected[0].detail

    def test_one_broken_certificate_leaves_the_other_signers(self) -> None:
        """A threshold can be met by those who are left."""
        policy = pgp.pin((BOB, b"\xff"), (ALICE, PLAIN))

        assert judge(CONTENT, GOOD, policy, now=NOW).valid

    def test_a_key_id_names_nobody(self) -> None:
        """A signature whose issuer id names alice, made by bob, is not by alice."""
        body = pgp.signature(0, BOB, (DOCUMENT,), hashed=pgp.at(SIGNED), unhashed=pgp.issuer(ALICE))

        verdict = judge(CONTENT, frame(2, body), pgp.pin((ALICE, PLAIN)), now=NOW)

        assert reasons(verdict) == [Reason.SIG_BAD]

    def test_a_signature_names_the_algorithm_of_its_key(self) -> None:
        """The algorithm octet is not the signer's to choose."""
        body = pgp.signature(
            0,
            ALICE,
            (DOCUMENT,),
            hashed=pgp.at(SIGNED) + pgp.issuer_fingerprint(ALICE),
            algorithm=1,
        )

        verdict = judge(CONTENT, frame(2, body), POLICY, now=NOW)

        assert reasons(verdict) == [Reason.SIG_ALGORITHM]

    def test_a_subkey_of_an_algorithm_that_is_not_accepted_signs_nothing(self) -> None:
        """The certificate may hold it, for others."""
        old = pgp.make_key("old", "dsa")
        own = pgp.certificate(ALICE, pgp.subkey(old), pgp.bind(ALICE, old, back=b""))
        made = pgp.detached(DOCUMENT, old, digest=pgp.SHA256)

        verdict = judge(CONTENT, made, pgp.pin((ALICE, own)), now=NOW)

        assert reasons(verdict) == [Reason.SIG_ALGORITHM]

    def test_a_weak_subkey_signs_nothing(self) -> None:
        """A strong primary key does not make its subkeys strong."""
        weak = pgp.make_key("weak", "rsa1024")
        own = pgp.certificate(ALICE, pgp.subkey(weak), pgp.bind(ALICE, weak))

        verdict = judge(CONTENT, pgp.detached(DOCUMENT, weak), pgp.pin((ALICE, own)), now=NOW)

        assert reasons(verdict) == [Reason.KEY_WEAK]


class TestLimits:
    """What is refused before it is read."""

    @pytest.mark.parametrize(
        ("signatures", "reason"),
        [
            (GOOD * 65, Reason.LIMIT),
            (GOOD + frame(10, b"PGP") * 2000, Reason.LIMIT),
            (b"\xc2" * (65 << 10), Reason.LIMIT),
            (PLAIN, Reason.NOT_DETACHED),
            (frame(11, b"b\0\0\0\0\0hello") + GOOD, Reason.NOT_DETACHED),
            (GOOD + frame(8, b"\x03BZh"), Reason.NOT_DETACHED),
            (frame(10, b"PGP"), Reason.SIG_MISSING),
            (b" \n", Reason.SIG_MISSING),
            (GOOD[:-1], Reason.FRAMING),
            (GOOD + b"\0", Reason.FRAMING),
        ],
    )
    def test_refuses_files_that_are_not_signatures(self, signatures: bytes, reason: Reason) -> None:
        """A signature file holds signatures, up to a number and a size."""
        assert [reason] == reasons(judge(CONTENT, signatures, POLICY, now=NOW))

    def test_ignores_markers_and_padding(self) -> None:
        """Two kinds of packets mean nothing."""
        assert judge(CONTENT, frame(10, b"PGP") + GOOD + frame(21, b"xx"), POLICY, now=NOW).valid


class TestJson:
    """The machine's view."""

    def test_is_the_documented_shape(self) -> None:
        """Everything in it is plain JSON."""
        verdict = judge(CONTENT, GOOD + GOOD, pgp.pin((ALICE, SUBKEYED)), now=NOW)
        found = Verdict((accepted(ALICE),), (Rejected(Reason.SIG_BAD, "why"),), 1, valid=True)

        assert not verdict.valid
        assert {
            "accepted": [
                {
                    "primary": ALICE.fingerprint,
                    "key": ALICE.fingerprint,
                    "created": SIGNED,
                    "hash": "SHA512",
                    "algorithm": "EdDSA",
                }
            ],
            "rejected": [{"reason": "SIG_BAD", "detail": "why"}],
            "threshold": 1,
            "valid": True,
        } == json.loads(canonical.to_bytes(found.to_json()))
        assert str(found.rejected[0]) == "SIG_BAD: why"
