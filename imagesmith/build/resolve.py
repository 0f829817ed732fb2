"""From a recipe's requests to pins, through the signed word of each source's archive.

For every architecture the closure of the requests is taken from the package
indices of the sources.  Which release files count is the business of `releases`,
where their indices come from that of `indices`; here is kept what was used of
them, so that every pin can be traced back to a signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from imagesmith.build import indices, releases, seen
from imagesmith.build.effects import Effects
from imagesmith.build.releases import Known, Signed
from imagesmith.build.seen import Sighting
from imagesmith.errors import DocumentError
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact, Evidence, Pin, UsedIndex
from imagesmith.manifest.recipe import Recipe
from imagesmith.model.arch import Arch
from imagesmith.sources.debian import closure
from imagesmith.sources.debian.packages import Index, Package


@attrs.frozen(kw_only=True)
class Resolution:
    """What a recipe resolves to."""

    evidence: tuple[tuple[str, Evidence], ...]
    artefacts: tuple[Artefact, ...]
    sightings: tuple[Sighting, ...]
    """Of the release files that were fetched: to be remembered if they were good enough."""


@attrs.frozen(kw_only=True)
class Chosen:
    """The packages of one architecture."""

    packages: Mapping[str, Package]
    """By name."""
    used: tuple[tuple[str, str, UsedIndex], ...]
    """Source, path and evidence of every index that was asked."""


def resolve(
    recipe: Recipe,
    effects: Effects,
    *,
    recorded: Mapping[str, Evidence],
    prefer: Mapping[str, str],
    update: bool = False,
    rollback: bool = False,
) -> Resolution:
    """Resolve every package request for every architecture.

    `recorded` is what an earlier lock knew of each source: its release files are used
    again if the store has them, unless this is an `update`, and older ones are
    accepted only for a `rollback`.  `prefer` are versions to be kept where an index
    still has them.
    """
    signed = {
        name: releases.signed(
            name,
            source,
            Known(evidence=recorded.get(name), update=update, rollback=rollback),
            effects,
        )
        for name, source in recipe.sources
    }
    chosen = {arch: _choose(recipe, arch, signed, effects, prefer) for arch in recipe.architectures}
    for name, packages in _by_archive(signed, chosen.values()).items():
        seen.packages(name, packages, effects, rollback=rollback)
    return Resolution(
        evidence=tuple((name, _evidence(item, chosen.values())) for name, item in signed.items()),
        artefacts=artefacts({arch: each.packages for arch, each in chosen.items()}),
        sightings=tuple(each.sighting for each in signed.values() if each.sighting),
    )


def _choose(
    recipe: Recipe,
    arch: Arch,
    signed: Mapping[str, Signed],
    effects: Effects,
    prefer: Mapping[str, str],
) -> Chosen:
    """Return the packages that `recipe` needs on `arch`."""
    indexes: dict[str, list[Index]] = {}
    chosen: dict[str, Package] = {}
    for request in recipe.packages:
        for name in request.sources:
            if name not in indexes:
                indexes[name] = indices.indices(signed[name], arch, effects)
        offered = [index for name in request.sources for index in indexes[name]]
        found = closure.closure(request.names, offered, arch=arch.debian, prefer=prefer)
        for package in found:
            present = chosen.setdefault(package.name, package)
            if present.digest != package.digest:
                raise DocumentError(
                    document="recipe.toml",
                    place="package",
                    problem=f"two requests need {package.name} as {present.version} "
                    f"and {package.version} on {arch}",
                    hint="give both requests the same sources",
                )
    used = tuple(
        (name, index.document, _used(signed[name], index, chosen.values(), effects))
        for name, found_in in indexes.items()
        for index in found_in
    )
    return Chosen(packages=chosen, used=used)


def _used(signed: Signed, index: Index, packages: Iterable[Package], effects: Effects) -> UsedIndex:
    """Keep the stanzas that `packages` have in `index`."""
    return UsedIndex(
        digest=signed.release.files[index.document].digest,
        stanzas=effects.store.add([index.excerpt(packages)]).digest,
    )


def _evidence(signed: Signed, chosen: Iterable[Chosen]) -> Evidence:
    """Return what proves the pins of one source."""
    used = (row for each in chosen for row in each.used)
    rows = {path: index for name, path, index in used if name == signed.name}
    return attrs.evolve(signed.evidence, indices=tuple(sorted(rows.items())))


def _by_archive(
    signed: Mapping[str, Signed], chosen: Iterable[Chosen]
) -> Mapping[str, list[Package]]:
    """Group the chosen packages of all architectures by the archive they are from.

    It is known by its Origin, or by its keys if it has none.
    """
    found: dict[str, list[Package]] = {}
    for package in (package for each in chosen for package in each.packages.values()):
        evidence = signed[package.source_id].evidence
        name = evidence.origin or " ".join(evidence.signers)
        found.setdefault(name, []).append(package)
    return found


def artefacts(chosen: Mapping[Arch, Mapping[str, Package]]) -> tuple[Artefact, ...]:
    """Merge the packages of every architecture into artefacts, sorted by name."""
    names = sorted({name for packages in chosen.values() for name in packages})
    return tuple(
        _artefact({a: p[name] for a, p in chosen.items() if name in p}, len(chosen))
        for name in names
    )


def _artefact(packages: Mapping[Arch, Package], architectures: int) -> Artefact:
    first = next(iter(packages.values()))
    files = {(each.digest, each.filename, each.source_id) for each in packages.values()}
    if first.architecture == "all" and len(files) == 1 and len(packages) == architectures:
        pins: Sequence[tuple[str, Pin]] = [("all", _pin(first, first))]
    else:
        pins = [(arch.debian, _pin(package, first)) for arch, package in packages.items()]
    return Artefact(
        name=first.name, version=first.version, source=first.source_id, pins=tuple(pins)
    )


def _pin(package: Package, first: Package) -> Pin:
    return Pin(
        path=package.filename,
        size=package.size,
        digest=package.digest,
        version=package.version if package.version != first.version else None,
        source=package.source_id if package.source_id != first.source_id else None,
    )


def recorded(previous: Manifest | None, recipe: Recipe) -> Mapping[str, Evidence]:
    """Return what a previous manifest knew of the suites that are still asked for.

    Whose keys count, and which components, is what the recipe says now.
    """
    wanted = dict(recipe.sources)
    return {
        name: attrs.evolve(evidence, source=wanted[name])
        for name, evidence in (previous.sources if previous else ())
        if name in wanted and wanted[name].suite == evidence.source.suite
    }
