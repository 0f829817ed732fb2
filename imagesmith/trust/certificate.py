"""Certificates: a primary key and what it has verifiably said of itself.

Everything cryptographic and independent of time happens here: which
self-signatures, bindings, back-signatures and revocations are genuine.  The
order of packets proves nothing, so each signature is tried on every component
it could belong to, and a misplaced revocation still revokes (openpgp.md S18a).
A revocation that cannot be read or verified makes the certificate unusable
(S23).  What follows from all that at a point in time is left to `validity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import content, keypacket, keys, signature
from imagesmith.trust.keypacket import PublicKey
from imagesmith.trust.packets import Packet, Tag, frame
from imagesmith.trust.signature import STRONG_HASHES, Signature, Sub, Type
from imagesmith.trust.verdict import Reason, Rejected, refuse

MAX_HASHED = 64 << 20
"""Octets hashed to match the signatures of one certificate with its components."""
MAX_OPERATIONS = 500
"""Public-key operations for one certificate; real ones need a few dozen."""

_IDENTITY_PREFIXES = (b"\xb4", b"\xd1")
_ON_KEY = frozenset({Type.DIRECT_KEY, Type.KEY_REVOCATION})
_ON_SUBKEY = frozenset({Type.SUBKEY_BINDING, Type.SUBKEY_REVOCATION})
_ON_IDENTITY = signature.CERTIFICATIONS | {Type.CERTIFICATION_REVOCATION}


@attrs.frozen
class Binding:
    """A genuine self-signature or subkey binding."""

    signature: Signature
    problem: Rejected | None
    """Why it grants nothing; what it restricts still counts."""
    back_signatures: tuple[Signature, ...] = ()
    """Genuine, strong primary key bindings embedded in a subkey binding."""


@attrs.frozen(kw_only=True)
class Component:
    """The primary key itself, a user id, a user attribute or a subkey."""

    key: PublicKey | None = None
    """Of a subkey."""
    user_id: bytes | None = None
    """Of a user id; unchecked octets, never an identity (S3)."""
    hashed: bytes
    """What a signature over it hashes after the primary key."""
    bindings: tuple[Binding, ...] = ()
    revocations: tuple[Signature, ...] = ()


@attrs.frozen(kw_only=True)
class Certificate:
    """A version 4 certificate, all genuine statements verified."""

    primary: PublicKey
    itself: Component
    """The primary key's direct-key signatures and revocations."""
    identities: tuple[Component, ...]
    subkeys: tuple[Component, ...]
    foreign_revocations: int
    """Revocations by designated revokers: reported, not evaluated (S23)."""
    packets: tuple[Packet, ...] = attrs.field(repr=False, eq=False)
    """All that the file holds of it."""

    @property
    def revokers(self) -> tuple[str, ...]:
        """The fingerprints of designated revokers: reported, not obeyed (S23)."""
        return tuple(dict.fromkeys(_revokers((self.itself, *self.identities, *self.subkeys))))

    def to_bytes(self) -> bytes:
        """Return the certificate as it was judged, binary."""
        return b"".join(frame(each.tag, each.body) for each in self.packets)

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """The primary key and every subkey, bound or not."""
        return (self.primary, *(sub.key for sub in self.subkeys if sub.key is not None))


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
        if packet.tag == Tag.SIGNATURE and (read := _parse(packet.body)) is not None:
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
                yield Component(
                    user_id=packet.body, hashed=_IDENTITY_PREFIXES[0] + size + packet.body
                )
            case Tag.USER_ATTRIBUTE:
                yield Component(hashed=_IDENTITY_PREFIXES[1] + size + packet.body)
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
        self.hashed += sum(map(len, parts)) + len(sig.signed_part)
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


def _parse(body: bytes) -> Signature | None:
    """Read a signature; an unreadable one is dropped unless it says it revokes."""
    try:
        return signature.parse(body)
    except SignatureError as error:
        if signature.stated_type(body) not in signature.REVOCATIONS:
            return None
        raise refuse(
            Reason.CERT_REVOCATION_UNREADABLE,
            f"certificate holds a revocation that cannot be read: {error.problem}",
        ) from error


def _bind(sig: Signature, primary: PublicKey, found: _Found, spent: _Effort) -> None:
    """Attach a self-signature or binding to the component it is genuine for."""
    if not _may_be_by(primary, sig):
        return
    owner = _owner(sig, primary, found, spent)
    if owner is not None:
        back = () if owner.key is None else _back_signatures(sig, primary, owner, spent)
        digest = spent.digest(sig, (primary.prefixed, owner.hashed))
        binding = Binding(sig, _problem(sig, primary, digest), back)
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
        found[owner.hashed] = attrs.evolve(owner, revocations=(*owner.revocations, sig))
        return False
    if any(sig.names(revoker) for revoker in _revokers(found.values())):
        return True
    if _may_be_by(primary, sig) or not is_of_identity:
        raise refuse(
            Reason.CERT_REVOCATION_UNREADABLE,
            "certificate holds a revocation that cannot be verified",
        )
    return False


def _owner(
    sig: Signature,
    primary: PublicKey,
    found: _Found,
    spent: _Effort,
) -> Component | None:
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
    return sig.critical_problem()


def _back_signatures(
    binding: Signature,
    primary: PublicKey,
    subkey: Component,
    spent: _Effort,
) -> tuple[Signature, ...]:
    key = subkey.key
    assert key is not None
    genuine = []
    for inner in binding.embedded():
        digest = spent.digest(inner, (primary.prefixed, subkey.hashed))
        is_strong = _problem(inner, key, digest) is None
        if inner.type == Type.PRIMARY_KEY_BINDING and is_strong:
            genuine += [inner] if spent.is_genuine(key, inner, digest) else []
    return tuple(genuine)


def _revokers(components: Iterable[Component]) -> Iterator[str]:
    """Yield the fingerprints of designated revokers (RFC 9580 §5.2.3.23)."""
    for component in components:
        for binding in component.bindings:
            for body in binding.signature.values(Sub.REVOCATION_KEY):
                yield body[2:].hex()
