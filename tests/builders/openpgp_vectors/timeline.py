"""A key made at t1, revoked at t2 and certified anew at t3, asked at every time between.

The revocation gives every kind of reason and is of the primary key that signs, of
the subkey that signs, or of the primary key above it.  `counts_then` says what
counts when judged at the signature's own time; judged now, only what was never
revoked does (S18, S22).
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import (
    ALICE,
    DOCUMENT,
    PLAIN,
    SIGNER,
    SUBKEYED,
    Vector,
    on_key,
)

REVOKED, RENEWED = T0 + 100 * DAY, T0 + 200 * DAY
SIGNED = {
    "before t1": T0 - 50 * DAY,
    "t1 to t2": T0 + 50 * DAY,
    "t2 to t3": T0 + 150 * DAY,
    "t3 to now": T0 + 250 * DAY,
}
PLACES = ("primary", "subkey", "primary of subkey")
SOFT = {1: "superseded", 3: "retired", 32: "user id invalid"}
HARD = {None: "no reason", 0: "unspecified", 2: "compromised", 100: "private use", 200: "unknown"}

_NOW_AS_WELL = "S18: good now as well, not only when it signed"
_NOT_TAKEN_BACK = "S22: certifying anew takes no revocation back"


@attrs.frozen
class Moment:
    """A vector at a place of the timeline."""

    vector: Vector
    signed: int
    counts_then: bool
    """Whether it counts when judged at the time it was signed."""


def vectors() -> tuple[Vector, ...]:
    """Return the rows, judged now."""
    return tuple(moment.vector for moment in MOMENTS)


def _moments() -> Iterator[Moment]:
    for place in PLACES:
        for when, signed in SIGNED.items():
            exists = signed >= T0
            yield Moment(
                Vector(
                    f"timeline: {place} not revoked, signed {when}",
                    _signature(place, signed),
                    _certificate(place, b""),
                    None if exists else "SIG_BEFORE_KEY",
                ),
                signed,
                exists,
            )
            for code, word in (SOFT | HARD).items():
                yield _revoked(place, when, code, word)


def _revoked(place: str, when: str, code: int | None, word: str) -> Moment:
    signed, soft = SIGNED[when], code in SOFT
    exists = signed >= T0
    reason = "KEY_REVOKED_SOFT" if soft else "KEY_REVOKED_HARD"
    stricter = ""
    if soft and exists and not REVOKED <= signed < RENEWED:
        stricter = _NOW_AS_WELL if signed < REVOKED else _NOT_TAKEN_BACK
    return Moment(
        Vector(
            f"timeline: {place} revoked ({word}), signed {when}",
            _signature(place, signed),
            _certificate(place, _revocation(place, code)),
            reason if exists else "SIG_BEFORE_KEY",
            stricter=stricter,
        ),
        signed,
        soft and T0 <= signed < REVOKED,
    )


def _signature(place: str, signed: int) -> bytes:
    return pgp.detached(DOCUMENT, ALICE if place == "primary" else SIGNER, created=signed)


def _revocation(place: str, code: int | None) -> bytes:
    said = b"" if code is None else pgp.reason(code)
    if place == "subkey":
        return pgp.bind(ALICE, SIGNER, kind=0x28, created=REVOKED, more=said)
    return pgp.direct(ALICE, kind=0x20, created=REVOKED, more=said)


def _certificate(place: str, revocation: bytes) -> bytes:
    renewed = pgp.bind(ALICE, SIGNER, created=RENEWED)
    match place:
        case "primary":
            return on_key(PLAIN, revocation) + pgp.certify(ALICE, created=RENEWED)
        case "subkey":
            return SUBKEYED + revocation + renewed
        case _:
            certified = pgp.certify(ALICE, created=RENEWED, more=pgp.flags(0x01))
            return _after_user_id(on_key(SUBKEYED, revocation), certified) + renewed


def _after_user_id(certificate: bytes, statement: bytes) -> bytes:
    at = certificate.index(pgp.user_id()) + len(pgp.user_id())
    return certificate[:at] + statement + certificate[at:]


MOMENTS = tuple(_moments())
