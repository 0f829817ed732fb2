"""What the primary key says of itself: self-signatures, flags, expiry (S19-S21)."""

from __future__ import annotations

from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import (
    ALICE,
    BOB,
    DOCUMENT,
    GOOD,
    MALLORY,
    NOTATION,
    PLAIN,
    SIGNED,
    Vector,
    on_key,
    self_signed,
)

from imagesmith.trust import armour
from imagesmith.trust.packets import frame


def vectors() -> tuple[Vector, ...]:
    """Return the rows on self-signatures."""
    return (
        *_self_signatures(),
        *_flags(),
        *_odd_self_signatures(),
        *_more_self_signatures(),
        *_newer(),
    )


def _self_signatures() -> tuple[Vector, ...]:
    until = pgp.flags(0x03) + pgp.key_lifetime(10 * DAY)
    late = pgp.detached(DOCUMENT, ALICE, created=T0 + 20 * DAY)
    nothing = pgp.primary(ALICE) + pgp.user_id()
    other = b"Alice <alice@example.net>"
    return (
        Vector("no self-signature", GOOD, nothing, "CERT_NO_SELF_SIGNATURE"),
        Vector("key alone", GOOD, pgp.primary(ALICE), "CERT_NO_SELF_SIGNATURE"),
        Vector(
            "self-signature by another key",
            GOOD,
            nothing + pgp.certify(ALICE, by=MALLORY, unhashed=pgp.issuer(ALICE)),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector(
            "self-signature of another user id",
            GOOD,
            nothing + pgp.certify(ALICE, b"Eve"),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector("direct-key signature only", GOOD, pgp.primary(ALICE) + pgp.direct(ALICE), None),
        Vector(
            "SHA-1 self-signature",
            GOOD,
            self_signed(pgp.certify(ALICE, digest=pgp.SHA1)),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
        Vector(
            "self-signature made later",
            GOOD,
            self_signed(pgp.certify(ALICE, created=SIGNED + 1)),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector(
            "certify-only primary",
            GOOD,
            self_signed(pgp.certify(ALICE, more=pgp.flags(0x01))),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "encrypt-only primary",
            GOOD,
            self_signed(pgp.certify(ALICE, more=pgp.flags(0x0D))),
            "KEY_NOT_SIGNING",
        ),
        Vector("no key flags", GOOD, self_signed(pgp.certify(ALICE, more=b"")), "KEY_NOT_SIGNING"),
        Vector(
            "flags unhashed",
            GOOD,
            self_signed(pgp.certify(ALICE, more=b"", unhashed=pgp.flags(0x03) + pgp.issuer(ALICE))),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "expired, signed before",
            GOOD,
            self_signed(pgp.certify(ALICE, more=until)),
            "KEY_EXPIRED",
            stricter="S18: good now as well, not only when it signed",
        ),
        Vector(
            "expired, signed after",
            late,
            self_signed(pgp.certify(ALICE, more=until)),
            "KEY_EXPIRED_AT_SIG",
        ),
        Vector(
            "extended before it expired",
            late,
            self_signed(pgp.certify(ALICE, more=until), pgp.certify(ALICE, created=T0 + 9 * DAY)),
            None,
        ),
        Vector(
            "expired by a newer self-signature",
            GOOD,
            self_signed(pgp.certify(ALICE), pgp.certify(ALICE, created=T0 + 9 * DAY, more=until)),
            "KEY_EXPIRED",
            stricter="S18: good now as well, not only when it signed",
        ),
        Vector(
            "expired by one of two user ids",
            late,
            PLAIN + pgp.user_id(other) + pgp.certify(ALICE, other, more=until),
            "KEY_EXPIRED_AT_SIG",
        ),
        Vector(
            "expired by a user id that is revoked",
            late,
            PLAIN
            + pgp.user_id(other)
            + pgp.certify(ALICE, other, more=until)
            + pgp.certify(ALICE, other, kind=0x30, created=T0 + 2, more=pgp.reason(32)),
            None,
        ),
        Vector(
            "tie: the restrictive self-signature counts",
            GOOD,
            self_signed(pgp.certify(ALICE), pgp.certify(ALICE, more=pgp.flags(0x01))),
            "KEY_NOT_SIGNING",
            stricter="S19: of two made at once the most restrictive counts",
        ),
        Vector(
            "self-signature with a critical notation",
            GOOD,
            self_signed(
                pgp.certify(ALICE, more=pgp.flags(0x03) + pgp.sub(20, NOTATION, critical=True))
            ),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
        Vector(
            "self-signature that expired",
            GOOD,
            self_signed(pgp.certify(ALICE, more=pgp.flags(0x03) + pgp.lifetime(DAY // 2))),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector(
            "self-signature older than its key",
            GOOD,
            self_signed(pgp.certify(ALICE, created=T0 - DAY)),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
    )


def _flags() -> tuple[Vector, ...]:
    """Several statements about what the primary key may do."""
    signs, certifies, nothing = pgp.flags(0x03), pgp.flags(0x01), b""
    refused = "KEY_NOT_SIGNING"
    all_grant = "S19: all self-signatures in force must grant it"
    rows = {
        "both sign": (signs, signs, None, ""),
        "key silent, user id signs": (nothing, signs, None, ""),
        "key signs, user id silent": (signs, nothing, None, ""),
        "both silent": (nothing, nothing, refused, ""),
        "key certifies, user id signs": (certifies, signs, refused, all_grant),
        "key signs, user id certifies": (signs, certifies, refused, ""),
    }
    direct = tuple(
        Vector(
            f"flags: {name}",
            GOOD,
            self_signed(pgp.certify(ALICE, more=of_name), pgp.direct(ALICE, more=of_key)),
            reason,
            stricter=stricter,
        )
        for name, (of_key, of_name, reason, stricter) in rows.items()
    )
    weak = pgp.direct(ALICE, more=signs, digest=pgp.SHA1)
    silent = pgp.certify(ALICE, more=nothing)
    other = pgp.user_id(b"Other")
    return (
        *direct,
        Vector("flags: lent by SHA-1", GOOD, self_signed(silent, weak), refused),
        Vector("flags: tie with silence", GOOD, self_signed(silent, pgp.certify(ALICE)), refused),
        Vector(
            "flags: tie of direct-key signatures with silence",
            GOOD,
            pgp.primary(ALICE) + pgp.direct(ALICE) + pgp.direct(ALICE, more=nothing),
            refused,
            stricter="S19: of two made at once the most restrictive counts",
        ),
        Vector(
            "flags: another user id is silent",
            GOOD,
            PLAIN + other + pgp.certify(ALICE, b"Other", created=T0 + 5, more=nothing),
            refused,
        ),
        Vector(
            "flags: weak user id signs, strong direct-key signature is silent",
            GOOD,
            self_signed(pgp.certify(ALICE, digest=pgp.SHA1), pgp.direct(ALICE, more=nothing)),
            refused,
        ),
    )


def _odd_self_signatures() -> tuple[Vector, ...]:
    """Found by comparing mutated certificates with another implementation."""
    content = ALICE.prefixed, pgp.named(b"Alice <alice@example.org>")
    stated = pgp.at(T0) + pgp.issuer_fingerprint(ALICE) + pgp.flags(0x03)
    wrong_left = frame(2, pgp.signature(0x13, ALICE, content, hashed=stated, left=b"\0\0"))
    certifies = pgp.certify(ALICE, more=pgp.flags(0x01))
    revokes = pgp.certify(ALICE, kind=0x30, more=b"")
    return (
        Vector(
            "self-signature with wrong left octets",
            GOOD,
            self_signed(wrong_left),
            "CERT_SELF_SIGNATURE_REFUSED",
            stricter="S16: the left octets are those of the digest",
        ),
        Vector(
            "revoked user id restricts the direct-key signature",
            GOOD,
            self_signed(certifies, revokes, pgp.direct(ALICE)),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "revoked user id beside a direct-key signature",
            GOOD,
            self_signed(pgp.certify(ALICE), revokes, pgp.direct(ALICE)),
            None,
        ),
    )


def _more_self_signatures() -> tuple[Vector, ...]:
    """Hashes, expiry by the direct-key signature, several certificates in a file."""
    until = pgp.flags(0x03) + pgp.key_lifetime(10 * DAY)
    late = pgp.detached(DOCUMENT, ALICE, created=T0 + 20 * DAY)
    strong = "S19: SHA-256, SHA-384 and SHA-512 alone"
    unhashed = pgp.issuer(ALICE) + pgp.key_lifetime(DAY)
    hashes = (
        Vector(
            f"{name} self-signature",
            GOOD,
            self_signed(pgp.certify(ALICE, digest=number)),
            "CERT_SELF_SIGNATURE_REFUSED",
            stricter=stricter,
        )
        for number, name, stricter in (
            (pgp.MD5, "MD5", ""),
            (pgp.SHA224, "SHA-224", strong),
            (12, "SHA3-256", strong),
        )
    )
    return (
        *hashes,
        Vector(
            "expired by the direct-key signature",
            late,
            on_key(PLAIN, pgp.direct(ALICE, more=until)),
            "KEY_EXPIRED_AT_SIG",
        ),
        Vector(
            "key lifetime unhashed",
            late,
            self_signed(pgp.certify(ALICE, unhashed=unhashed)),
            None,
        ),
        Vector(
            "key lifetime of zero is none",
            late,
            self_signed(pgp.certify(ALICE, more=pgp.flags(0x03) + pgp.key_lifetime(0))),
            None,
        ),
        Vector(
            "self-signature over another key",
            GOOD,
            self_signed(frame(2, _over(BOB))),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector(
            "the same primary key twice",
            GOOD,
            PLAIN + PLAIN,
            "CERT_DUPLICATE",
            stricter="S18a: one file, one certificate of a key",
        ),
        Vector("certificate of another beside it", GOOD, PLAIN + pgp.certificate(BOB), None),
        Vector(
            "not the pinned certificate",
            pgp.detached(DOCUMENT, BOB),
            pgp.certificate(BOB),
            "CERT_MISMATCH",
        ),
        Vector("certificate armoured", GOOD, armour.encode(PLAIN, armour.PUBLIC_KEY), None),
        Vector("no certificate", GOOD, b"", "ARMOUR"),
    )


def _over(key: pgp.Key) -> bytes:
    """Certify alice's user id on another key."""
    content = key.prefixed, pgp.named(b"Alice <alice@example.org>")
    stated = pgp.at(T0) + pgp.issuer_fingerprint(ALICE) + pgp.flags(0x03)
    return pgp.signature(0x13, ALICE, content, hashed=stated)


def _newer() -> tuple[Vector, ...]:
    """Return newer self-signatures that withdraw signing, so written that readers may differ."""
    fingerprint, another = pgp.issuer_fingerprint(ALICE), pgp.issuer_fingerprint(BOB)
    newer, own = pgp.at(T0 + 5), pgp.issuer(ALICE)
    many = pgp.sub(100, b"") * 300
    hint = "S15: who is stated does not say what is genuine"
    rows = {
        "two times": (newer + pgp.at(T0 + 6) + fingerprint, own, "CERT_MALFORMED", ""),
        "too many subpackets": (newer + fingerprint + many, own, "CERT_MALFORMED", ""),
        "too many subpackets unhashed": (newer + fingerprint, own + many, "CERT_MALFORMED", ""),
        "two lifetimes": (
            newer + fingerprint + pgp.lifetime(1) + pgp.lifetime(0),
            own,
            "KEY_NOT_SIGNING",
            "",
        ),
        "another issuer": (newer + another, own, "KEY_NOT_SIGNING", ""),
        "two issuers": (newer + fingerprint + another, own, "KEY_NOT_SIGNING", ""),
        "no issuer": (newer, b"", "KEY_NOT_SIGNING", hint),
        "a malformed hint": (
            newer + fingerprint,
            own + pgp.sub(2, bytes(8)),
            "CERT_MALFORMED",
            "S16: readers differ, and who read it would be restricted by it",
        ),
        "a recipient of no version": (
            newer + fingerprint,
            own + pgp.sub(35, bytes(3)),
            "CERT_MALFORMED",
            "",
        ),
    }
    content = ALICE.prefixed, pgp.named(b"Alice <alice@example.org>")
    return tuple(
        Vector(
            f"newer self-signature with {name}",
            GOOD,
            PLAIN + frame(2, pgp.signature(0x13, ALICE, content, hashed=hashed, unhashed=unhashed)),
            reason,
            stricter=stricter,
        )
        for name, (hashed, unhashed, reason, stricter) in rows.items()
    )
