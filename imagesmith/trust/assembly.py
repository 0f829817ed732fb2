"""From packets to a certificate: every statement of a primary key verified.

Everything cryptographic and independent of time happens here: which
self-signatures, bindings, back-signatures and revocations are genuine.  The
order of packets proves nothing, so each signature is tried on every component
it could belong to, and a misplaced revocation still revokes (openpgp.md S18a).
A revocation that cannot be read or verified makes the certificate unusable
(S23).  What follows from all that at a point in time is left to `validity`.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import certificate, content, keypacket, keys, signature
from imagesmith.trust.certificate import Binding, Certificate, Component
from imagesmith.trust.keypacket import PublicKey
from imagesmith.trust.packets import Packet, Tag
from imagesmith.trust.signature import STRONG_HASHES, Signature, Type
from imagesmith.trust.verdict import Reason, Rejected, refuse

MAX_HASHED = 64 << 20
"""Octets hashed to match the signatures of one certificate with its components."""
HASHED_AT_LEAST = 1 << 10
"""What one digest counts for however little it hashes: to start one takes as long."""
MAX_OPERATIONS = 500
"""Public-key operations for one certificate; real ones need a few dozen."""

_READ_ELSEWHERE = frozenset({Reason.SIG_CREATION_TIME, Reason.SIG_MALFORMED, Reason.LIMIT})
"""Why this room does not read a self-signature that others may read, and be restricted by."""
_IDENTITY_PREFIXES = _USER_ID, _ATTRIBUTE = b"\xb4", b"\xd1"
_ON_ATTRIBUTE = Rejected(Reason.CERT_NO_SELF_SIGNATURE, "it is on a user attribute, not a user id")
_ON_KEY = frozenset({Type.DIRECT_KEY, Type.KEY_REVOCATION})
_ON_SUBKEY = frozenset({Type.SUBKEY_BINDING, Type.SUBKEY_REVOCATION})
_ON_IDENTITY = signature.CERTIFICATIONS | {Type.CERTIFICATION_REVOCATION}
_ON_ANYTHING = _ON_KEY | _ON_SUBKEY | _ON_IDENTITY


def assemble(group: tuple[Packet, ...]) -> Certificate:
    """Build the certificate from its packets, primary key first, the rest in any order."""
    if not group or group[0].tag != Tag.PUBLIC_KEY:
        raise refuse(Reason.CERT_MALFORMED, "not a public key")
    primary = keypacket.parse_public(group[0].body)
    if primary.problem is not None:
        raise refuse(Reason(primary.problem.reason), f"primary key: {primary.problem.detail}")
    found = {each.hashed: each for each in _components(group)}
    spent = _Effort()
    revocations: list[Signature] = []
    for packet in group[1:]:
        if packet.tag == Tag.SIGNATURE and (read := _parse(packet.body, primary)) is not None:
            if read.type in signature.REVOCATIONS:
                revocations.append(read)
            else:
                _bind(read, primary, found, spent)
    foreign = sum(_revoke(each, primary, found, spent) for each in revocations)
    return Certificate(
        primary=primary,
        itself=found[b""],
        identities=tuple(each for each in found.values() if each.hashed[:1] in _IDENTITY_PREFIXES),
        subkeys=tuple(each for each in found.values() if each.key is not None and each.hashed),
        foreign_revocations=foreign,
        packets=group,
    )


def _components(group: tuple[Packet, ...]) -> Iterator[Component]:
    yield Component(hashed=b"")
    for packet in group[1:]:
        size = len(packet.body).to_bytes(4, "big")
        match packet.tag:
            case Tag.PUBLIC_SUBKEY:
                try:
                    key = keypacket.parse_public(packet.body)
                except SignatureError:
                    continue  # of another version: it cannot sign, nothing depends on it
                yield Component(key=key, hashed=key.prefixed)
            case Tag.USER_ID:
                yield Component(user_id=packet.body, hashed=_USER_ID + size + packet.body)
            case Tag.USER_ATTRIBUTE:
                yield Component(hashed=_ATTRIBUTE + size + packet.body)
            case Tag.SIGNATURE:
                continue
            case other:
                raise refuse(Reason.CERT_MALFORMED, f"packet of type {other} in a certificate")


@attrs.define
class _Effort:
    """What assembling one certificate has cost so far."""

    hashed: int = 0
    operations: int = 0

    def digest(self, sig: Signature, parts: tuple[bytes, ...]) -> bytes | None:
        self.hashed += max(sum(map(len, parts)) + len(sig.signed_part), HASHED_AT_LEAST)
        if self.hashed > MAX_HASHED:
            raise refuse(Reason.LIMIT, "too many signatures on too many components")
        return content.compute_digest(sig, parts)

    def is_genuine(self, key: PublicKey, sig: Signature, digest: bytes | None) -> bool:
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise refuse(Reason.LIMIT, "too many signatures in one certificate")
        try:
            return digest is not None and keys.verify(
                key,
                sig.hash_algorithm,
                digest,
                sig.material,
            )
        except SignatureError:
            return False


_Found = dict[bytes, Component]


def _parse(body: bytes, primary: PublicKey) -> Signature | None:
    """Read a signature; an unreadable one is dropped unless it may say what counts elsewhere."""
    try:
        return signature.parse(body)
    except SignatureError as error:
        stated = signature.stated_type(body)
        if stated in signature.REVOCATIONS:
            raise refuse(
                Reason.CERT_REVOCATION_UNREADABLE,
                f"certificate holds a revocation that cannot be read: {error.problem}",
            ) from error
        is_own = stated in _ON_ANYTHING and bytes.fromhex(primary.fingerprint)[-8:] in body
        if is_own and error.reasons[0] in _READ_ELSEWHERE:
            raise refuse(Reason.CERT_MALFORMED, f"self-signature: {error.problem}") from error
        return None


def _bind(sig: Signature, primary: PublicKey, found: _Found, spent: _Effort) -> None:
    """Attach a self-signature or binding to the component it is genuine for."""
    if not (_may_be_by(primary, sig) or sig.hints_at(primary.fingerprint)):
        return
    owner = _owner(sig, primary, found, spent)
    if owner is not None:
        back = () if owner.key is None else _back_signatures(sig, primary, owner, spent)
        digest = spent.digest(sig, (primary.prefixed, owner.hashed))
        is_on_attribute = owner.hashed.startswith(_ATTRIBUTE)
        problem = _ON_ATTRIBUTE if is_on_attribute else _problem(sig, primary, digest)
        binding = Binding(sig, problem, back)
        found[owner.hashed] = attrs.evolve(owner, bindings=(*owner.bindings, binding))


def _revoke(sig: Signature, primary: PublicKey, found: _Found, spent: _Effort) -> bool:
    """Attach a revocation to what it revokes; say whether it is a designated revoker's.

    Any hash that can be computed will do for a revocation (S22).
    """
    is_of_identity = sig.type == Type.CERTIFICATION_REVOCATION
    if is_of_identity and sig.issuer_fingerprints and not _may_be_by(primary, sig):
        return False  # somebody takes back a certification of theirs
    owner = _owner(sig, primary, found, spent)
    if owner is not None:
        digest = spent.digest(sig, (primary.prefixed, owner.hashed))
        agreed = () if _problem(sig, primary, digest) else (sig,)
        found[owner.hashed] = attrs.evolve(
            owner,
            revocations=(*owner.revocations, sig),
            withdrawals=(*owner.withdrawals, *agreed),
        )
        return False
    if any(sig.names(revoker) for revoker in certificate.revokers(found.values())):
        return True
    if _may_be_by(primary, sig) or not is_of_identity:
        raise refuse(
            Reason.CERT_REVOCATION_UNREADABLE,
            "certificate holds a revocation that cannot be verified",
        )
    return False


def _owner(sig: Signature, primary: PublicKey, found: _Found, spent: _Effort) -> Component | None:
    """Return the component for which `sig` is the primary key's genuine signature.

    The left octets are not protected: where they match only decides which
    component is tried first, and whether a signature that names another key is
    tried at all.
    """
    digests = [
        (each, spent.digest(sig, (primary.prefixed, each.hashed)))
        for each in found.values()
        if _may_belong(sig, each)
    ]
    matching = [pair for pair in digests if pair[1] is not None and pair[1][:2] == sig.left]
    others = [pair for pair in digests if pair not in matching] if _may_be_by(primary, sig) else []
    for component, digest in (*matching, *others):
        if spent.is_genuine(primary, sig, digest):
            return component
    return None


def _may_be_by(primary: PublicKey, sig: Signature) -> bool:
    return sig.is_anonymous or sig.names(primary.fingerprint)


def _may_belong(sig: Signature, component: Component) -> bool:
    if component.key is not None:
        return sig.type in _ON_SUBKEY
    return sig.type in (_ON_IDENTITY if component.hashed else _ON_KEY)


def _problem(sig: Signature, key: PublicKey, digest: bytes | None) -> Rejected | None:
    """Return why a genuine signature by `key` grants nothing (S14, S16, S19)."""
    if sig.hash_algorithm not in STRONG_HASHES:
        name = signature.HASHES[sig.hash_algorithm].upper()
        return Rejected(Reason.SIG_HASH_WEAK, f"{name} is not accepted")
    if digest is None or digest[:2] != sig.left:
        return Rejected(Reason.SIG_MALFORMED, "left octets are not those of the digest")
    if sig.key_algorithm != key.algorithm:
        return Rejected(Reason.SIG_ALGORITHM, "signature names another algorithm than its key's")
    if sig.created < key.created:
        return Rejected(Reason.SIG_BEFORE_KEY, "signature is older than its key")
    if sig.has_many_lifetimes or not _may_be_by(key, sig):
        return Rejected(Reason.SIG_MALFORMED, "signature names another key, or several lifetimes")
    return sig.critical_problem()


def _back_signatures(
    binding: Signature, primary: PublicKey, subkey: Component, spent: _Effort
) -> tuple[Signature, ...]:
    key = subkey.key
    assert key is not None
    genuine = []
    for inner in binding.embedded():
        digest = spent.digest(inner, (primary.prefixed, subkey.hashed))
        is_its = inner.type == Type.PRIMARY_KEY_BINDING and spent.is_genuine(key, inner, digest)
        if is_its and _problem(inner, key, digest) is None:
            genuine.append(inner)
    return tuple(genuine)
