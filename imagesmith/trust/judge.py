"""The verdict on a document: its signatures, a policy and a time (openpgp.md S1-S4, S17, S25).

`judge` is total: hostile octets give findings, never an exception.  One valid
signature cannot be spoilt by others that fail, unless the policy says strict-all.
The threshold counts distinct primary keys, and a subkey that several certificates
share speaks for the first of them only, as do numbers that were made a key twice, at
two times: no holder of one key can reach it alone.
"""

from __future__ import annotations

from typing import TypeGuard

import attrs

from imagesmith.errors import SignatureError
from imagesmith.model.moment import rfc3339
from imagesmith.trust import assembly, attribution, detached, keyring, outlook
from imagesmith.trust.attribution import Maker
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.content import Content
from imagesmith.trust.keypacket import ALGORITHMS
from imagesmith.trust.keyring import Group
from imagesmith.trust.opinion import Opinion, confirm
from imagesmith.trust.policy import Policy, Signer
from imagesmith.trust.signature import STRONG_HASHES, Signature, Type
from imagesmith.trust.verdict import Accepted, Reason, Rejected, Verdict, Warned, refuse

__all__ = ["Accepted", "Purpose", "Rejected", "Verdict", "judge", "refused"]

HARMLESS = frozenset(
    {
        Reason.SIGNER_UNKNOWN,
        Reason.SIGNER_KEY,
        Reason.SIGNER_IMAGE,
        Reason.SIGNER_ROLE,
        Reason.SIGNER_PERIOD,
        Reason.DUPLICATE,
    }
)
"""What may be said of a good signature that does not count; anything else is a bad one (S17)."""


@attrs.frozen
class Purpose:
    """What a signature is wanted for (S4)."""

    image: str | None = None
    """Name of the manifest; without one the signers' images are not asked."""
    role: str = "manifest"


ANY_IMAGE = Purpose()


@attrs.frozen
class _Anchor:
    """A certificate, and the signers of the policy whose keys it holds."""

    certificate: Certificate
    signers: tuple[Signer, ...]


def judge(
    content: Content,
    signatures: bytes,
    policy: Policy,
    *,
    now: int,
    purpose: Purpose = ANY_IMAGE,
    opinion: Opinion | None = None,
) -> Verdict:
    """Say whether enough signers of `policy` signed exactly `content`.

    `now` is in Unix seconds.  An `opinion` must agree with every acceptance.
    """
    anchors, rejected = _anchors(policy)
    try:
        found = detached.read(signatures)
    except SignatureError as error:
        return refused(policy, *rejected, Rejected.of(error))
    content.expect(each for each in found if _is_hashed(each))
    accepted: dict[bytes, Accepted] = {}
    warnings: list[Warned] = []
    for each in found:
        if isinstance(each, Rejected):
            rejected.append(each)
            continue
        try:
            maker = _maker(each, content, anchors, now)
            _admit(maker, anchors[maker.primary].signers, policy, now, purpose)
            primary = maker.certificate.primary
            if primary.numbers in accepted:
                raise refuse(Reason.DUPLICATE, f"signer {maker.primary} already counts")
            warnings += confirm(opinion, maker, content, at=now)
        except SignatureError as error:
            rejected.append(Rejected.of(error))
        else:
            accepted[primary.numbers] = maker.accepted
            warnings += outlook.warnings(maker, now)
    is_spoilt = policy.strict_all and any(each.reason not in HARMLESS for each in rejected)
    return Verdict(
        accepted=tuple(accepted.values()),
        rejected=tuple(rejected),
        threshold=policy.threshold,
        valid=len(accepted) >= policy.threshold and not is_spoilt,
        warnings=tuple(warnings),
    )


def refused(policy: Policy, *rejected: Rejected) -> Verdict:
    """Return the verdict where there are no signatures to judge."""
    return Verdict((), rejected, policy.threshold, valid=False)


def _anchors(policy: Policy) -> tuple[dict[str, _Anchor], list[Rejected]]:
    """Return the usable certificates by primary fingerprint, and the findings on the others.

    What several signers' files say of one certificate is joined, so that a revocation in
    any of them counts.
    """
    groups: dict[str, Group] = {}
    signers: dict[str, tuple[Signer, ...]] = {}
    rejected: list[Rejected] = []
    for signer in policy.signers:
        try:
            primary, group = _group(signer)
        except SignatureError as error:
            rejected.append(_about(signer, error))
        else:
            groups[primary] = keyring.join(groups.get(primary, ()), group)
            signers[primary] = (*signers.get(primary, ()), signer)
    anchors: dict[str, _Anchor] = {}
    for primary, group in groups.items():
        try:
            anchors[primary] = _Anchor(assembly.assemble(group), signers[primary])
        except SignatureError as error:
            rejected += (_about(signer, error) for signer in signers[primary])
    return anchors, rejected


def _group(signer: Signer) -> tuple[str, Group]:
    if signer.unread is not None:
        raise refuse(Reason.UNREADABLE, signer.unread)
    return keyring.choose(keyring.index(signer.certificate), signer.pin)


def _about(signer: Signer, error: SignatureError) -> Rejected:
    problem = Rejected.of(error)
    return Rejected(problem.reason, f"signer {signer.fingerprint}: {problem.detail}")


def _is_hashed(found: Signature | Rejected) -> TypeGuard[Signature]:
    """Say whether the document's digest will be needed."""
    return isinstance(found, Signature) and found.hash_algorithm in STRONG_HASHES


def _maker(sig: Signature, content: Content, anchors: dict[str, _Anchor], now: int) -> Maker:
    certificates = [each.certificate for each in anchors.values()]
    return attribution.attribute(sig, content, certificates, kind=Type.BINARY, now=now)


def _admit(
    maker: Maker, signers: tuple[Signer, ...], policy: Policy, now: int, purpose: Purpose
) -> None:
    """Refuse a good signature that the policy does not let count (S3, S4, S11)."""
    covering = [each for each in signers if each.pin.covers(maker.primary, maker.key.fingerprint)]
    if not covering:
        detail = f"signature by key {maker.key.fingerprint}, which is not pinned"
        raise refuse(Reason.SIGNER_KEY, detail)
    problems = [_scope_problem(maker, signer, now, purpose) for signer in covering]
    if problems[0] is not None and all(problems):
        raise refuse(Reason(problems[0].reason), problems[0].detail)
    for key in (maker.certificate.primary, maker.key):
        if ALGORITHMS[key.algorithm] == "RSA" and key.bits < policy.min_rsa_bits:
            detail = f"key {key.fingerprint}: RSA of {key.bits} bits, "
            raise refuse(Reason.KEY_WEAK, f"{detail}the policy asks for {policy.min_rsa_bits}")


def _scope_problem(maker: Maker, signer: Signer, now: int, purpose: Purpose) -> Rejected | None:
    who, signed = f"signer {signer.fingerprint}", maker.signature.created
    if purpose.image is not None and not signer.covers(purpose.image):
        return Rejected(Reason.SIGNER_IMAGE, f"{who} may not sign for {purpose.image!r}")
    if purpose.role not in signer.roles:
        return Rejected(Reason.SIGNER_ROLE, f"{who} does not have the role {purpose.role!r}")
    if signer.not_before is not None and signed < signer.not_before:
        detail = f"{who} counts from {rfc3339(signer.not_before)} on only"
        return Rejected(Reason.SIGNER_PERIOD, detail)
    if signer.not_after is not None and max(now, signed) > signer.not_after:
        detail = f"{who} counts until {rfc3339(signer.not_after)} only"
        return Rejected(Reason.SIGNER_PERIOD, detail)
    return None
