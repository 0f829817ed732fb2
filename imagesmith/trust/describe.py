"""Certificates for people: what `keys show` prints (openpgp.md S23, S24, S27).

Everything taken from a file is escaped and cut to a length: a user id is octets
that anyone may have chosen, and a terminal obeys some of them.  A user id that
the key does not certify may have been added by anyone, and is kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagesmith.errors import SignatureError
from imagesmith.model.text import printable
from imagesmith.trust import armour, assembly, cutoffs, keypacket, keyring, validity
from imagesmith.trust.certificate import Binding, Certificate, Component
from imagesmith.trust.keypacket import ALGORITHMS, ECDSA, EDDSA, PublicKey
from imagesmith.trust.keyring import Group
from imagesmith.trust.packets import Tag
from imagesmith.trust.signing import read_secret
from imagesmith.trust.verdict import Reason, Rejected, refuse

MAX_SHOWN = 200
"""Characters of a user id."""

CAPABILITIES = {
    validity.CERTIFY: "certify",
    validity.SIGN: "sign",
    validity.ENCRYPT_TRANSPORT | validity.ENCRYPT_STORAGE: "encrypt",
    validity.AUTHENTICATE: "authenticate",
}


@attrs.frozen(kw_only=True)
class KeySummary:
    """One key of a certificate, at a point in time."""

    fingerprint: str
    algorithm: str
    """`EdDSA`, `ECDSA`, `RSA 3072`, or the number of an algorithm that is not accepted."""
    created: int
    """Unix seconds, as all times here."""
    expires: int | None
    """None is never."""
    capabilities: tuple[str, ...]
    """Of `certify`, `sign`, `encrypt`, `authenticate`."""
    revoked: validity.Revoked | None
    problem: str | None
    """Why a signature by this key would not count now, with its code; None if it would."""


@attrs.frozen(kw_only=True)
class CertificateSummary:
    """One certificate, at a point in time."""

    primary: KeySummary
    user_ids: tuple[str, ...]
    """Those that the key certifies, escaped; claims, not identities."""
    unproven_user_ids: tuple[str, ...]
    """Those that the key does not certify, or no longer; escaped."""
    subkeys: tuple[KeySummary, ...]
    has_secret: bool
    revokers: tuple[str, ...]
    """Fingerprints of designated revokers, whose revocations are not evaluated."""
    notes: tuple[str, ...]
    """What a person should know and no verdict depends on."""


@attrs.frozen(kw_only=True)
class RefusedCertificate:
    """A certificate that is not used at all."""

    fingerprint: str | None
    """Of the primary key, where it can be told."""
    problem: str
    """Why, with its code."""


Described = tuple[CertificateSummary | RefusedCertificate, ...]


def describe(octets: bytes, now: int) -> Described:
    """Return what each certificate of a file says at `now`; a secret key file has one."""
    is_armoured_secret = b"BEGIN " + armour.PRIVATE_KEY.encode() in octets[: armour.MAX_LINE]
    groups = keyring.split(octets, armour.PRIVATE_KEY if is_armoured_secret else armour.PUBLIC_KEY)
    if not groups:
        raise refuse(Reason.CERT_MALFORMED, "there is no key")
    if any(group[0].tag == Tag.SECRET_KEY for group in groups):
        return (_summary(read_secret(octets).certificate, now, has_secret=True),)
    return tuple(_described(group, now) for group in groups)


def _described(group: Group, now: int) -> CertificateSummary | RefusedCertificate:
    try:
        return _summary(assembly.assemble(group), now, has_secret=False)
    except SignatureError as error:
        problem = str(Rejected.of(error))
    try:
        fingerprint = keypacket.parse_public(group[0].body).fingerprint
    except SignatureError:
        return RefusedCertificate(fingerprint=None, problem=problem)  # of another version
    return RefusedCertificate(fingerprint=fingerprint, problem=problem)


def _summary(found: Certificate, now: int, *, has_secret: bool) -> CertificateSummary:
    stated = validity.self_signatures(found, now)
    named = [each for each in found.identities if each.user_id is not None]
    proven = [each for each in named if validity.is_certified(each, now)]
    return CertificateSummary(
        primary=_key(found, found.primary, found.itself, stated, now),
        user_ids=tuple(_shown(each.user_id) for each in proven),
        unproven_user_ids=tuple(_shown(each.user_id) for each in named if each not in proven),
        subkeys=tuple(
            _key(found, each.key, each, validity.in_force(each.bindings, now), now)
            for each in found.subkeys
            if each.key is not None
        ),
        has_secret=has_secret,
        revokers=found.revokers,
        notes=tuple(_notes(found)),
    )


def _shown(user_id: bytes | None) -> str:
    text = printable((user_id or b"").decode("utf-8", "surrogateescape"))
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({len(user_id or b'')} octets)"


def _notes(found: Certificate) -> Iterator[str]:
    if found.foreign_revocations:
        count = found.foreign_revocations
        yield f"{count} revocations by designated revokers are not evaluated"
    for key in found.keys:
        cutoff = cutoffs.following(key)
        if cutoff is not None and key.problem is None:
            yield cutoffs.detail(key, cutoff)


def _key(
    found: Certificate,
    key: PublicKey,
    component: Component,
    stated: tuple[Binding, ...],
    now: int,
) -> KeySummary:
    problem = validity.signing_problem(found, key, now)
    return KeySummary(
        fingerprint=key.fingerprint,
        algorithm=_algorithm(key),
        created=key.created,
        expires=validity.key_expiry(stated, key),
        capabilities=_capabilities(stated),
        revoked=validity.revocation(component.revocations),
        problem=None if problem is None else str(problem),
    )


def _algorithm(key: PublicKey) -> str:
    name = ALGORITHMS.get(key.algorithm, f"algorithm {key.algorithm}")
    return name if key.algorithm in (ECDSA, EDDSA) or not key.bits else f"{name} {key.bits}"


def _capabilities(stated: tuple[Binding, ...]) -> tuple[str, ...]:
    """Return what every statement with flags grants."""
    flags = [each.signature.flags for each in stated if each.signature.flags is not None]
    return tuple(
        name for mask, name in CAPABILITIES.items() if flags and all(each & mask for each in flags)
    )
