"""What could hide that a key may not sign: odd newer self-signatures, user attributes (S19, S20).

Whoever passes over a statement that grants nothing sees the one before it, and user
attributes are nobody's name.
"""

from __future__ import annotations

from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import (
    ALICE,
    BY_SUBKEY,
    DOCUMENT,
    GOOD,
    PLAIN,
    SIGNER,
    Vector,
    on_key,
)

from imagesmith.trust.packets import frame

PHOTOGRAPH = b"\x02\x01x"
OTHER = b"Other"
_KEY = pgp.primary(ALICE)
_LATE = pgp.detached(DOCUMENT, ALICE, created=T0 + 20 * DAY)
_UNTIL = pgp.flags(0x03) + pgp.key_lifetime(10 * DAY)


def vectors() -> tuple[Vector, ...]:
    """Return the rows on statements beside others."""
    return (*_behind_odd_ones(), *_attributes(), *_withdrawn())


def _behind_odd_ones() -> tuple[Vector, ...]:
    """Return certificates whose newer self-signature counts for nobody, but for what it says."""
    main = pgp.sub(25, b"\1")
    critical = pgp.sub(100, b"", critical=True)
    other = pgp.user_id(OTHER) + pgp.certify(ALICE, OTHER)
    named = _KEY + pgp.user_id()
    weak = pgp.certify(ALICE, created=T0 + 5, more=pgp.flags(0x03) + main, digest=pgp.SHA1)
    odd = pgp.certify(ALICE, created=T0 + 5, more=pgp.flags(0x03) + main + critical)
    direct = pgp.direct(ALICE, created=T0 + 5, digest=pgp.SHA1)
    return (
        Vector(
            "rights withdrawn before a SHA-1 self-signature",
            GOOD,
            named + pgp.certify(ALICE, more=pgp.flags(0x01) + main) + weak + other,
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "rights withdrawn by SHA-224 before a self-signature that is not understood",
            GOOD,
            named
            + pgp.certify(ALICE, more=pgp.flags(0x01) + main, digest=pgp.SHA224)
            + odd
            + other,
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "expiry stated before a self-signature that is not understood",
            _LATE,
            named + pgp.certify(ALICE, more=_UNTIL + main) + odd + other,
            "KEY_EXPIRED_AT_SIG",
        ),
        Vector(
            "expiry stated before a SHA-1 direct-key signature",
            _LATE,
            on_key(PLAIN, pgp.direct(ALICE, more=_UNTIL) + direct),
            "KEY_EXPIRED_AT_SIG",
        ),
    )


def _attributes() -> tuple[Vector, ...]:
    """Return certificates with a photograph."""
    refused, shown = "CERT_SELF_SIGNATURE_REFUSED", _photograph(pgp.flags(0x03))
    weak = pgp.user_id() + pgp.certify(ALICE, digest=pgp.SHA1)
    bound = pgp.subkey(SIGNER) + pgp.bind(ALICE, SIGNER)
    return (
        Vector("user attribute alone", GOOD, _KEY + shown, refused),
        Vector("user attribute beside a SHA-1 self-signature", GOOD, _KEY + weak + shown, refused),
        Vector("user attribute with a subkey", BY_SUBKEY, _KEY + shown + bound, refused),
        Vector("user attribute beside a user id", GOOD, PLAIN + shown, None),
        Vector(
            "user attribute that expires",
            _LATE,
            PLAIN + _photograph(_UNTIL),
            "KEY_EXPIRED_AT_SIG",
            stricter="S20: any self-signature in force",
        ),
    )


def _withdrawn() -> tuple[Vector, ...]:
    """Return certificates whose user id that restricts is revoked, beside what does not count."""
    revoked = pgp.certify(ALICE, created=T0 + 5, kind=0x30, more=pgp.reason(32))
    named = pgp.user_id() + pgp.certify(ALICE, more=pgp.flags(0x01)) + revoked
    weak = pgp.user_id(OTHER) + pgp.certify(ALICE, OTHER, digest=pgp.SHA1)
    own = _KEY + pgp.direct(ALICE) + named
    return (
        Vector(
            "revoked user id beside a user attribute",
            GOOD,
            own + _photograph(pgp.flags(0x03)),
            "KEY_NOT_SIGNING",
        ),
        Vector(
            "revoked user id beside a SHA-1 self-signature", GOOD, own + weak, "KEY_NOT_SIGNING"
        ),
    )


def _photograph(stated: bytes) -> bytes:
    """Write a user attribute and alice's self-signature on it."""
    hashed = b"\xd1" + len(PHOTOGRAPH).to_bytes(4, "big") + PHOTOGRAPH
    said = pgp.at(T0) + pgp.issuer_fingerprint(ALICE) + stated
    body = pgp.signature(0x13, ALICE, (ALICE.prefixed, hashed), hashed=said)
    return frame(17, PHOTOGRAPH) + frame(2, body)
