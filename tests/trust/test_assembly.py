"""Certificates: what is genuine, and what it costs to find out."""

from __future__ import annotations

import random

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors import VECTORS, Vector

from imagesmith.errors import SignatureError
from imagesmith.trust import assembly, keyring
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.packets import Packet, Tag, frame
from imagesmith.trust.pin import Pin
from imagesmith.trust.verdict import Reason

ALICE, SIGNER, BOB = map(pgp.make_key, ("alice", "alice's subkey", "bob"))
OTHER = b"Alice <alice@example.net>"


def read(octets: bytes) -> Certificate:
    """Read a file with one certificate."""
    (group,) = keyring.split(octets)
    return assembly.assemble(group)


def refusal(octets: bytes) -> tuple[str, ...]:
    """Return why a certificate is unusable."""
    with pytest.raises(SignatureError) as e:
        read(octets)
    return e.value.reasons


class TestAssemble:
    """Packets to facts."""

    def test_attaches_each_signature_where_it_is_genuine(self) -> None:
        """Self-signatures, bindings and revocations find their component."""
        found = read(
            pgp.with_subkey(ALICE, SIGNER)
            + pgp.bind(ALICE, SIGNER, kind=0x28)
            + pgp.direct(ALICE)
            + pgp.direct(ALICE, kind=0x20)
            + pgp.certify(ALICE, kind=0x30)
        )

        assert [
            (len(each.bindings), len(each.revocations))
            for each in (found.itself, *found.identities, *found.subkeys)
        ] == [(1, 1), (1, 1), (1, 1)]
        assert len(found.subkeys[0].bindings[0].back_signatures) == 1

    @pytest.mark.parametrize(
        "vector",
        [each for each in VECTORS if "revoked" in each.name or "expired" in each.name],
        ids=lambda vector: vector.name,
    )
    def test_the_order_of_packets_proves_nothing(self, vector: Vector) -> None:
        """Any order after the primary key is the same certificate."""
        (group,) = keyring.split(vector.certificate)
        shuffled = list(group[1:])
        random.Random(1).shuffle(shuffled)  # noqa: S311 - an order, not a secret

        first, second = (assembly.assemble((group[0], *order)) for order in (group[1:], shuffled))

        assert facts(first) == facts(second)

    def test_ignores_signatures_by_others(self) -> None:
        """Certifications by third parties say nothing here."""
        found = read(pgp.certificate(ALICE) + pgp.certify(ALICE, by=BOB))

        assert len(found.identities[0].bindings) == 1

    def test_ignores_unreadable_signatures_that_do_not_revoke(self) -> None:
        """An odd certification takes nothing away."""
        odd = frame(2, b"\x03\x05\x10junk") + frame(2, b"")

        assert facts(read(pgp.certificate(ALICE))) == facts(read(pgp.certificate(ALICE) + odd))

    def test_ignores_what_others_took_back(self) -> None:
        """A revocation of a third party's certification, as old programs wrote them."""
        content = ALICE.prefixed, pgp.named(b"Alice <alice@example.org>")
        body = pgp.signature(0x30, BOB, content, hashed=pgp.at(T0))

        assert read(pgp.certificate(ALICE) + frame(2, body)).identities[0].revocations == ()

    def test_joins_components_that_are_there_twice(self) -> None:
        """Two copies of a user id or subkey are one."""
        found = read(pgp.with_subkey(ALICE, SIGNER) + pgp.user_id() + pgp.subkey(SIGNER))

        assert (len(found.identities), len(found.subkeys)) == (1, 1)

    def test_knows_user_attributes(self) -> None:
        """A photograph may carry a self-signature like a user id."""
        photograph = b"\x02\x01x"
        hashed = pgp.at(T0) + pgp.issuer_fingerprint(ALICE) + pgp.flags(3)
        content = ALICE.prefixed, b"\xd1" + len(photograph).to_bytes(4, "big") + photograph
        signed = pgp.signature(0x13, ALICE, content, hashed=hashed)
        found = read(pgp.primary(ALICE) + frame(17, photograph) + frame(2, signed))

        assert (found.identities[0].user_id, len(found.identities[0].bindings)) == (None, 1)

    def test_finds_revocations_whose_hint_was_changed(self) -> None:
        """The unprotected key id cannot make a revocation somebody else's."""
        content = (ALICE.prefixed,)
        hinted = pgp.signature(0x20, ALICE, content, hashed=pgp.at(T0), unhashed=pgp.issuer(BOB))

        assert len(read(pgp.certificate(ALICE) + frame(2, hinted)).itself.revocations) == 1

    def test_finds_signatures_whose_left_octets_are_wrong(self) -> None:
        """They are not protected either, and prove nothing."""
        hashed = pgp.at(T0) + pgp.issuer_fingerprint(ALICE)
        body = pgp.signature(0x20, ALICE, (ALICE.prefixed,), hashed=hashed, left=b"\0\0")

        assert len(read(pgp.certificate(ALICE) + frame(2, body)).itself.revocations) == 1

    def test_tries_user_ids_in_turn(self) -> None:
        """A self-signature belongs to the user id it was made over."""
        body = pgp.signature(
            0x13,
            ALICE,
            (ALICE.prefixed, pgp.named(OTHER)),
            hashed=pgp.at(T0) + pgp.flags(3),
            left=b"\0\0",
        )
        found = read(pgp.certificate(ALICE) + pgp.user_id(OTHER) + frame(2, body))

        assert [len(each.bindings) for each in found.identities] == [1, 1]

    @pytest.mark.parametrize(
        ("octets", "reason"),
        [
            (pgp.primary(pgp.make_key("alice", "rsa1024")), Reason.KEY_WEAK),
            (frame(6, b"\x06junk"), Reason.KEY_MALFORMED),
            (frame(5, ALICE.secret_body), Reason.CERT_MALFORMED),
            (pgp.primary(ALICE) + frame(7, SIGNER.secret_body), Reason.CERT_MALFORMED),
            (pgp.primary(ALICE) + frame(11, b"b\0\0\0\0\0x"), Reason.CERT_MALFORMED),
            (
                pgp.certificate(ALICE) + pgp.certify(ALICE, b"gone", kind=0x30),
                Reason.CERT_REVOCATION_UNREADABLE,
            ),
            (
                pgp.certificate(ALICE) + pgp.bind(ALICE, SIGNER, kind=0x28),
                Reason.CERT_REVOCATION_UNREADABLE,
            ),
        ],
    )
    def test_refuses_what_could_hide_something(self, octets: bytes, reason: Reason) -> None:
        """Foreign packets and revocations of nothing make the whole unusable."""
        assert (reason,) == refusal(octets)

    def test_refuses_an_empty_group(self) -> None:
        """No packets are no certificate."""
        with pytest.raises(SignatureError):
            assembly.assemble(())

    def test_passes_over_subkeys_of_other_versions(self) -> None:
        """They cannot sign, and nothing depends on them."""
        assert read(pgp.certificate(ALICE) + frame(14, b"\x06junk")).subkeys == ()

    def test_a_binding_names_the_algorithm_of_its_key(self) -> None:
        """The algorithm octet is part of what is signed, and must be true."""
        content = ALICE.prefixed, pgp.named(b"Alice <alice@example.org>")
        hashed = pgp.at(T0) + pgp.flags(3)
        body = pgp.signature(0x13, ALICE, content, hashed=hashed, algorithm=27)
        found = read(pgp.primary(ALICE) + pgp.user_id() + frame(2, body))

        problems = [each.problem for each in found.identities[0].bindings]
        assert [each.reason for each in problems if each] == [Reason.SIG_ALGORITHM]


class TestEffort:
    """A certificate cannot cost more than it may."""

    def test_limits_public_key_operations(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Signatures that match nothing are tried a bounded number of times."""
        monkeypatch.setattr(assembly, "MAX_OPERATIONS", 10)
        forged = b"".join(pgp.certify(ALICE, b"nobody", created=T0 + n) for n in range(20))

        assert refusal(pgp.certificate(ALICE) + forged) == (Reason.LIMIT,)

    def test_limits_what_is_hashed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Long user ids times many signatures are bounded too."""
        monkeypatch.setattr(assembly, "MAX_HASHED", 10_000)
        long = pgp.user_id(b"x" * 2000)

        assert refusal(pgp.certificate(ALICE) + long + pgp.certify(ALICE) * 9) == (Reason.LIMIT,)

    def test_counts_short_digests_for_what_they_cost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many short user ids times as many revocations by who knows whom."""
        monkeypatch.setattr(assembly, "MAX_HASHED", 300 * assembly.HASHED_AT_LEAST)
        named = b"".join(pgp.user_id(b"%d" % n) for n in range(20))
        content = ALICE.prefixed, pgp.named(b"nobody")
        revoked = frame(2, pgp.signature(0x30, BOB, content, hashed=pgp.at(T0)))

        assert refusal(pgp.certificate(ALICE) + named + revoked * 20) == (Reason.LIMIT,)

    def test_signatures_by_others_cost_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A popular key's certifications, and what others took back, are passed over."""
        monkeypatch.setattr(assembly, "MAX_OPERATIONS", 1)
        popular = b"".join(
            pgp.certify(ALICE, by=BOB, kind=kind, created=T0 + DAY + n)
            for n in range(20)
            for kind in (0x10, 0x30)
        )

        assert read(pgp.certificate(ALICE) + popular).identities[0].revocations == ()


class TestKeyring:
    """Files of certificates."""

    def test_drops_what_keyrings_add(self) -> None:
        """Trust packets and markers are another program's notes."""
        (group,) = keyring.split(frame(10, b"PGP") + pgp.certificate(ALICE) + frame(12, b"\0"))

        assert {Tag.PUBLIC_KEY, Tag.USER_ID, Tag.SIGNATURE} == {packet.tag for packet in group}

    def test_finds_by_fingerprint_only(self) -> None:
        """The whole fingerprint of a primary key, not a subkey's."""
        ring = pgp.with_subkey(ALICE, SIGNER) + pgp.certificate(BOB)

        assert keyring.choose(keyring.index(ring), Pin(BOB.fingerprint))[0] == BOB.fingerprint
        for name in (SIGNER.fingerprint, BOB.fingerprint[-16:]):
            with pytest.raises(SignatureError) as e:
                keyring.choose(keyring.index(ring), Pin(name))
            assert e.value.reasons == (Reason.CERT_MISMATCH,)

    def test_holding_finds_subkeys_and_ids(self) -> None:
        """Hints lead to the certificates that hold such a key."""
        ring = keyring.collect((pgp.with_subkey(ALICE, SIGNER), pgp.certificate(BOB)))

        assert (ALICE.fingerprint,) == ring.holding([SIGNER.fingerprint[-16:]])
        assert ring.holding([]) == ()

    def test_packets_are_values(self) -> None:
        """Copies of a certificate join without repetition."""
        ring = keyring.collect((pgp.certificate(ALICE), pgp.certificate(ALICE)))

        assert keyring.split(pgp.certificate(ALICE)) == (ring.groups[ALICE.fingerprint],)
        assert Packet(Tag.PUBLIC_KEY, ALICE.body) == ring.groups[ALICE.fingerprint][0]


def facts(found: Certificate) -> object:
    """Return what a certificate says, without order."""
    return (
        found.primary,
        {
            (
                each.hashed,
                frozenset(binding.signature.body for binding in each.bindings),
                frozenset(revocation.body for revocation in each.revocations),
            )
            for each in (found.itself, *found.identities, *found.subkeys)
        },
    )
