"""The archive chain, replayed: from the keys a manifest pins to the digest of every artefact.

For each source: a pinned key signed the recorded release file; the release file
names the recorded indices; the kept stanzas stand in these; and every pin is one of
the stanzas.  Keys are judged at the date of the release file, because an archive
changes its keys and what they signed stays signed; a key that was compromised
counts for no time (openpgp.md S22).  Everything is computed anew from the evidence;
nothing that was derived, not even by the `lock` that kept the evidence, is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagesmith.audit.problem import Problem
from imagesmith.build import releases, stanzas
from imagesmith.build.effects import Effects
from imagesmith.build.evidence import Recorded
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.moment import rfc3339
from imagesmith.sources.debian import release
from imagesmith.sources.debian.release import Release
from imagesmith.trust import archive, keyring
from imagesmith.trust.archive import Anchors, ReleaseFile, SignedText


@attrs.frozen(kw_only=True)
class Signer:
    """A pinned key that signed a release file."""

    primary: str
    key: str
    """The primary key or the subkey that signed."""
    created: int
    """When it signed, in seconds since 1970."""
    lapsed: str
    """Why it would not be accepted today, or empty."""


@attrs.frozen(kw_only=True)
class Chain:
    """What the archive of one source vouches for."""

    source: str
    suite: str
    origin: str
    codename: str
    date: int
    """Of the release file, seconds since 1970."""
    signers: tuple[Signer, ...]
    artefacts: int
    """How many pins are proven by it, counted by architecture."""
    notes: tuple[str, ...]
    """What is worth knowing and proves nothing wrong."""


@attrs.frozen(kw_only=True)
class Replay:
    """The chains of a manifest, and everything that is wrong with them."""

    chains: tuple[Chain, ...]
    problems: tuple[Problem, ...]


def replay(manifest: Manifest, effects: Effects) -> Replay:
    """Prove every pin of `manifest` from the evidence it names, or say what is not proven."""
    chains: list[Chain] = []
    problems: list[Problem] = []
    wanted = stanzas.wanted(manifest)
    for name, evidence in manifest.sources:
        source = Recorded(name, evidence, effects)
        found = _release(source)
        if found is not None:
            proven = stanzas.prove(source, found[1], wanted.get(name, {}))
            chains.append(_chain(source, *found, proven))
        problems += source.problems
    return Replay(chains=tuple(chains), problems=tuple(sorted(set(problems))))


def _release(source: Recorded) -> tuple[SignedText, Release] | None:
    """Verify the recorded release file and hold it against what is recorded of it."""
    with source.noting("release", "evidence"):
        file = source.release_file()
        document = releases.path(source.evidence.source.suite, file)
        certificates = source.certificates()
        anchors = _anchors(source, certificates)
        with source.noting("release", "release"):
            text = archive.verify(file, anchors, document=document)
            found = release.parse(text.text, document=document)
            _compare(source, found, document)
            _compare_signers(source, file, text, anchors)
            return text, found
        if certificates is None:
            problem = f"{source.evidence.certificates} is not in the store, and no keyring will do"
            source.wrong("certificates", "evidence", problem)
    return None


def _anchors(source: Recorded, certificates: bytes | None) -> Anchors:
    """Join the kept certificates with this host's, where a later revocation is to be found."""
    evidence, effects = source.evidence, source.effects
    if certificates is None:
        source.notes.append(
            f"certificates {evidence.certificates} are not in the store; "
            "the keyrings of this host have these keys"
        )
    return Anchors(
        certificates=(*(() if certificates is None else (certificates,)), *effects.certificates),
        fingerprints=evidence.source.signed_by,
        now=effects.now,
        at=evidence.date,
        opinion=effects.opinion,
    )


def _compare(source: Recorded, found: Release, document: str) -> None:
    """Hold a release file against the suite asked for and what the manifest says of it."""
    recorded = source.evidence
    with source.noting("suite", "release"):
        judged_at = min(source.effects.now, found.date)  # Valid-Until was judged by lock
        release.check(found, suite=recorded.source.suite, now=judged_at, document=document)
    for key, expected, got in (
        ("origin", recorded.origin, found.origin),
        ("codename", recorded.codename, found.codename),
        ("date", rfc3339(recorded.date), rfc3339(found.date)),
    ):
        if expected != got:
            source.wrong(key, "release", f"expected {expected}, {document} says {got}")


def _compare_signers(
    source: Recorded, file: ReleaseFile, text: SignedText, anchors: Anchors
) -> None:
    """Find recorded signers whose signature is not good, each with the reason."""
    good = {each.primary for each in text.signers}
    for fingerprint in source.evidence.signers:
        if fingerprint not in good:
            with source.noting("signers", "release"):
                alone = attrs.evolve(anchors, fingerprints=(fingerprint,))
                archive.verify(file, alone, document=fingerprint)
                source.wrong("signers", "release", f"{fingerprint}: not in signed-by")


def _chain(source: Recorded, text: SignedText, found: Release, proven: int) -> Chain:
    lapsed = dict(text.lapsed)
    signers = (
        Signer(
            primary=each.primary,
            key=each.key,
            created=each.created,
            lapsed=lapsed.get(each.primary, ""),
        )
        for each in text.signers
    )
    return Chain(
        source=source.name,
        suite=source.evidence.source.suite,
        origin=found.origin,
        codename=found.codename,
        date=found.date,
        signers=tuple(signers),
        artefacts=proven,
        notes=(*source.notes, *_strangers(text, source.effects.certificates)),
    )


def _strangers(text: SignedText, certificates: tuple[bytes, ...]) -> Iterator[str]:
    """Say which signers nobody but the manifest knows as keys of this archive."""
    known = keyring.collect(certificates).groups
    for signer in text.signers:
        if signer.primary not in known:
            yield f"{signer.primary} is in no keyring of this host: only the manifest names it"
