"""Certificates for people: what `keys show` prints (openpgp.md S23, S27).

Everything taken from a file is escaped: a user id is octets that anyone may
have chosen, and a terminal obeys some of them.
"""

from __future__ import annotations

import attrs

from imagesmith.model.text import printable
from imagesmith.trust import armour, certificate, keyring, validity
from imagesmith.trust.certificate import Binding, Certificate, Component
from imagesmith.trust.keypacket import ALGORITHMS, ECDSA, EDDSA, PublicKey
from imagesmith.trust.packets import Tag
from imagesmith.trust.signing import read_secret

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
    """Escaped; claims, not identities."""
    subkeys: tuple[KeySummary, ...]
    has_secret: bool
    notes: tuple[str, ...]
    """What a person should know and no verdict depends on."""


def describe(octets: bytes, now: int) -> tuple[CertificateSummary, ...]:
    """Return what each certificate of a file says at `now`; a secret key file has one."""
    is_armoured_secret = b"BEGIN " + armour.PRIVATE_KEY.encode() in octets[: armour.MAX_LINE]
    groups = keyring.split(octets, armour.PRIVATE_KEY if is_armoured_secret else armour.PUBLIC_KEY)
    if any(group[0].tag == Tag.SECRET_KEY for group in groups):
        return (_summary(read_secret(octets).certificate, now, has_secret=True),)
    return tuple(_summary(certificate.assemble(group), now, has_secret=False) for group in groups)


def _summary(found: Certificate, now: int, *, has_secret: bool) -> CertificateSummary:
    stated = validity.self_signatures(found, now)
    notes = []
    if found.foreign_revocations:
        notes.append(
            f"{found.foreign_revocations} revocations by designated revokers are not evaluated",
        )
    return CertificateSummary(
        primary=_key(found, found.primary, found.itself, stated, now),
        user_ids=tuple(
            printable(each.user_id.decode("utf-8", "surrogateescape"))
            for each in found.identities
            if each.user_id is not None
        ),
        subkeys=tuple(
            _key(found, each.key, each, validity.in_force(each.bindings, now), now)
            for each in found.subkeys
            if each.key is not None
        ),
        has_secret=has_secret,
        notes=tuple(notes),
    )


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
