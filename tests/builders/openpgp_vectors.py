"""The rows of the verdict table as values: what is signed how, and what must come of it.

Each vector is a document, a signature file and a certificate file pinned by
the fingerprint of `alice`; `reason` is the code it is rejected with, None if it
is accepted.  The same vectors are put to an independent implementation.
"""

from __future__ import annotations

import attrs
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.trust.packets import frame

DOCUMENT = b'name = "curl"\n'
NOW = T0 + 400 * DAY
SIGNED = T0 + DAY

ALICE = pgp.make_key("alice")
SIGNER = pgp.make_key("alice's subkey")
MALLORY = pgp.make_key("mallory")
BOB = pgp.make_key("bob")


@attrs.frozen
class Vector:
    """One case."""

    name: str
    signature: bytes
    certificate: bytes
    reason: str | None
    document: bytes = DOCUMENT
    key: pgp.Key = ALICE
    """The pinned primary key."""


PLAIN = pgp.certificate(ALICE)
SUBKEYED = pgp.with_subkey(ALICE, SIGNER)
GOOD = pgp.detached(DOCUMENT, ALICE)
BY_SUBKEY = pgp.detached(DOCUMENT, SIGNER)


def _bound(binding: bytes, *more: bytes) -> bytes:
    own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=pgp.flags(0x01))
    return own + pgp.subkey(SIGNER) + binding + b"".join(more)


def _self_signed(*self_signatures: bytes) -> bytes:
    return pgp.primary(ALICE) + pgp.user_id() + b"".join(self_signatures)


def _raw(hashed: bytes, *, unhashed: bytes | None = None) -> bytes:
    return frame(2, pgp.signature(0, ALICE, (DOCUMENT,), hashed=hashed, unhashed=unhashed))


def _algorithm(kind: str) -> tuple[bytes, bytes, pgp.Key]:
    key = pgp.make_key("alice", kind)
    return pgp.detached(DOCUMENT, key, digest=pgp.SHA256), pgp.certificate(key), key


def _by_algorithm() -> tuple[Vector, ...]:
    rows = []
    for kind, reason in {
        "rsa2048": None,
        "p256": None,
        "p384": None,
        "p521": None,
        "rsa1024": "KEY_WEAK",
        "secp256k1": "KEY_ALGORITHM",
        "dsa": "KEY_ALGORITHM",
    }.items():
        made, certificate, key = _algorithm(kind)
        # A weak primary key spoils its certificate, so nobody is known who could have signed.
        rows.append(Vector(f"algorithm {kind}", made, certificate, reason, key=key))
    return tuple(rows)


def _hashes() -> tuple[Vector, ...]:
    names = {
        pgp.MD5: "MD5",
        pgp.SHA1: "SHA-1",
        pgp.RIPEMD160: "RIPEMD-160",
        pgp.SHA224: "SHA-224",
        12: "SHA3-256",
        99: "unknown hash",
    }
    weak = (
        Vector(
            f"{name} signature",
            pgp.detached(DOCUMENT, ALICE, digest=number),
            PLAIN,
            "SIG_HASH_WEAK",
        )
        for number, name in names.items()
    )
    strong = (
        Vector(f"{name} signature", pgp.detached(DOCUMENT, ALICE, digest=number), PLAIN, None)
        for number, name in {pgp.SHA256: "SHA-256", pgp.SHA384: "SHA-384"}.items()
    )
    return (*weak, *strong)


def _types() -> tuple[Vector, ...]:
    document_types = (
        Vector(
            f"signature of type 0x{kind:02x}",
            pgp.detached(DOCUMENT, ALICE, kind=kind),
            PLAIN,
            "SIG_TYPE",
        )
        for kind in (0x01, 0x02, 0x10, 0x18, 0x1F, 0x20, 0x40, 0x50)
    )
    # Signatures of these types hash nothing but themselves: valid "over" any document.
    over_nothing = (
        Vector(
            f"signature of type 0x{kind:02x} over nothing",
            pgp.detached(b"", ALICE, kind=kind),
            PLAIN,
            "SIG_TYPE",
            document=b"evil\n",
        )
        for kind in (0x02, 0x40, 0x50)
    )
    return (*document_types, *over_nothing)


def _document_signatures() -> tuple[Vector, ...]:
    fingerprint, created = pgp.issuer_fingerprint(ALICE), pgp.at(SIGNED)
    wrong_fingerprint = pgp.issuer_fingerprint(BOB)
    return (
        Vector("good", GOOD, PLAIN, None),
        Vector("tampered document", GOOD, PLAIN, "SIG_BAD", document=b'name = "evil"\n'),
        Vector("another key", pgp.detached(DOCUMENT, MALLORY), PLAIN, "SIGNER_UNKNOWN"),
        Vector("good by subkey", BY_SUBKEY, SUBKEYED, None),
        Vector("no signature", b"", PLAIN, "SIG_MISSING"),
        Vector("no creation time", _raw(fingerprint), PLAIN, "SIG_CREATION_TIME"),
        Vector(
            "creation time unhashed",
            _raw(fingerprint, unhashed=created),
            PLAIN,
            "SIG_CREATION_TIME",
        ),
        Vector(
            "two creation times", _raw(created + created + fingerprint), PLAIN, "SIG_CREATION_TIME"
        ),
        Vector("no issuer", _raw(created, unhashed=b""), PLAIN, "SIG_NO_ISSUER"),
        Vector("issuer id only", _raw(created), PLAIN, None),
        Vector("issuer fingerprint only", _raw(created + fingerprint, unhashed=b""), PLAIN, None),
        Vector(
            "issuer id wrong", _raw(created + fingerprint, unhashed=pgp.issuer(BOB)), PLAIN, None
        ),
        Vector(
            "issuer fingerprint wrong", _raw(created + wrong_fingerprint), PLAIN, "SIGNER_UNKNOWN"
        ),
        Vector(
            "issuer of version 6",
            _raw(created + pgp.sub(33, b"\x06" + bytes(32))),
            PLAIN,
            "SIGNER_UNKNOWN",
        ),
        Vector("future", pgp.detached(DOCUMENT, ALICE, created=2_900_000_000), PLAIN, "SIG_FUTURE"),
        Vector("expired", _raw(created + fingerprint + pgp.lifetime(DAY)), PLAIN, "SIG_EXPIRED"),
        Vector(
            "older than its key",
            pgp.detached(DOCUMENT, ALICE, created=T0 - 1),
            PLAIN,
            "SIG_BEFORE_KEY",
        ),
        Vector(
            "lifetime unhashed",
            _raw(created + fingerprint, unhashed=pgp.lifetime(1) + pgp.issuer(ALICE)),
            PLAIN,
            None,
        ),
        Vector(
            "critical subpacket",
            _raw(created + fingerprint + pgp.sub(100, b"x", critical=True)),
            PLAIN,
            "SIG_CRITICAL",
        ),
        Vector("unknown subpacket", _raw(created + fingerprint + pgp.sub(100, b"x")), PLAIN, None),
        Vector(
            "critical notation",
            _raw(created + fingerprint + pgp.sub(20, _NOTATION, critical=True)),
            PLAIN,
            "SIG_CRITICAL_NOTATION",
        ),
        Vector("notation", _raw(created + fingerprint + pgp.sub(20, _NOTATION)), PLAIN, None),
        Vector(
            "critical creation time",
            _raw(pgp.sub(2, SIGNED.to_bytes(4, "big"), critical=True) + fingerprint),
            PLAIN,
            None,
        ),
        Vector("left octets wrong", _wrong_left(), PLAIN, "SIG_BAD"),
    )


_NOTATION = b"\x80\0\0\0\0\x01\0\x01nv"


def _wrong_left() -> bytes:
    hashed = pgp.at(SIGNED) + pgp.issuer_fingerprint(ALICE)
    body = pgp.signature(0, ALICE, (DOCUMENT,), hashed=hashed, left=b"\0\0")
    return frame(2, body)


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
            _self_signed(pgp.certify(ALICE, digest=pgp.SHA1)),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
        Vector(
            "self-signature made later",
            GOOD,
            _self_signed(pgp.certify(ALICE, created=SIGNED + 1)),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector(
            "certify-only primary",
            GOOD,
            _self_signed(pgp.certify(ALICE, more=pgp.flags(0x01))),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "encrypt-only primary",
            GOOD,
            _self_signed(pgp.certify(ALICE, more=pgp.flags(0x0D))),
            "KEY_NOT_SIGNING",
        ),
        Vector("no key flags", GOOD, _self_signed(pgp.certify(ALICE, more=b"")), "KEY_NOT_SIGNING"),
        Vector(
            "flags unhashed",
            GOOD,
            _self_signed(
                pgp.certify(ALICE, more=b"", unhashed=pgp.flags(0x03) + pgp.issuer(ALICE))
            ),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "expired, signed before",
            GOOD,
            _self_signed(pgp.certify(ALICE, more=until)),
            "KEY_EXPIRED",
        ),
        Vector(
            "expired, signed after",
            late,
            _self_signed(pgp.certify(ALICE, more=until)),
            "KEY_EXPIRED_AT_SIG",
        ),
        Vector(
            "extended before it expired",
            late,
            _self_signed(pgp.certify(ALICE, more=until), pgp.certify(ALICE, created=T0 + 9 * DAY)),
            None,
        ),
        Vector(
            "expired by a newer self-signature",
            GOOD,
            _self_signed(pgp.certify(ALICE), pgp.certify(ALICE, created=T0 + 9 * DAY, more=until)),
            "KEY_EXPIRED",
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
            _self_signed(pgp.certify(ALICE), pgp.certify(ALICE, more=pgp.flags(0x01))),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "self-signature with a critical notation",
            GOOD,
            _self_signed(
                pgp.certify(ALICE, more=pgp.flags(0x03) + pgp.sub(20, _NOTATION, critical=True))
            ),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
        Vector(
            "self-signature that expired",
            GOOD,
            _self_signed(pgp.certify(ALICE, more=pgp.flags(0x03) + pgp.lifetime(DAY // 2))),
            "CERT_NO_SELF_SIGNATURE",
        ),
        Vector(
            "self-signature older than its key",
            GOOD,
            _self_signed(pgp.certify(ALICE, created=T0 - DAY)),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
    )


def _flags() -> tuple[Vector, ...]:
    """Several statements about what the primary key may do."""
    signs, certifies, nothing = pgp.flags(0x03), pgp.flags(0x01), b""
    refused = "KEY_NOT_SIGNING"
    rows = {
        "both sign": (signs, signs, None),
        "key silent, user id signs": (nothing, signs, None),
        "key signs, user id silent": (signs, nothing, None),
        "both silent": (nothing, nothing, refused),
        "key certifies, user id signs": (certifies, signs, refused),
        "key signs, user id certifies": (signs, certifies, refused),
    }
    direct = tuple(
        Vector(
            f"flags: {name}",
            GOOD,
            _self_signed(pgp.certify(ALICE, more=of_name), pgp.direct(ALICE, more=of_key)),
            reason,
        )
        for name, (of_key, of_name, reason) in rows.items()
    )
    weak = pgp.direct(ALICE, more=signs, digest=pgp.SHA1)
    silent = pgp.certify(ALICE, more=nothing)
    other = pgp.user_id(b"Other")
    return (
        *direct,
        Vector("flags: lent by SHA-1", GOOD, _self_signed(silent, weak), refused),
        Vector("flags: tie with silence", GOOD, _self_signed(silent, pgp.certify(ALICE)), refused),
        Vector(
            "flags: tie of direct-key signatures with silence",
            GOOD,
            pgp.primary(ALICE) + pgp.direct(ALICE) + pgp.direct(ALICE, more=nothing),
            refused,
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
            _self_signed(pgp.certify(ALICE, digest=pgp.SHA1), pgp.direct(ALICE, more=nothing)),
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
            _self_signed(wrong_left),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
        Vector(
            "revoked user id restricts the direct-key signature",
            GOOD,
            _self_signed(certifies, revokes, pgp.direct(ALICE)),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "revoked user id beside a direct-key signature",
            GOOD,
            _self_signed(pgp.certify(ALICE), revokes, pgp.direct(ALICE)),
            None,
        ),
    )


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
        Vector("subkey without binding", BY_SUBKEY, _bound(b""), "SUBKEY_UNBOUND"),
        Vector(
            "binding forged by another key",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, by=MALLORY)),
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
            _bound(pgp.bind(ALICE, SIGNER, back=b"")),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "back-signature by another key",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, back=forged)),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector("back-signature unhashed", BY_SUBKEY, _bound(unhashed_back), None),
        Vector(
            "back-signature unreadable",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, back=b"\x04\x19")),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "back-signature that embeds another",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, back=nested)),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "SHA-1 back-signature",
            BY_SUBKEY,
            _bound(
                pgp.bind(ALICE, SIGNER, back=pgp.back_signature(ALICE, SIGNER, digest=pgp.SHA1))
            ),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "back-signature made later",
            BY_SUBKEY,
            _bound(
                pgp.bind(
                    ALICE, SIGNER, back=pgp.back_signature(ALICE, SIGNER, created=T0 + 9 * DAY)
                )
            ),
            "SUBKEY_NO_BACKSIG",
        ),
        Vector(
            "SHA-1 binding",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, digest=pgp.SHA1)),
            "SUBKEY_BINDING_REFUSED",
        ),
        Vector(
            "encrypt-only subkey",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, granted=0x0C)),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "authenticate-only subkey",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, granted=0x20)),
            "KEY_NOT_SIGNING",
        ),
        Vector("subkey expired, signed before", BY_SUBKEY, _bound(short), "KEY_EXPIRED"),
        Vector("subkey expired, signed after", late, _bound(short), "KEY_EXPIRED_AT_SIG"),
        Vector(
            "subkey bound later",
            BY_SUBKEY,
            _bound(pgp.bind(ALICE, SIGNER, created=SIGNED + 1)),
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


def _revocations() -> tuple[Vector, ...]:
    rows = []
    for code, hard in {
        None: True,
        0: True,
        2: True,
        100: True,
        200: True,
        1: False,
        3: False,
    }.items():
        stated = b"" if code is None else pgp.reason(code)
        label = "no reason" if code is None else f"reason {code}"
        outcome = "KEY_REVOKED_HARD" if hard else "KEY_REVOKED_SOFT"
        for when, made in {"before": SIGNED + 9 * DAY, "after": SIGNED - 1}.items():
            of_primary = pgp.direct(ALICE, kind=0x20, created=made, more=stated)
            of_subkey = pgp.bind(ALICE, SIGNER, kind=0x28, created=made, more=stated)
            rows += [
                Vector(
                    f"primary revoked, {label}, signed {when}", GOOD, PLAIN + of_primary, outcome
                ),
                Vector(
                    f"subkey revoked, {label}, signed {when}",
                    BY_SUBKEY,
                    SUBKEYED + of_subkey,
                    outcome,
                ),
                Vector(
                    f"primary of subkey revoked, {label}, signed {when}",
                    BY_SUBKEY,
                    SUBKEYED + of_primary,
                    outcome,
                ),
            ]
    revoked = pgp.direct(ALICE, kind=0x20, created=SIGNED + DAY, more=pgp.reason(3))
    again = pgp.certify(ALICE, created=SIGNED + 2 * DAY)
    later = pgp.detached(DOCUMENT, ALICE, created=SIGNED + 3 * DAY)
    return (
        *rows,
        Vector(
            "revoked softly, certified anew", later, PLAIN + revoked + again, "KEY_REVOKED_SOFT"
        ),
        Vector(
            "SHA-1 revocation",
            GOOD,
            PLAIN + pgp.direct(ALICE, kind=0x20, more=b"", digest=pgp.SHA1),
            "KEY_REVOKED_HARD",
        ),
        Vector(
            "revocation of another key",
            GOOD,
            PLAIN + pgp.direct(MALLORY, kind=0x20),
            "CERT_REVOCATION_UNREADABLE",
        ),
        Vector(
            "revocation unreadable",
            GOOD,
            PLAIN + frame(2, b"\x04\x20\x16"),
            "CERT_REVOCATION_UNREADABLE",
        ),
        Vector(
            "revocation of version 3",
            GOOD,
            PLAIN + frame(2, b"\x03\x05\x20" + bytes(20)),
            "CERT_REVOCATION_UNREADABLE",
        ),
        Vector(
            "revocation of version 6",
            GOOD,
            PLAIN + frame(2, b"\x06\x20" + bytes(20)),
            "CERT_REVOCATION_UNREADABLE",
        ),
        Vector(
            "misplaced subkey revocation",
            BY_SUBKEY,
            pgp.primary(ALICE)
            + pgp.bind(ALICE, SIGNER, kind=0x28)
            + SUBKEYED[len(pgp.primary(ALICE)) :],
            "KEY_REVOKED_HARD",
        ),
        Vector(
            "revocation with a critical subpacket",
            GOOD,
            PLAIN + pgp.direct(ALICE, kind=0x20, more=pgp.sub(100, b"", critical=True)),
            "KEY_REVOKED_HARD",
        ),
        Vector(
            "user id revoked",
            GOOD,
            PLAIN + pgp.certify(ALICE, kind=0x30, more=b""),
            "CERT_SELF_SIGNATURE_REFUSED",
        ),
        Vector(
            "user id revoked by somebody else",
            GOOD,
            PLAIN + pgp.certify(ALICE, kind=0x30, by=BOB),
            None,
        ),
        Vector(
            "user id revoked and certified anew",
            GOOD,
            PLAIN
            + pgp.certify(ALICE, kind=0x30, created=T0 + 1, more=pgp.reason(32))
            + pgp.certify(ALICE, created=T0 + 2),
            None,
        ),
    )


VECTORS = (
    *_document_signatures(),
    *_hashes(),
    *_types(),
    *_by_algorithm(),
    *_self_signatures(),
    *_flags(),
    *_odd_self_signatures(),
    *_subkeys(),
    *_revocations(),
)
