"""Who made a signature: the rules for one document signature (openpgp.md S10-S18).

Given the certificates that may be asked, the answer is an `Accepted` whose key
was allowed to sign both when the signature says it was made and now, or the
first rule it breaks.  Which certificates may be asked, and how many answers are
enough, is left to `judge` and `archive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagesmith.errors import SignatureError
from imagesmith.trust import keys, signature, validity
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.keypacket import ALGORITHMS, PublicKey
from imagesmith.trust.signature import STRONG_HASHES, Signature, Type
from imagesmith.trust.verdict import Accepted, Reason, Rejected, refuse

CLOCK_SKEW = 30 * 60
"""Seconds a signature may lie in the future (S12)."""


def attribute(
    sig: Signature,
    content: bytes,
    certificates: Iterable[Certificate],
    *,
    kind: Type,
    now: int,
) -> Accepted:
    """Return whose signature of `content` this is; SignatureError names the rule it breaks."""
    _check_form(sig, kind)
    _check_time(sig, now)
    digest = signature.compute_digest(sig, (content,))
    assert digest is not None  # the form allows only hashes that can be computed
    if digest[:2] != sig.left:
        # Who is unknown is told so, whatever the signature is worth.
        next(_candidates(sig, certificates))
        raise refuse(Reason.SIG_BAD, "signature does not match the document")
    certificate, key = _maker(sig, digest, certificates)
    problem = _problem(certificate, key, sig, now)
    if problem is not None:
        raise refuse(Reason(problem.reason), problem.detail)
    return Accepted(
        primary=certificate.primary.fingerprint,
        key=key.fingerprint,
        created=sig.created,
        hash=STRONG_HASHES[sig.hash_algorithm],
        algorithm=ALGORITHMS[key.algorithm],
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


def _check_time(sig: Signature, now: int) -> None:
    if sig.created > now + CLOCK_SKEW:
        raise refuse(Reason.SIG_FUTURE, f"signature is made at {sig.created}, now is {now}")
    if sig.expires is not None and sig.expires <= now:
        raise refuse(Reason.SIG_EXPIRED, f"signature expired at {sig.expires}, now is {now}")


def _maker(
    sig: Signature,
    digest: bytes,
    certificates: Iterable[Certificate],
) -> tuple[Certificate, PublicKey]:
    """Return the first candidate whose key made the signature (key ids may collide, S15)."""
    refusal: SignatureError | None = None
    for certificate, key in _candidates(sig, certificates):
        try:
            if keys.verify(key, sig.hash_algorithm, digest, sig.material):
                return certificate, key
        except SignatureError as error:
            refusal = refusal or error
    raise refusal or refuse(Reason.SIG_BAD, "signature does not match the document")


def _candidates(
    sig: Signature,
    certificates: Iterable[Certificate],
) -> Iterator[tuple[Certificate, PublicKey]]:
    """Yield the keys the signature names; refuse when there is none."""
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
    yield from matching


def _problem(
    certificate: Certificate,
    key: PublicKey,
    sig: Signature,
    now: int,
) -> Rejected | None:
    """Judge the key at the signature's time and at now (S18)."""
    if sig.created < key.created:
        return Rejected(Reason.SIG_BEFORE_KEY, "signature is older than its key")
    return validity.signing_problem(
        certificate,
        key,
        sig.created,
        expired=Reason.KEY_EXPIRED_AT_SIG,
    ) or validity.signing_problem(certificate, key, max(now, sig.created))
