"""Revocations that are odd: misplaced, weak, unreadable, by others (S18a, S22, S23).

Every reason at every time is in `timeline`.
"""

from __future__ import annotations

from collections.abc import Iterator

from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import (
    ALICE,
    BOB,
    BY_SUBKEY,
    GOOD,
    MALLORY,
    PLAIN,
    SIGNED,
    SIGNER,
    SUBKEYED,
    Vector,
    on_key,
    self_signed,
)

from imagesmith.trust.packets import frame

_FUTURE = 2_900_000_000
_HARD, _SOFT = "KEY_REVOKED_HARD", "KEY_REVOKED_SOFT"


def vectors() -> tuple[Vector, ...]:
    """Return the rows on revocations."""
    return (*_hashes(), *_readings(), *_places(), *_unreadable(), *_by_others(), *_user_ids())


def _hashes() -> Iterator[Vector]:
    """Yield revocations with hashes that nothing else may use; a revocation may."""
    any_hash = "S22: any hash that can be computed revokes"
    for number, name in {
        pgp.MD5: "MD5",
        pgp.SHA1: "SHA-1",
        pgp.SHA224: "SHA-224",
        12: "SHA3-256",
    }.items():
        revoked = on_key(PLAIN, pgp.direct(ALICE, kind=0x20, more=b"", digest=number))
        stricter = any_hash if number in (pgp.MD5, 12) else ""
        yield Vector(f"{name} revocation", GOOD, revoked, _HARD, stricter=stricter)


def _readings() -> Iterator[Vector]:
    """Yield revocations that say more or less than one reason; the gravest reading counts."""
    gravest = "S22: what is not plainly soft is hard"
    ends = "S22: a genuine revocation counts, whatever times it states"
    odd = pgp.sub(100, b"", critical=True)
    empty, both = pgp.sub(29, b""), pgp.reason(1) + pgp.reason(2)
    early, late = SIGNED - 1, SIGNED + 9 * DAY
    rows = (
        ("revocation with an empty reason", late, empty, "CERT_REVOCATION_UNREADABLE", gravest),
        ("revoked, soft and hard reason", late, both, _HARD, ""),
        ("revoked hard in the future", _FUTURE, pgp.reason(2), _HARD, ""),
        ("revoked softly in the future", _FUTURE, pgp.reason(3), None, ""),
        ("revoked hard, but not for long", early, pgp.reason(2) + pgp.lifetime(1), _HARD, ""),
        ("revoked softly, but not for long", early, pgp.reason(3) + pgp.lifetime(1), _SOFT, ends),
        ("revoked before it was made", T0 - DAY, pgp.reason(3), _SOFT, ends),
        ("revocation with a critical subpacket", early, odd, _HARD, gravest),
    )
    for name, made, said, reason, stricter in rows:
        revocation = pgp.direct(ALICE, kind=0x20, created=made, more=said)
        yield Vector(name, GOOD, on_key(PLAIN, revocation), reason, stricter=stricter)
    hashed = pgp.at(late) + pgp.issuer_fingerprint(ALICE)
    unhashed = pgp.issuer(ALICE) + pgp.reason(3)
    body = pgp.signature(0x20, ALICE, (ALICE.prefixed,), hashed=hashed, unhashed=unhashed)
    yield Vector("revoked, soft reason unhashed", GOOD, on_key(PLAIN, frame(2, body)), _HARD)


def _places() -> Iterator[Vector]:
    """Yield revocations that do not stand where they belong (S18a)."""
    unprotected = "S18a: what is not signed cannot hide a revocation"
    of_primary = pgp.direct(ALICE, kind=0x20, more=b"")
    of_subkey = pgp.bind(ALICE, SIGNER, kind=0x28)
    yield Vector("misplaced revocation", GOOD, PLAIN + of_primary, _HARD)
    yield Vector("misplaced subkey revocation", BY_SUBKEY, on_key(SUBKEYED, of_subkey), _HARD)
    body = pgp.signature(
        0x20,
        ALICE,
        (ALICE.prefixed,),
        hashed=pgp.at(T0),
        unhashed=pgp.issuer(BOB),
    )
    yield Vector(
        "revocation that hints at another key",
        GOOD,
        on_key(PLAIN, frame(2, body)),
        _HARD,
        stricter=unprotected,
    )
    body = pgp.signature(0x20, ALICE, (ALICE.prefixed,), hashed=pgp.at(T0), left=b"\0\0")
    yield Vector(
        "revocation with wrong left octets",
        GOOD,
        on_key(PLAIN, frame(2, body)),
        _HARD,
        stricter=unprotected,
    )


def _unreadable() -> Iterator[Vector]:
    """Yield certificates with a revocation nobody can judge: they are not used (S23)."""
    closed = "S23: a revocation that cannot be judged closes the certificate"
    for name, octets in (
        ("revocation of another key", pgp.direct(MALLORY, kind=0x20)),
        ("revocation unreadable", frame(2, b"\x04\x20\x16")),
        ("revocation of version 3", frame(2, b"\x03\x05\x20" + bytes(20))),
        ("revocation of version 6", frame(2, b"\x06\x20" + bytes(20))),
        ("revocation by an unknown hash", pgp.direct(ALICE, kind=0x20, digest=99)),
        ("revocation of a subkey that is not there", pgp.bind(ALICE, SIGNER, kind=0x28)),
    ):
        certificate = on_key(PLAIN, octets)
        yield Vector(name, GOOD, certificate, "CERT_REVOCATION_UNREADABLE", stricter=closed)


def _by_others() -> Iterator[Vector]:
    revoker = pgp.sub(12, b"\x80\x16" + bytes.fromhex(BOB.fingerprint))
    appoints = pgp.direct(ALICE, more=pgp.flags(0x03) + revoker)
    revokes = frame(
        2,
        pgp.signature(
            0x20, BOB, (ALICE.prefixed,), hashed=pgp.at(T0) + pgp.issuer_fingerprint(BOB)
        ),
    )
    yield Vector("revoker appointed", GOOD, on_key(PLAIN, appoints), None)
    yield Vector(
        "revocation by the appointed revoker", GOOD, on_key(PLAIN, revokes + appoints), None
    )
    yield Vector(
        "revocation by a revoker nobody appointed",
        GOOD,
        on_key(PLAIN, revokes),
        "CERT_REVOCATION_UNREADABLE",
        stricter="S23: a revocation that cannot be judged closes the certificate",
    )


def _user_ids() -> Iterator[Vector]:
    plain = pgp.certify(ALICE, kind=0x30, more=b"")
    yield Vector(
        "user id revoked",
        GOOD,
        PLAIN + plain,
        "CERT_SELF_SIGNATURE_REFUSED",
        stricter="S19: a revoked user id grants nothing",
    )
    by_bob = PLAIN + pgp.certify(ALICE, kind=0x30, by=BOB)
    yield Vector("user id revoked by somebody else", GOOD, by_bob, None)
    yield Vector(
        "user id revoked and certified anew",
        GOOD,
        PLAIN
        + pgp.certify(ALICE, kind=0x30, created=T0 + 1, more=pgp.reason(32))
        + pgp.certify(ALICE, created=T0 + 2),
        None,
    )
    yield Vector(
        "user id revoked beside another",
        GOOD,
        self_signed(pgp.certify(ALICE), plain)
        + pgp.user_id(b"Other")
        + pgp.certify(ALICE, b"Other"),
        None,
    )
    yield from _restrictions()


def _restrictions() -> Iterator[Vector]:
    """Yield user ids whose revocation Sequoia passes over: what they restrict still counts."""
    other, brief = b"Other", pgp.lifetime(DAY // 2)
    silent = pgp.user_id(other) + pgp.certify(ALICE, other, created=T0 + 5, more=b"")
    for name, created, more in (
        ("before it was certified anew", T0, b""),
        ("in the future", _FUTURE, b""),
        ("for half a day", T0 + 6, brief),
        ("with a critical subpacket", T0 + 6, pgp.sub(100, b"", critical=True)),
    ):
        revokes = pgp.certify(ALICE, other, kind=0x30, created=created, more=more)
        vector = f"a silent user id revoked {name}"
        yield Vector(vector, GOOD, PLAIN + silent + revokes, "KEY_NOT_SIGNING")
    revokes = pgp.certify(ALICE, other, kind=0x30, created=T0 + 6, more=b"")
    yield Vector("a silent user id revoked", GOOD, PLAIN + silent + revokes, None)
