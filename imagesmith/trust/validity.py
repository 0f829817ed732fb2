"""What a key may do at a point in time, from what its certificate has genuinely said.

Pure: a certificate, a key of it and a time give a finding or none.  Where
statements of the same rank disagree the most restrictive reading counts, hard
revocations reach back over all time, and soft ones are never taken back
(openpgp.md S18-S22).
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from imagesmith.model.moment import rfc3339
from imagesmith.trust.certificate import Binding, Certificate, Component
from imagesmith.trust.keypacket import PublicKey
from imagesmith.trust.signature import Signature, Sub
from imagesmith.trust.verdict import Reason, Rejected

CERTIFY, SIGN, ENCRYPT_TRANSPORT, ENCRYPT_STORAGE, AUTHENTICATE = 0x01, 0x02, 0x04, 0x08, 0x20
"""Key flags (RFC 9580 §5.2.3.29)."""

SOFT_REASONS = frozenset({1, 3, 32})
"""Superseded, retired, user id invalid; every other reason, or none, means compromise (S22)."""


@attrs.frozen
class Revoked:
    """How a key stands revoked."""

    hard: bool
    """Whether the revocation reaches back over all time."""
    at: int
    """When it was made, in Unix seconds."""


def signing_problem(
    certificate: Certificate,
    key: PublicKey,
    at: int,
    *,
    expired: Reason = Reason.KEY_EXPIRED,
) -> Rejected | None:
    """Return why `key` may not sign at `at`, or None; `expired` is the code for expiry."""
    problem = certificate_problem(certificate, at, expired=expired)
    if problem is not None:
        return problem
    if key.fingerprint == certificate.primary.fingerprint:
        return _flags_problem(_primary_grants(certificate, at), key)
    subkey = next(sub for sub in certificate.subkeys if sub.key == key)
    return _subkey_problem(subkey, key, at, expired)


def certificate_problem(
    certificate: Certificate,
    at: int,
    *,
    expired: Reason = Reason.KEY_EXPIRED,
) -> Rejected | None:
    """Return why nothing in the certificate counts at `at`, or None."""
    primary = certificate.primary
    problem = _life_problem(primary, certificate.itself.revocations, at)
    if problem is not None:
        return problem
    stated = self_signatures(certificate, at)
    if not stated:
        return Rejected(Reason.CERT_NO_SELF_SIGNATURE, "no self-signature is in force")
    if all(each.problem for each in stated):
        detail = f"self-signature: {stated[0].problem}"
        return Rejected(Reason.CERT_SELF_SIGNATURE_REFUSED, detail)
    return _expiry_problem(stated, primary, at, expired)


def revocation(revocations: Iterable[Signature]) -> Revoked | None:
    """Return the gravest, then earliest, of genuine revocations."""
    stated = sorted((not _is_hard(each), each.created) for each in revocations)
    return Revoked(not stated[0][0], stated[0][1]) if stated else None


def in_force(bindings: Iterable[Binding], at: int) -> tuple[Binding, ...]:
    """Return the newest signature that is live at `at`; several at a tie, and where it is refused.

    One that grants nothing restricts, and does not hide the newest that grants, here or
    elsewhere: other programs pass it over.  With several lifetimes it restricts as if it
    never ended.
    """
    live = [
        each
        for each in bindings
        if _is_live(each.signature, at)
        or (each.signature.has_many_lifetimes and each.signature.created <= at)
    ]
    granting = [each.signature.created for each in live if each.problem is None]
    elsewhere = [each.signature.created for each in live if each.counts_elsewhere]
    newest = min(
        (max(times) for times in (granting, elsewhere) if times),
        default=max((each.signature.created for each in live), default=0),
    )
    return tuple(each for each in live if each.signature.created >= newest)


def key_expiry(stated: Iterable[Binding], key: PublicKey) -> int | None:
    """Return the earliest end of life that any of these signatures states; None is never."""
    lifetimes = (each.signature.shortest(Sub.KEY_LIFETIME) for each in stated)
    ends = (key.created + lifetime for lifetime in lifetimes if lifetime is not None)
    return min(ends, default=None)


def expiry(certificate: Certificate, key: PublicKey, at: int) -> int | None:
    """Return the end of life of a key by what is in force at `at`; None is never."""
    if key == certificate.primary:
        return key_expiry(self_signatures(certificate, at), key)
    subkey = next(sub for sub in certificate.subkeys if sub.key == key)
    return key_expiry(in_force(subkey.bindings, at), key)


def self_signatures(certificate: Certificate, at: int) -> tuple[Binding, ...]:
    """Return what the primary key says of itself at `at` (S19, S20).

    That is the direct-key signatures in force and those of every user id that is not
    revoked.  Where none of these counts, those of revoked ones still restrict, and grant
    nothing; so do those of one whose revocation others may pass over: it is older, not in
    force, or odd.
    """
    live: list[Binding] = []
    withdrawn: list[Binding] = []
    for identity in certificate.identities:
        newest = in_force(identity.bindings, at)
        certified = max((each.signature.created for each in newest), default=0)
        withdrawals = [each for each in identity.withdrawals if certified <= each.created]
        if _is_identity_revoked(identity, newest, at):
            problem = Rejected(Reason.CERT_USER_ID_REVOKED, "user id is revoked")
            newest = tuple(attrs.evolve(each, problem=problem) for each in newest)
        is_withdrawn = any(_is_live(each, at) for each in withdrawals)
        (withdrawn if is_withdrawn else live).extend(newest)
    if all(each.problem for each in live):
        live += withdrawn
    return (*in_force(certificate.itself.bindings, at), *live)


def is_certified(identity: Component, at: int) -> bool:
    """Say whether the primary key stands by a user id at `at`, with a statement that counts."""
    newest = in_force(identity.bindings, at)
    return (
        bool(newest)
        and all(each.problem is None for each in newest)
        and not _is_identity_revoked(identity, newest, at)
    )


def _subkey_problem(
    subkey: Component,
    key: PublicKey,
    at: int,
    expired: Reason,
) -> Rejected | None:
    problem = _life_problem(key, subkey.revocations, at)
    if problem is not None:
        return problem
    stated = in_force(subkey.bindings, at)
    if not stated:
        return Rejected(Reason.SUBKEY_UNBOUND, "no genuine binding of the subkey is in force")
    for each in stated:
        if each.problem is not None:
            return Rejected(Reason.SUBKEY_BINDING_REFUSED, f"subkey binding: {each.problem}")
    grants = [_flags(each, default=0) for each in stated]
    problem = _expiry_problem(stated, key, at, expired) or _flags_problem(grants, key)
    if problem is not None:
        return problem
    if not all(any(_is_live(back, at) for back in each.back_signatures) for each in stated):
        detail = "the subkey does not confirm its binding with a genuine signature of its own"
        return Rejected(Reason.SUBKEY_NO_BACKSIG, detail)
    return None


def _life_problem(key: PublicKey, revocations: Iterable[Signature], at: int) -> Rejected | None:
    """Judge what holds whatever the key's bindings say."""
    revoked = revocation(revocations)
    if revoked is not None and revoked.hard:
        return Rejected(Reason.KEY_REVOKED_HARD, f"key {key.fingerprint} is revoked for all time")
    if revoked is not None and revoked.at <= at:
        return Rejected(
            Reason.KEY_REVOKED_SOFT,
            f"key {key.fingerprint} is revoked since {rfc3339(revoked.at)}",
        )
    if key.problem is not None:
        return key.problem
    if key.created > at:
        detail = f"key {key.fingerprint} did not exist at {rfc3339(at)}"
        return Rejected(Reason.KEY_NOT_YET, detail)
    return None


def _expiry_problem(
    stated: Iterable[Binding],
    key: PublicKey,
    at: int,
    expired: Reason,
) -> Rejected | None:
    end = key_expiry(stated, key)
    if end is None or at < end:
        return None
    detail = f"key {key.fingerprint} expired at {rfc3339(end)}, judged at {rfc3339(at)}"
    return Rejected(expired, detail)


def _primary_grants(certificate: Certificate, at: int) -> list[int]:
    """Return the flags that each self-signature in force gives the primary key.

    A user id without flags has those of the direct-key signature; neither can
    lend what a signature that is not acceptable grants.
    """
    direct = in_force(certificate.itself.bindings, at)
    own = direct if any(each.signature.flags is not None for each in direct) else ()
    lent = 0xFF if own else 0
    for each in own:
        lent &= _flags(each, default=0) if each.problem is None else 0
    named = [each for each in self_signatures(certificate, at) if each not in direct]
    grants = [_flags(each, default=0) for each in own]
    grants += [_flags(each, default=lent) for each in named]
    is_granted = any(each.problem is None for each in (*own, *named))
    return grants if is_granted else []


def _flags(binding: Binding, *, default: int) -> int:
    flags = binding.signature.flags
    return default if flags is None else flags


def _flags_problem(grants: list[int], key: PublicKey) -> Rejected | None:
    if grants and all(flags & SIGN for flags in grants):
        return None
    return Rejected(Reason.KEY_NOT_SIGNING, f"key {key.fingerprint} is not for signing")


def _is_live(signature: Signature, at: int) -> bool:
    return signature.created <= at and (signature.expires is None or at < signature.expires)


def _is_hard(signature: Signature) -> bool:
    reasons = signature.values(Sub.REVOCATION_REASON)
    return not reasons or any(not body or body[0] not in SOFT_REASONS for body in reasons)


def _is_identity_revoked(identity: Component, stated: Iterable[Binding], at: int) -> bool:
    """Say whether a user id is revoked; unlike a key, it may be certified anew afterwards."""
    revoked = revocation(identity.revocations)
    if revoked is None:
        return False
    granting = (each.signature.created for each in stated if each.problem is None)
    certified = max(granting, default=0)
    return revoked.hard or any(certified <= each.created <= at for each in identity.revocations)
