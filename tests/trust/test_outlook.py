"""What would fail a year from now."""

from __future__ import annotations

import json

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.model import canonical
from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.outlook import YEAR
from imagesmith.trust.packets import frame
from imagesmith.trust.verdict import Reason, Verdict

NOW = T0 + 10 * DAY
ALICE, BOB, SIGNER = map(pgp.make_key, ("alice", "bob", "alice's subkey"))


def verdict(
    certificate: bytes, key: pgp.Key = ALICE, signer: pgp.Key = ALICE, *, more: bytes = b""
) -> Verdict:
    """Judge a signature by `signer` with `key` pinned."""
    made = pgp.detached(b"x", signer, more=more)
    return judge(Content.of(b"x"), made, pgp.pin((key, certificate)), now=NOW)


def warnings(found: Verdict) -> list[str]:
    """Return the codes of the warnings about something that is accepted."""
    assert found.valid
    return [each.reason for each in found.warnings]


def living(seconds: int, *more: bytes) -> bytes:
    """Write a certificate whose primary key lives so long."""
    stated = pgp.flags(3) + pgp.key_lifetime(seconds)
    return pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=stated) + b"".join(more)


def test_nothing_is_said_of_what_lasts() -> None:
    """No end in sight is no warning, in JSON neither."""
    found = verdict(pgp.certificate(ALICE))

    assert warnings(found) == []
    assert b"warnings" not in canonical.to_bytes(found.to_json())


@pytest.mark.parametrize(
    ("lifetime", "is_soon"), [(10 * DAY + YEAR, True), (10 * DAY + YEAR + 1, False)]
)
def test_a_key_that_expires_within_a_year(lifetime: int, *, is_soon: bool) -> None:
    """With its date, to the second."""
    found = verdict(living(lifetime))

    assert warnings(found) == ([Reason.KEY_EXPIRED] if is_soon else [])


def test_says_when_and_which() -> None:
    """The fingerprint and the date, and JSON has both."""
    (warned,) = verdict(living(100 * DAY)).warnings

    assert warned.detail == f"key {ALICE.fingerprint} expires at 2024-02-22T22:13:20Z"
    document = json.loads(canonical.to_bytes(verdict(living(100 * DAY)).to_json()))
    assert document["warnings"] == [{"reason": "KEY_EXPIRED", "detail": warned.detail}]


def test_the_primary_key_and_the_subkey_each() -> None:
    """Both ends are told."""
    bound = pgp.subkey(SIGNER) + pgp.bind(ALICE, SIGNER, more=pgp.key_lifetime(50 * DAY))
    found = verdict(living(100 * DAY, bound), signer=SIGNER)

    assert warnings(found) == [Reason.KEY_EXPIRED, Reason.KEY_EXPIRED]


def test_a_signature_that_expires() -> None:
    """It has an end of its own."""
    found = verdict(pgp.certificate(ALICE), more=pgp.lifetime(20 * DAY))

    assert warnings(found) == [Reason.SIG_EXPIRED]


def test_small_rsa() -> None:
    """However far away its cut-off is."""
    small = pgp.make_key("alice", "rsa2048")
    found = verdict(pgp.certificate(small), key=small, signer=small)

    assert warnings(found) == [Reason.KEY_WEAK]
    assert "from 2030-02-01T00:00:00Z on" in found.warnings[0].detail


def test_what_will_be_said_later() -> None:
    """A soft revocation, a binding that ends: whatever makes the verdict another one."""
    revoked = pgp.direct(ALICE, kind=0x20, created=NOW + DAY, more=pgp.reason(3))
    ends = pgp.flags(3) + pgp.lifetime(30 * DAY)
    self_signed = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=ends)

    assert warnings(verdict(pgp.certificate(ALICE, revoked))) == [Reason.KEY_REVOKED_SOFT]
    assert warnings(verdict(self_signed)) == [Reason.CERT_NO_SELF_SIGNATURE]


def test_designated_revokers() -> None:
    """That somebody may revoke, and that somebody did, is told and not evaluated."""
    revoker = pgp.sub(12, b"\x80\x16" + bytes.fromhex(BOB.fingerprint))
    named = pgp.direct(ALICE, more=pgp.flags(3) + revoker)
    hashed = pgp.at(T0) + pgp.issuer_fingerprint(BOB)
    by_bob = frame(2, pgp.signature(0x20, BOB, (ALICE.prefixed,), hashed=hashed))
    found = verdict(pgp.certificate(ALICE, named, by_bob))

    assert warnings(found) == [Reason.CERT_DESIGNATED_REVOKER] * 2
    assert BOB.fingerprint in found.warnings[0].detail


def test_who_does_not_count_is_not_warned_of() -> None:
    """Warnings are about what is accepted."""
    policy = pgp.pin((ALICE, pgp.certificate(ALICE)), (BOB, living(100 * DAY)))
    found = judge(Content.of(b"x"), pgp.detached(b"x", ALICE), policy, now=NOW)

    assert warnings(found) == []
