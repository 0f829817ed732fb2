"""What an apt archive signed: InRelease, or Release with Release.gpg (openpgp.md S30, S31).

The rules are those for manifests; only the signers differ, who are pinned by
the fingerprints of their primary keys while their certificates may come from
anywhere.  What the text says, and whether it is fresh, is left to `sources`.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import attribution, certificate, cleartext, detached, keyring
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.cleartext import Cleartext
from imagesmith.trust.keyring import Keyring
from imagesmith.trust.signature import Signature, Type
from imagesmith.trust.verdict import Accepted, Reason, Rejected, refuse


@attrs.frozen
class SignedText:
    """A text somebody pinned has signed."""

    text: bytes
    """Only octets that are signed."""
    signers: tuple[Accepted, ...]
    """Every pinned key whose signature is good, in the order of the file; at least one."""


def verify_inrelease(
    inrelease: bytes,
    *,
    certificates: tuple[bytes, ...],
    fingerprints: tuple[str, ...],
    now: int,
    document: str,
) -> SignedText:
    """Return the text of an InRelease file that one of `fingerprints` signed."""
    try:
        message = cleartext.split(inrelease)
        found = _read_block(message)
    except SignatureError as error:
        raise _failure(document, [Rejected.of(error)]) from error
    pinned, rejected = _pinned(keyring.collect(certificates), fingerprints)
    accepted, others = _attribute(found, message.signed, pinned, Type.TEXT, now)
    if not accepted:
        raise _failure(document, [*rejected, *others])
    return SignedText(message.text, accepted)


def verify_release(
    release: bytes,
    signature: bytes,
    *,
    certificates: tuple[bytes, ...],
    fingerprints: tuple[str, ...],
    now: int,
    document: str,
) -> SignedText:
    """Return a Release file that one of `fingerprints` signed in Release.gpg."""
    try:
        found = detached.read(signature)
    except SignatureError as error:
        raise _failure(document, [Rejected.of(error)]) from error
    pinned, rejected = _pinned(keyring.collect(certificates), fingerprints)
    accepted, others = _attribute(found, release, pinned, Type.BINARY, now)
    if not accepted:
        raise _failure(document, [*rejected, *others])
    return SignedText(release, accepted)


def signers_of(
    inrelease: bytes,
    certificates: tuple[bytes, ...],
    *,
    now: int,
) -> tuple[Accepted, ...]:
    """Return whose keys among `certificates` signed an InRelease file, for a person to review."""
    message = cleartext.split(inrelease)
    found = _read_block(message)
    names = [
        name
        for each in found
        if isinstance(each, Signature)
        for name in each.issuer_fingerprints or each.issuer_ids
    ]
    ring = keyring.collect(certificates)
    candidates, _rejected = _pinned(ring, ring.holding(names))
    accepted, _others = _attribute(found, message.signed, candidates, Type.TEXT, now)
    return accepted


def _read_block(message: Cleartext) -> tuple[Signature | Rejected, ...]:
    return detached.read(message.signature)


def _pinned(
    ring: Keyring,
    fingerprints: Iterable[str],
) -> tuple[tuple[Certificate, ...], tuple[Rejected, ...]]:
    """Return the usable certificates of the pinned keys, and the findings on the others."""
    usable: list[Certificate] = []
    rejected = list(ring.rejected)
    for fingerprint in dict.fromkeys(each.lower() for each in fingerprints):
        group = ring.groups.get(fingerprint)
        try:
            if group is None:
                raise refuse(Reason.CERT_MISMATCH, "no certificate of this key is at hand")
            usable.append(certificate.assemble(group))
        except SignatureError as error:
            problem = Rejected.of(error)
            detail = f"archive key {fingerprint}: {problem.detail}"
            rejected.append(Rejected(problem.reason, detail))
    return tuple(usable), tuple(rejected)


def _attribute(
    found: tuple[Signature | Rejected, ...],
    content: bytes,
    certificates: tuple[Certificate, ...],
    kind: Type,
    now: int,
) -> tuple[tuple[Accepted, ...], tuple[Rejected, ...]]:
    accepted: dict[str, Accepted] = {}
    rejected: list[Rejected] = []
    for each in found:
        if isinstance(each, Rejected):
            rejected.append(each)
            continue
        try:
            maker = attribution.attribute(each, content, certificates, kind=kind, now=now)
        except SignatureError as error:
            rejected.append(Rejected.of(error))
        else:
            accepted.setdefault(maker.primary, maker)
    return tuple(accepted.values()), tuple(rejected)


def _failure(document: str, rejected: Iterable[Rejected]) -> SignatureError:
    return SignatureError(
        document=document,
        problem="not signed by any of the pinned archive keys",
        reasons=tuple(str(each) for each in rejected),
    )
