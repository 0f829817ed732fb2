"""A source's release file: fetched, verified, compared with what was known, kept as evidence.

InRelease where a mirror has it, or else Release with Release.gpg.  What a previous
manifest recorded is used again; what is fetched must not be older than what the
manifest or this store has seen (openpgp.md S31).  The indices a release file names
are left to `indices`.
"""

from __future__ import annotations

from functools import partial

import attrs

from imagesmith.build import acquire, seen
from imagesmith.build.effects import Effects
from imagesmith.build.seen import Sighting
from imagesmith.errors import IntegrityError, NetworkError, SignatureError
from imagesmith.manifest.pins import Evidence
from imagesmith.manifest.recipe import DebianSource
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.sources.debian import release
from imagesmith.sources.debian.release import Release
from imagesmith.store import Store
from imagesmith.trust import archive, keyring
from imagesmith.trust.archive import Anchors, ReleaseFile, SignedText

MAX_RELEASE = 16 * 1024 * 1024
MAX_SIGNATURE = 64 * 1024


@attrs.frozen(kw_only=True)
class Known:
    """What a source's release file is held against, and how strictly."""

    evidence: Evidence | None
    """What an earlier manifest recorded of the same source."""
    update: bool = False
    """Whether a newer release file, or another archive's, is asked for."""
    rollback: bool = False
    """Whether an older one is accepted."""


@attrs.frozen(kw_only=True)
class Signed:
    """A release file whose signature was verified, and the evidence to keep of it."""

    name: str
    release: Release
    evidence: Evidence
    """Without indices: which are used shows later."""
    sighting: Sighting | None = None
    """What to remember of one that was fetched, once it was relied on."""


def signed(name: str, source: DebianSource, known: Known, effects: Effects) -> Signed:
    """Return the release file of a source: the recorded one if the store has it, or a fresh one.

    Where a rollback is accepted, mirrors that are not behind still come first.
    """
    if known.evidence is not None and not known.update:
        found = _recorded(name, known.evidence, effects)
        if found is not None:
            return found

    def attempt(base: str, *, rollback: bool) -> Signed:
        file = fetch(base, source.suite, effects)
        return _fetched(name, source, file, attrs.evolve(known, rollback=rollback), effects)

    suite, where = source.suite, path(source.suite)
    try:
        return acquire.first_mirror(where, suite, partial(attempt, rollback=False), effects)
    except SignatureError:
        if not known.rollback:
            raise
    return acquire.first_mirror(where, suite, partial(attempt, rollback=True), effects)


def path(suite: str, file: ReleaseFile | None = None) -> str:
    """Return where a suite's release file lies below a mirror; InRelease is looked for first."""
    detached = file is not None and file.signature is not None
    return f"dists/{suite}/{'Release' if detached else 'InRelease'}"


def fetch(base: str, suite: str, effects: Effects) -> ReleaseFile:
    """Fetch a release file from one mirror; nothing about it is verified."""
    try:
        return ReleaseFile(read(base, path(suite), MAX_RELEASE, effects))
    except NetworkError as error:
        if error.temporary:
            raise
        try:
            octets = read(base, f"dists/{suite}/Release", MAX_RELEASE, effects)
            signature = read(base, f"dists/{suite}/Release.gpg", MAX_SIGNATURE, effects)
        except NetworkError:
            raise error from None
        return ReleaseFile(octets, signature)


def read(base: str, where: str, limit: int, effects: Effects) -> bytes:
    """Fetch a file of unknown size from one mirror."""
    if effects.stream is None:
        hint = "a release file is fetched anew on lock: run without --offline"
        problem = "not in the store, and offline"
        raise NetworkError(what=where, problem=problem, hint=hint, temporary=True)
    return b"".join(effects.stream(f"{base.rstrip('/')}/{where}", size=None, limit=limit))


def kept(digest: Digest, store: Store, *, limit: int) -> bytes | None:
    """Return evidence if the store has it undamaged; what is damaged counts as missing.

    So does what is larger than `limit`: it is not read at all.
    """
    blob = store.find(digest)
    if blob is None or blob.size > limit:
        return None
    try:
        return store.read(digest)
    except IntegrityError:  # it is set aside now
        return None


def _recorded(name: str, evidence: Evidence, effects: Effects) -> Signed | None:
    """Return the release file of an earlier lock, if the store has it and it is good today."""
    store, source, detached = effects.store, evidence.source, evidence.release_signature
    octets = kept(evidence.release, store, limit=MAX_RELEASE)
    signature = None if detached is None else kept(detached, store, limit=MAX_SIGNATURE)
    if octets is None or (signature is None) != (detached is None):
        return None
    file = ReleaseFile(octets, signature)
    known = kept(evidence.certificates, store, limit=keyring.MAX_OCTETS) or b""
    lent = attrs.evolve(effects, certificates=(known, *effects.certificates))
    try:
        text, found = _verified(source, file, lent, fresh=False)
    except SignatureError:  # a key may have expired since
        return None
    made = _evidence(source, file, text, found, effects)
    if made.signers == evidence.signers and {*made.signers} <= {*keyring.collect([known]).groups}:
        made = attrs.evolve(made, certificates=evidence.certificates)
    return Signed(name=name, release=found, evidence=made)


def _fetched(
    name: str, source: DebianSource, file: ReleaseFile, known: Known, effects: Effects
) -> Signed:
    """Accept a release file that a mirror gave, or say why not."""
    text, found = _verified(source, file, effects, fresh=True)
    document = path(source.suite, file)
    _compare(found, document, known, effects)
    sighting = Sighting(
        document=document,
        archive=(found.origin, found.label),
        suites=tuple(dict.fromkeys((found.codename or found.suite, source.suite))),
        signers=_signers(text),
        date=found.date,
        digest=Digest.of(text.text),
    )
    seen.judge(sighting, effects, rollback=known.rollback)
    evidence = _evidence(source, file, text, found, effects)
    return Signed(name=name, release=found, evidence=evidence, sighting=sighting)


def _verified(
    source: DebianSource, file: ReleaseFile, effects: Effects, *, fresh: bool
) -> tuple[SignedText, Release]:
    """Verify a release file; unless it is `fresh`, Valid-Until was judged when it was recorded."""
    document = path(source.suite, file)
    anchors = Anchors(
        certificates=effects.certificates,
        fingerprints=source.signed_by,
        now=effects.now,
        opinion=effects.opinion,
    )
    text = archive.verify(file, anchors, document=document)
    found = release.parse(text.text, document=document)
    judged_at = effects.now if fresh else min(effects.now, found.date)
    release.check(found, suite=source.suite, now=judged_at, document=document)
    return text, found


def _compare(found: Release, document: str, known: Known, effects: Effects) -> None:
    """Refuse a release file of another archive, or an older one, than the manifest's."""
    before = known.evidence
    if before is None:
        return
    if not known.update and (before.origin, before.codename) != (found.origin, found.codename):
        raise SignatureError(
            document=document,
            problem=f"is {found.origin} {found.codename}; "
            f"the manifest was locked against {before.origin} {before.codename}",
            hint="if the suite is meant to become another one: lock --update",
        )
    if found.date < before.date:
        problem = (
            f"dated {rfc3339(found.date)}, older than the one the manifest was locked against, "
            f"dated {rfc3339(before.date)}"
        )
        seen.refuse_rollback(document, problem, effects, rollback=known.rollback)


def _evidence(
    source: DebianSource, file: ReleaseFile, text: SignedText, found: Release, effects: Effects
) -> Evidence:
    """Keep what proves a release file."""
    keep = effects.store.add
    return Evidence(
        source=source,
        origin=found.origin,
        codename=found.codename,
        date=found.date,
        release=keep([file.octets]).digest,
        release_signature=None if file.signature is None else keep([file.signature]).digest,
        signers=_signers(text),
        certificates=keep([text.certificates]).digest,
        indices=(),
    )


def _signers(text: SignedText) -> tuple[str, ...]:
    return tuple(sorted({signer.primary for signer in text.signers}))
