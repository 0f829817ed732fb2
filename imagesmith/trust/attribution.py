"""Who made a signature: the rules for one document signature (openpgp.md S10-S18).

Given the certificates that may be asked, the answer is a `Maker` whose key was
allowed to sign both when the signature says it was made and when it is judged,
which is now unless said otherwise, or the first rule it breaks.  Whether anybody
asked knows the signer comes first: what a stranger's signature is worth does not
matter.  Which certificates may be asked, and how many answers are enough, is
left to `judge` and `archive`.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from imagesmith.errors import SignatureError
from imagesmith.model.moment import rfc3339
from imagesmith.trust import cutoffs, keys, signature, validity
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.content import Content
from imagesmith.trust.keypacket import ALGORITHMS, PublicKey
from imagesmith.trust.signature import STRONG_HASHES, Signature, Type
from imagesmith.trust.verdict import Accepted, Reason, Rejected, refuse

CLOCK_SKEW = 30 * 60
"""Seconds a signature may lie in the future (S12)."""


@attrs.frozen(kw_only=True)
class Maker:
    """Whose signature it is, as the certificate shows it."""

    certificate: Certificate
    key: PublicKey
    """The primary key, or the subkey that signed."""
    signature: Signature

    @property
    def primary(self) -> str:
        """Return the fingerprint of the primary key."""
        return self.certificate.primary.fingerprint

    @property
    def accepted(self) -> Accepted:
        """Return what a verdict says of it."""
        return Accepted(
            primary=self.primary,
            key=self.key.fingerprint,
            created=self.signature.created,
            hash=STRONG_HASHES[self.signature.hash_algorithm],
            algorithm=ALGORITHMS[self.key.algorithm],
        )


def attribute(
    sig: Signature,
    content: Content,
    certificates: Iterable[Certificate],
    *,
    kind: Type,
    now: int,
    at: int | None = None,
) -> Maker:
    """Return whose signature of `content` this is; SignatureError names the rule it breaks.

    Keys, and the end of the signature's life, are judged at `at`, by default `now`, or when
    the signature was made if that is later; only whether it is made in the future asks `now`.
    """
    candidates = _candidates(sig, certificates)
    _check_form(sig, kind)
    if sig.created > now + CLOCK_SKEW:
        detail = f"signature is made at {rfc3339(sig.created)}, now is {rfc3339(now)}"
        raise refuse(Reason.SIG_FUTURE, detail)
    maker = _maker(sig, content, candidates)
    problem = problem_at(maker, max(now if at is None else at, sig.created))
    if problem is not None:
        raise refuse(Reason(problem.reason), problem.detail)
    return maker


def problem_at(maker: Maker, at: int) -> Rejected | None:
    """Return why a genuine signature does not count at `at`, or None (S12, S18).

    Its key is judged when it signed, and then.
    """
    sig, key = maker.signature, maker.key
    if sig.expires is not None and sig.expires <= at:
        detail = f"signature expired at {rfc3339(sig.expires)}, judged at {rfc3339(at)}"
        return Rejected(Reason.SIG_EXPIRED, detail)
    if sig.created < key.created:
        return Rejected(Reason.SIG_BEFORE_KEY, "signature is older than its key")
    return (
        validity.signing_problem(
            maker.certificate, key, sig.created, expired=Reason.KEY_EXPIRED_AT_SIG
        )
        or validity.signing_problem(maker.certificate, key, at)
        or cutoffs.problem(maker.certificate.primary, at)
        or cutoffs.problem(key, at)
    )


def _check_form(sig: Signature, kind: Type) -> None:
    if sig.type != kind:
        raise refuse(Reason.SIG_TYPE, f"signature of type 0x{sig.type:02x}, not 0x{kind:02x}")
    if sig.hash_algorithm not in STRONG_HASHES:
        name = signature.HASHES.get(sig.hash_algorithm, f"hash {sig.hash_algorithm}").upper()
        raise refuse(Reason.SIG_HASH_WEAK, f"{name} is not accepted")
    if sig.key_algorithm not in ALGORITHMS:
        detail = f"public-key algorithm {sig.key_algorithm} is not accepted"
        raise refuse(Reason.SIG_ALGORITHM, detail)
    problem = sig.critical_problem()
    if problem is not None:
        raise refuse(Reason(problem.reason), problem.detail)


def _candidates(
    sig: Signature,
    certificates: Iterable[Certificate],
) -> list[tuple[Certificate, PublicKey]]:
    """Return the keys the signature names; refuse when there is none (S15)."""
    if sig.is_anonymous:
        raise refuse(Reason.SIG_NO_ISSUER, "signature does not say which key made it")
    named = [
        (certificate, key)
        for certificate in certificates
        for key in certificate.keys
        if sig.names(key.fingerprint)
    ]
    if not named:
        issuer = (sig.issuer_fingerprints or sig.issuer_ids)[0]
        raise refuse(Reason.SIGNER_UNKNOWN, f"no certificate of a known signer holds key {issuer}")
    matching = [each for each in named if each[1].algorithm == sig.key_algorithm]
    if not matching:
        raise refuse(Reason.SIG_ALGORITHM, "signature names another algorithm than its key's")
    return matching


def _maker(
    sig: Signature,
    content: Content,
    candidates: list[tuple[Certificate, PublicKey]],
) -> Maker:
    """Return the first candidate whose key made the signature (key ids may collide, S15)."""
    digest = content.digest(sig)
    assert digest is not None  # the form allows only hashes that can be computed
    mismatch = refuse(Reason.SIG_BAD, "signature does not match the document")
    if digest[:2] != sig.left:
        raise mismatch
    refusal: SignatureError | None = None
    for certificate, key in candidates:
        try:
            if keys.verify(key, sig.hash_algorithm, digest, sig.material):
                return Maker(certificate=certificate, key=key, signature=sig)
        except SignatureError as error:
            refusal = refusal or error
    raise refusal or mismatch
