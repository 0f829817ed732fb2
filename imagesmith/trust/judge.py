"""The verdict on a document: its signatures, a policy and a time (openpgp.md S1-S4, S17, S25).

`judge` is total: hostile octets give findings, never an exception.  One valid
signature cannot be spoilt by others that fail.  The threshold counts distinct
primary keys, and a subkey that several certificates share speaks for the first
of them only, so no holder of one key can reach it alone.
"""

from __future__ import annotations

from imagesmith.errors import SignatureError
from imagesmith.trust import attribution, detached, keyring
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.policy import Policy, Signer
from imagesmith.trust.signature import Signature, Type
from imagesmith.trust.verdict import Accepted, Reason, Rejected, Verdict, refuse

__all__ = ["Accepted", "Rejected", "Verdict", "judge"]

MAX_DOCUMENT = 16 << 20
"""Octets of a document (openpgp.md S2)."""

_Anchors = dict[str, tuple[Signer, Certificate]]


def judge(
    document: bytes,
    signatures: bytes,
    policy: Policy,
    *,
    now: int,
    image: str | None = None,
    role: str = "manifest",
) -> Verdict:
    """Say whether enough signers of `policy` signed exactly `document`.

    `now` is in Unix seconds.  Without `image` the signers' images are not asked.
    """
    anchors, rejected = _anchors(policy)
    accepted: list[Accepted] = []
    try:
        if len(document) > MAX_DOCUMENT:
            raise refuse(Reason.LIMIT, f"document is larger than {MAX_DOCUMENT} octets")
        found = detached.read(signatures)
    except SignatureError as error:
        return Verdict((), (*rejected, Rejected.of(error)), policy.threshold, valid=False)
    for each in found:
        outcome = _outcome(each, document, anchors, now)
        if isinstance(outcome, Accepted):
            outcome = _in_scope(outcome, anchors[outcome.primary][0], now, image, role)
        if isinstance(outcome, Rejected):
            rejected.append(outcome)
        elif any(outcome.primary == other.primary for other in accepted):
            detail = f"signer {outcome.primary} already counts"
            rejected.append(Rejected(Reason.DUPLICATE, detail))
        else:
            accepted.append(outcome)
    valid = len(accepted) >= policy.threshold
    return Verdict(tuple(accepted), tuple(rejected), policy.threshold, valid)


def _anchors(policy: Policy) -> tuple[_Anchors, list[Rejected]]:
    """Return the usable certificates by primary fingerprint, and the findings on the others."""
    anchors: _Anchors = {}
    rejected = []
    for signer in policy.signers:
        try:
            found = keyring.find(signer.certificate, signer.fingerprint)
        except SignatureError as error:
            problem = Rejected.of(error)
            detail = f"signer {signer.fingerprint}: {problem.detail}"
            rejected.append(Rejected(problem.reason, detail))
        else:
            anchors[signer.fingerprint] = (signer, found)
    return anchors, rejected


def _outcome(
    found: Signature | Rejected,
    document: bytes,
    anchors: _Anchors,
    now: int,
) -> Accepted | Rejected:
    if isinstance(found, Rejected):
        return found
    certificates = [each for _signer, each in anchors.values()]
    try:
        return attribution.attribute(found, document, certificates, kind=Type.BINARY, now=now)
    except SignatureError as error:
        return Rejected.of(error)


def _in_scope(
    found: Accepted,
    signer: Signer,
    now: int,
    image: str | None,
    role: str,
) -> Accepted | Rejected:
    """Apply what the policy allows this signer (S4)."""
    who = f"signer {signer.fingerprint}"
    if image is not None and not signer.covers(image):
        return Rejected(Reason.SIGNER_IMAGE, f"{who} may not sign for {image!r}")
    if role not in signer.roles:
        return Rejected(Reason.SIGNER_ROLE, f"{who} does not have the role {role!r}")
    if signer.not_before is not None and found.created < signer.not_before:
        return Rejected(Reason.SIGNER_PERIOD, f"{who} counts from {signer.not_before} on only")
    if signer.not_after is not None and max(now, found.created) > signer.not_after:
        return Rejected(Reason.SIGNER_PERIOD, f"{who} counts until {signer.not_after} only")
    return found
