"""What is accepted today and would not be a year from now (openpgp.md S23, S28).

An accepted signature is judged once more as of a year later, the way apt tries its
policy ahead of time, so that people extend keys and sign again before something
fails.  What the certificate says about revokers is told here too: it is not
evaluated, and somebody should look.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagesmith.model.moment import rfc3339
from imagesmith.trust import cutoffs, validity
from imagesmith.trust.attribution import Maker, problem_at
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.keypacket import PublicKey
from imagesmith.trust.verdict import Reason, Warned

YEAR = 365 * 24 * 3600


def warnings(maker: Maker, now: int) -> tuple[Warned, ...]:
    """Return what people should know about an accepted signature, each thing once."""
    keys = dict.fromkeys((maker.certificate.primary, maker.key))
    found = [
        *_signature_end(maker, now + YEAR),
        *(each for key in keys for each in _key_end(maker.certificate, key, now)),
    ]
    later = problem_at(maker, now + YEAR)
    if later is not None and later.reason not in {each.reason for each in found}:
        found.append(Warned(later.reason, f"within a year: {later.detail}"))
    return (*found, *_revokers(maker.certificate))


def _signature_end(maker: Maker, horizon: int) -> Iterator[Warned]:
    end = maker.signature.expires
    if end is not None and end <= horizon:
        detail = f"the signature by key {maker.key.fingerprint} expires at {rfc3339(end)}"
        yield Warned(Reason.SIG_EXPIRED, detail)


def _key_end(certificate: Certificate, key: PublicKey, now: int) -> Iterator[Warned]:
    """Say when the key expires, as far as anybody knows today, and what cuts it off later."""
    end = validity.expiry(certificate, key, now)
    if end is not None and end <= now + YEAR:
        yield Warned(Reason.KEY_EXPIRED, f"key {key.fingerprint} expires at {rfc3339(end)}")
    cutoff = cutoffs.following(key)
    if cutoff is not None:
        yield Warned(Reason.KEY_WEAK, cutoffs.detail(key, cutoff))


def _revokers(certificate: Certificate) -> Iterator[Warned]:
    who = certificate.primary.fingerprint
    if certificate.revokers:
        others = ", ".join(certificate.revokers)
        detail = f"key {who} may be revoked by {others}, which is not evaluated"
        yield Warned(Reason.CERT_DESIGNATED_REVOKER, detail)
    if certificate.foreign_revocations:
        count = certificate.foreign_revocations
        detail = f"key {who}: {count} revocations by whom it designates are not evaluated"
        yield Warned(Reason.CERT_DESIGNATED_REVOKER, detail)
