"""What an apt archive signed: InRelease, or Release with Release.gpg (openpgp.md S30, S31).

The rules are those for manifests; only the signers differ, who are pinned by
the fingerprints of their primary keys while their certificates may come from
anywhere.  What the text says, and whether it is fresh, is left to `sources`.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import assembly, attribution, cleartext, detached, keyring
from imagesmith.trust.attribution import Maker
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.content import Content
from imagesmith.trust.keyring import Keyring
from imagesmith.trust.opinion import Opinion, confirm
from imagesmith.trust.pin import Pin
from imagesmith.trust.signature import Signature, Type
from imagesmith.trust.verdict import Accepted, Reason, Rejected, refuse


@attrs.frozen
class ReleaseFile:
    """A release file as it lies in an archive; nothing about it is verified."""

    octets: bytes
    """Of InRelease, or of Release."""
    signature: bytes | None = None
    """Of Release.gpg, which goes with Release only."""


@attrs.frozen(kw_only=True)
class Anchors:
    """Whose signatures on an archive count, and as of when."""

    certificates: tuple[bytes, ...]
    """Certificate files; what several of them say of one key is joined."""
    fingerprints: tuple[str, ...]
    """Of the pinned primary keys; with a final `!`, of exactly one key (S3)."""
    now: int
    at: int | None = None
    """When keys are judged if not now: the date of a release file that is replayed."""
    opinion: Opinion | None = None
    """Who must agree with every acceptance."""

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Return the keys that are meant, each once."""
        return tuple(dict.fromkeys(map(Pin.parse, self.fingerprints)))


@attrs.frozen
class SignedText:
    """A text somebody pinned has signed."""

    text: bytes
    """Only octets that are signed."""
    signers: tuple[Accepted, ...]
    """Every pinned key whose signature is good, in the order of the file; at least one."""
    certificates: bytes = attrs.field(repr=False)
    """Those of the signers, as they were judged: binary, sorted by primary fingerprint."""
    lapsed: tuple[tuple[str, str], ...] = ()
    """Signers who would not be accepted today, by primary fingerprint, and why."""


@attrs.frozen
class _Parts:
    """A release file taken apart."""

    text: bytes
    signed: bytes
    """What is hashed."""
    signatures: tuple[Signature | Rejected, ...]
    kind: Type

    @property
    def issuers(self) -> tuple[str, ...]:
        """The fingerprints, or else ids, of the keys that the signatures name."""
        read = (each for each in self.signatures if isinstance(each, Signature))
        return tuple(n for each in read for n in each.issuer_fingerprints or each.issuer_ids)


def verify(file: ReleaseFile, anchors: Anchors, *, document: str) -> SignedText:
    """Return the text of a release file that one of the pinned keys signed."""
    try:
        parts = _parts(file)
    except SignatureError as error:
        raise _failure(document, [Rejected.of(error)]) from error
    ring = keyring.collect(anchors.certificates)
    pinned, rejected = _pinned(ring, anchors.pins)
    makers, others = _attribute(parts, pinned, anchors)
    if not makers:
        hint = _hint(parts, ring, pinned, others)
        raise _failure(document, [*rejected, *others], hint=hint)
    today = ((each.primary, attribution.problem_at(each, anchors.now)) for each in makers)
    return SignedText(
        text=parts.text,
        signers=tuple(each.accepted for each in makers),
        certificates=ring.export(each.primary for each in makers),
        lapsed=tuple((primary, str(problem)) for primary, problem in today if problem is not None),
    )


def signers_of(
    file: ReleaseFile, certificates: tuple[bytes, ...], *, now: int
) -> tuple[Accepted, ...]:
    """Return whose keys among `certificates` signed a release file, for a person to review."""
    parts = _parts(file)
    ring = keyring.collect(certificates)
    holding = ring.holding(parts.issuers)
    anchors = Anchors(certificates=certificates, fingerprints=holding, now=now)
    candidates, _rejected = _pinned(ring, anchors.pins)
    makers, _others = _attribute(parts, candidates, anchors)
    return tuple(each.accepted for each in makers)


def _parts(file: ReleaseFile) -> _Parts:
    if file.signature is not None:
        signatures = detached.read(file.signature)
        return _Parts(file.octets, file.octets, signatures, Type.BINARY)
    message = cleartext.split(file.octets)
    return _Parts(message.text, message.signed, detached.read(message.signature), Type.TEXT)


def _pinned(
    ring: Keyring,
    pins: Iterable[Pin],
) -> tuple[tuple[Certificate, ...], tuple[Rejected, ...]]:
    """Return the usable certificates of the pinned keys, and the findings on the others."""
    usable: dict[str, Certificate] = {}
    rejected = list(ring.rejected)
    for pin in pins:
        try:
            primary, group = keyring.choose(ring.groups, pin)
            usable[primary] = assembly.assemble(group)
        except SignatureError as error:
            problem = Rejected.of(error)
            detail = f"archive key {pin}: {problem.detail}"
            rejected.append(Rejected(problem.reason, detail))
    return tuple(usable.values()), tuple(rejected)


def _attribute(
    parts: _Parts, certificates: tuple[Certificate, ...], anchors: Anchors
) -> tuple[tuple[Maker, ...], tuple[Rejected, ...]]:
    content = Content.of(parts.signed)
    judged = anchors.now if anchors.at is None else anchors.at
    accepted: dict[str, Maker] = {}
    rejected: list[Rejected] = []
    for each in parts.signatures:
        if isinstance(each, Rejected):
            rejected.append(each)
            continue
        try:
            maker = attribution.attribute(
                each, content, certificates, kind=parts.kind, now=anchors.now, at=anchors.at
            )
            _admit(maker, anchors.pins)
            confirm(anchors.opinion, maker, content, at=judged)
        except SignatureError as error:
            rejected.append(Rejected.of(error))
        else:
            accepted.setdefault(maker.primary, maker)
    return tuple(accepted.values()), tuple(rejected)


def _admit(maker: Maker, pins: tuple[Pin, ...]) -> None:
    if not any(pin.covers(maker.primary, maker.key.fingerprint) for pin in pins):
        detail = f"signature by key {maker.key.fingerprint}, which is not pinned"
        raise refuse(Reason.SIGNER_KEY, detail)


def _hint(
    parts: _Parts,
    ring: Keyring,
    pinned: tuple[Certificate, ...],
    rejected: tuple[Rejected, ...],
) -> str | None:
    """Name the keys that signed and are not pinned, unless those that are explain it."""
    reasons = {each.reason for each in rejected}
    if Reason.SIG_FUTURE in reasons:
        return "check this machine's clock (date -u)"
    if not pinned:
        found = "no usable certificate of a pinned key is at hand"
        return f"{found}: install debian-archive-keyring, or name a keyring with --keyring FILE"
    if Reason.SIG_BAD in reasons:
        return None
    known = [key.fingerprint for each in pinned for key in each.keys]
    strangers = [
        primary
        for name in parts.issuers
        if not any(fingerprint.endswith(name) for fingerprint in known)
        for primary in ring.holding([name]) or [name]
    ]
    if not strangers:
        return None
    names = ", ".join(dict.fromkeys(strangers))
    return f"it names {names}; if the archive has a new key, review it and add it to signed-by"


def _failure(
    document: str, rejected: Iterable[Rejected], *, hint: str | None = None
) -> SignatureError:
    return SignatureError(
        document=document,
        problem="not signed by any of the pinned archive keys",
        reasons=tuple(str(each) for each in rejected),
        hint=hint,
    )
