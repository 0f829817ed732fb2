"""Signing subkeys: bindings, back-signatures, flags, expiry (S20, S21)."""

from __future__ import annotations

from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import (
    ALICE,
    BY_SUBKEY,
    DOCUMENT,
    GOOD,
    MALLORY,
    NOTATION,
    PLAIN,
    SIGNED,
    SIGNER,
    SUBKEYED,
    Vector,
    bound,
)

from imagesmith.trust.packets import frame


def vectors() -> tuple[Vector, ...]:
    """Return the rows on subkeys."""
    return (*_subkeys(), *_bindings())


def _subkeys() -> tuple[Vector, ...]:
    forged = pgp.back_signature(ALICE, MALLORY)
    early = pgp.with_subkey(ALICE, SIGNER)
    short = pgp.bind(ALICE, SIGNER, more=pgp.key_lifetime(10 * DAY))
    late = pgp.detached(DOCUMENT, SIGNER, created=T0 + 20 * DAY)
    unhashed_back = frame(
        2,
        pgp.signature(
            0x18,
            ALICE,
            (ALICE.prefixed, SIGNER.prefixed),
            hashed=pgp.at(T0) + pgp.issuer_fingerprint(ALICE) + pgp.flags(0x02),
            unhashed=pgp.sub(32, pgp.back_signature(ALICE, SIGNER)),
        ),
    )
    nested = pgp.back_signature(ALICE, SIGNER, more=pgp.sub(32, pgp.back_signature(ALICE, SIGNER)))
    return (
        Vector("subkey without binding", BY_SUBKEY, bound(b""), "SUBKEY_UNBOUND"),
        Vector(
            "binding forged by another key",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, by=MALLORY)),
            "SUBKEY_UNBOUND",
        ),
        Vector(
            "subkey appended to another's certificate",
            pgp.detached(DOCUMENT, MALLORY),
            PLAIN + pgp.subkey(MALLORY) + pgp.bind(ALICE, MALLORY, by=MALLORY),
            "SUBKEY_UNBOUND",
        ),
        Vector(
            "no back-signature",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=b"")),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "back-signature by another key",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=forged)),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector("back-signature unhashed", BY_SUBKEY, bound(unhashed_back), None),
        Vector(
            "back-signature, and one by an unknown hash unhashed",
            BY_SUBKEY,
            bound(_with_unknown_back()),
            None,
        ),
        Vector(
            "back-signature unreadable",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=b"\x04\x19")),
            "CERT_MALFORMED",
        ),
        Vector(
            "back-signature that embeds another",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=nested)),
            "CERT_MALFORMED",
            stricter="S16: an embedded signature embeds no other",
        ),
        Vector(
            "SHA-1 back-signature",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=pgp.back_signature(ALICE, SIGNER, digest=pgp.SHA1))),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "back-signature made later",
            BY_SUBKEY,
            bound(
                pgp.bind(
                    ALICE, SIGNER, back=pgp.back_signature(ALICE, SIGNER, created=T0 + 9 * DAY)
                )
            ),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "SHA-1 binding",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, digest=pgp.SHA1)),
            "SUBKEY_BINDING_REFUSED",
        ),
        Vector(
            "encrypt-only subkey",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, granted=0x0C)),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "authenticate-only subkey",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, granted=0x20)),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "subkey expired, signed before",
            BY_SUBKEY,
            bound(short),
            "KEY_EXPIRED",
            stricter="S18: good now as well, not only when it signed",
        ),
        Vector("subkey expired, signed after", late, bound(short), "KEY_EXPIRED_AT_SIG"),
        Vector(
            "subkey bound later",
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, created=SIGNED + 1)),
            "SUBKEY_UNBOUND",
        ),
        Vector(
            "packets of the certificate shuffled",
            BY_SUBKEY,
            pgp.primary(ALICE)
            + pgp.bind(ALICE, SIGNER)
            + pgp.certify(ALICE, more=pgp.flags(0x01))
            + pgp.subkey(SIGNER)
            + pgp.user_id(),
            None,
        ),
        Vector(
            "primary expired, subkey not",
            BY_SUBKEY,
            pgp.primary(ALICE)
            + pgp.user_id()
            + pgp.certify(ALICE, more=pgp.flags(1) + pgp.key_lifetime(DAY))
            + pgp.subkey(SIGNER)
            + pgp.bind(ALICE, SIGNER),
            "KEY_EXPIRED_AT_SIG",
        ),
        Vector(
            "another subkey is broken", BY_SUBKEY, early + frame(14, b"\x04\0\0\0\0\x63rest"), None
        ),
    )


def _with_unknown_back() -> bytes:
    """Write a good binding into which somebody put a second back-signature."""
    back = pgp.back_signature(ALICE, SIGNER)
    unknown = back[:3] + b"\x63" + back[4:]
    said = pgp.at(T0) + pgp.issuer_fingerprint(ALICE) + pgp.flags(0x02) + pgp.sub(32, back)
    content = ALICE.prefixed, SIGNER.prefixed
    more = pgp.issuer(ALICE) + pgp.sub(32, unknown)
    return frame(2, pgp.signature(0x18, ALICE, content, hashed=said, unhashed=more))


def _bindings() -> tuple[Vector, ...]:
    """Several bindings, and what a back-signature may be."""
    first, renewed = pgp.bind(ALICE, SIGNER), T0 + 5 * DAY
    late = pgp.detached(DOCUMENT, SIGNER, created=T0 + 20 * DAY)
    brief = pgp.back_signature(ALICE, SIGNER, more=pgp.lifetime(DAY // 2))
    odd = pgp.back_signature(ALICE, SIGNER, more=pgp.sub(100, b"", critical=True))
    text = pgp.signature(
        0x00, SIGNER, (ALICE.prefixed, SIGNER.prefixed), hashed=pgp.at(T0) + pgp.flags(0x02)
    )
    cipher = pgp.make_key("cipher", created=T0)
    rows: dict[str, tuple[bytes, bytes, str | None, str]] = {
        "newer binding withdraws signing": (
            late,
            bound(first + pgp.bind(ALICE, SIGNER, created=renewed, granted=0x0C)),
            "KEY_NOT_SIGNING",
            "",
        ),
        "newer binding grants signing": (
            late,
            bound(pgp.bind(ALICE, SIGNER, granted=0x0C) + pgp.bind(ALICE, SIGNER, created=renewed)),
            None,
            "",
        ),
        "newer binding without back-signature": (
            late,
            bound(first + pgp.bind(ALICE, SIGNER, created=renewed, back=b"")),
            "SUBKEY_NO_BACKSIG",
            "S21: the newest binding counts, and needs a back-signature",
        ),
        "newer binding forged": (
            late,
            bound(first + pgp.bind(ALICE, SIGNER, created=renewed, granted=0x0C, by=MALLORY)),
            None,
            "",
        ),
        "tie: the restrictive binding counts": (
            BY_SUBKEY,
            bound(first + pgp.bind(ALICE, SIGNER, granted=0x0C)),
            "KEY_NOT_SIGNING",
            "",
        ),
        "binding that expired": (
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, more=pgp.lifetime(DAY // 2))),
            "SUBKEY_UNBOUND",
            "",
        ),
        "binding with a critical notation": (
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, more=pgp.sub(20, NOTATION, critical=True))),
            "SUBKEY_BINDING_REFUSED",
            "",
        ),
        "back-signature that expired": (
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=brief)),
            "SUBKEY_NO_BACKSIG",
            "",
        ),
        "back-signature with a critical subpacket": (
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=odd)),
            "SUBKEY_NO_BACKSIG",
            "",
        ),
        "back-signature of another type": (
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, back=text)),
            "SUBKEY_NO_BACKSIG",
            "",
        ),
        "subkey that signs and encrypts": (
            BY_SUBKEY,
            bound(pgp.bind(ALICE, SIGNER, granted=0x0E)),
            None,
            "",
        ),
        "signed by the primary beside a subkey": (GOOD, SUBKEYED, "KEY_NOT_SIGNING", ""),
        "another subkey is revoked": (
            BY_SUBKEY,
            SUBKEYED
            + pgp.subkey(cipher)
            + pgp.bind(ALICE, cipher, granted=0x0C)
            + pgp.bind(ALICE, cipher, kind=0x28),
            None,
            "",
        ),
        "subkey that is another's primary key": (
            pgp.detached(DOCUMENT, MALLORY),
            PLAIN + pgp.subkey(MALLORY) + pgp.bind(ALICE, MALLORY, back=b""),
            "SUBKEY_NO_BACKSIG",
            "",
        ),
    }
    return tuple(
        Vector(name, made, certificate, reason, stricter=stricter)
        for name, (made, certificate, reason, stricter) in rows.items()
    )
