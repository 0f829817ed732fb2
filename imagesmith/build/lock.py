"""Locking: a recipe becomes a manifest whose expectations were met once, here.

Versions are kept while the recipe stays the same: the release files recorded in
the previous manifest are used again if the store still has them, and its
versions wherever an index still offers them.  An update lets go of both.

Where the recipe limits how long a manifest is good, the date enters the manifest, and
nothing else of the clock does: a manifest that would be the same otherwise keeps its date,
unless an update renews it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagesmith import compression
from imagesmith.build import acquire, execute, maintained, plan, providers, resolve, seen
from imagesmith.build.effects import Effects
from imagesmith.build.results import Built
from imagesmith.errors import (
    ClosureIncomplete,
    EffectsUnacknowledged,
    PathNotFound,
    UsageError,
)
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Expectation
from imagesmith.manifest.recipe import Recipe
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.oci import image as oci

DAY = 24 * 60 * 60


@attrs.frozen(kw_only=True)
class Update:
    """Which versions may change: none by default, some packages, or everything."""

    everything: bool = False
    packages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything was asked for."""
        return self.everything or bool(self.packages)


@attrs.frozen(kw_only=True)
class Locked:
    """A manifest and, by Debian architecture name, its mtrees."""

    manifest: Manifest
    mtrees: Mapping[str, bytes]
    warnings: tuple[str, ...] = ()
    """What is odd about the images, each with the architectures it was seen on."""
    images: tuple[oci.Image, ...] = ()
    """What was built, in the order of the architectures; layers are in the store."""


def lock(
    recipe: Recipe,
    digest: Digest,
    effects: Effects,
    *,
    previous: Manifest | None = None,
    update: Update = Update(),
    rollback: bool = False,
) -> Locked:
    """Pin what `recipe` (whose bytes have `digest`) needs and record what building it gives.

    With `rollback` an archive may say something older, or else, than it said before.
    """
    resolution = resolve.resolve(
        recipe,
        effects,
        recorded=resolve.recorded(previous, recipe),
        update=bool(update),
        rollback=rollback,
        prefer=_prefer(previous, update),
    )
    encoder = compression.encoder(recipe.image.compression)
    draft = Manifest(
        name=recipe.name,
        serial=1,
        expires=_expiry(recipe.valid_days, effects.now),
        epoch=0,
        recipe=digest,
        architectures=recipe.architectures,
        sources=resolution.evidence,
        runtime=recipe.runtime,
        trace=recipe.trace,
        recorded=recipe.recorded,
        rootfs=recipe.rootfs,
        image=recipe.image,
        scripts=recipe.scripts,
        checks=recipe.checks,
        encoder=encoder.implementation,
        artefacts=resolution.artefacts,
    )
    draft = attrs.evolve(draft, epoch=_epoch(draft, attrs.evolve(effects, fresh=True)))
    locked = _numbered(_expecting(draft, effects), previous, renewed=bool(update))
    for sighting in resolution.sightings:  # not before: a lock that failed relied on nothing
        seen.remember(sighting, effects)
    return locked


def _expiry(days: int | None, now: int) -> int | None:
    """Return the first midnight (UTC) that is at least `days` away, in seconds since 1970.

    Who locks twice a day, or elsewhere on the same day, gets the same manifest.
    """
    return None if days is None else -(-now // DAY) * DAY + days * DAY


def _prefer(previous: Manifest | None, update: Update) -> Mapping[str, str]:
    """Return the versions to keep, by package; unknown names to update are an error."""
    if previous is None or update.everything:
        return {}
    kept = {artefact.name: artefact.version for artefact in previous.artefacts}
    for name in update.packages:
        if kept.pop(name, None) is None:
            raise UsageError(problem=f"--update {name}: no such artefact in the manifest")
    return kept


def _epoch(draft: Manifest, effects: Effects) -> int:
    """Return the date of the newest pinned artefact, in seconds since 1970.

    The first look at the packages: where `effects` is fresh they are indexed anew, so
    that nobody who planted an index in the store has a say in what is expected.
    """
    dates = [
        index.built
        for arch in draft.architectures
        for index in acquire.trees(plan.wanted(draft, arch), effects)
    ]
    return max(dates, default=0)


def _expecting(draft: Manifest, effects: Effects) -> Locked:
    """Build every architecture and record what came out."""
    built = _all_built(draft, effects)
    several = len(built) > 1
    images = [result.image for result in built.values()]
    manifest = attrs.evolve(
        draft,
        scripts=maintained.answered(
            draft.scripts, (ledger for result in built.values() for ledger in result.lacking)
        ),
        expect=tuple((arch.debian, expectation(result)) for arch, result in built.items()),
        expect_index=Digest.of(oci.index(images)) if several else None,
    )
    warned: dict[str, list[str]] = {}
    for arch, result in built.items():
        for warning in result.warnings:
            warned.setdefault(warning, []).append(arch.debian)
    return Locked(
        manifest=manifest,
        mtrees={arch.debian: result.mtree for arch, result in built.items()},
        images=tuple(images),
        warnings=tuple(f"{warning} ({', '.join(on)})" for warning, on in warned.items()),
    )


def _all_built(draft: Manifest, effects: Effects) -> Mapping[Arch, Built]:
    """Build every architecture; what nobody acknowledged is named for all of them at once."""
    built: dict[Arch, Built] = {}
    refused: list[EffectsUnacknowledged] = []
    for arch in draft.architectures:
        try:
            built[arch] = _built(draft, arch, effects)
        except EffectsUnacknowledged as error:
            refused.append(error)
    if refused:
        raise maintained.joined(refused)
    return built


def _built(draft: Manifest, arch: Arch, effects: Effects) -> Built:
    """Build one architecture; of what is missing say where, and which package may have it."""
    try:
        return execute.execute(plan.plan(draft, arch, encoder=draft.encoder), effects)
    except ClosureIncomplete as error:
        raise providers.advised(error, draft, arch, effects.store) from None
    except PathNotFound as error:
        where = arch.debian if len(draft.architectures) > 1 else ""
        named = attrs.evolve(error, arch=where)
        raise providers.advised(named, draft, arch, effects.store) from None


def expectation(built: Built) -> Expectation:
    """Return what a manifest records of a result."""
    return Expectation(
        rootfs=Digest.of(built.mtree),
        diff_ids=tuple(layer.diff_id for layer in built.image.layers),
        config=built.image.config_digest,
        image=built.image.digest,
    )


def _numbered(locked: Locked, previous: Manifest | None, *, renewed: bool) -> Locked:
    """Give the manifest the next serial, or the previous one if nothing else changed."""
    found = locked.manifest
    if previous is None:
        return locked
    expires = found.expires if renewed else previous.expires
    same = attrs.evolve(found, serial=previous.serial, expires=expires) == previous
    numbered = previous if same else attrs.evolve(found, serial=previous.serial + 1)
    return attrs.evolve(locked, manifest=numbered)
