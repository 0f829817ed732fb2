"""From a recipe's requests to pins: signed release files, package indices, closures.

For each source the release file is fetched, or taken from the store when a
previous lock recorded it, and verified against the recipe's pinned keys.  The
package indices it names are then what it says they are, wherever they lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import attrs

from imagesmith import compression
from imagesmith.build import acquire
from imagesmith.build.effects import Effects
from imagesmith.errors import DocumentError, IntegrityError, NetworkError, SignatureError
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact, Evidence, Pin
from imagesmith.manifest.recipe import DebianSource, Recipe
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.sources.debian import closure, release
from imagesmith.sources.debian.packages import Index, Package
from imagesmith.sources.debian.release import IndexFile, Release
from imagesmith.trust import archive

MAX_RELEASE = 16 * 1024 * 1024
MAX_INDEX = 1024 * 1024 * 1024


@attrs.frozen(kw_only=True)
class Signed:
    """A release file whose signature was verified, and the evidence to keep of it."""

    name: str
    release: Release
    evidence: Evidence


@attrs.frozen(kw_only=True)
class Resolution:
    """What a recipe resolves to."""

    evidence: tuple[tuple[str, Evidence], ...]
    artefacts: tuple[Artefact, ...]


def resolve(
    recipe: Recipe,
    effects: Effects,
    *,
    recorded: Mapping[str, Evidence],
    prefer: Mapping[str, str],
    update: bool = False,
) -> Resolution:
    """Resolve every package request for every architecture.

    `recorded` is what an earlier lock knew of each source: its release files are used
    again if the store has them, unless this is an `update`, and older ones are never
    accepted.  `prefer` are versions to be kept where an index still has them.
    """
    signed = {
        name: _signed(name, source, recorded.get(name), effects, update=update)
        for name, source in recipe.sources
    }
    used: dict[str, dict[str, Digest]] = {name: {} for name in signed}
    chosen = {
        arch: _choose(recipe, arch, signed, used, effects, prefer) for arch in recipe.architectures
    }
    evidence = tuple(
        (name, attrs.evolve(item.evidence, indices=tuple(sorted(used[name].items()))))
        for name, item in signed.items()
    )
    return Resolution(evidence=evidence, artefacts=artefacts(chosen))


def _signed(
    name: str, source: DebianSource, known: Evidence | None, effects: Effects, *, update: bool
) -> Signed:
    """Return the release file of a source: the recorded one if the store has it, or a fresh one."""
    document = f"dists/{source.suite}/InRelease"
    if known is not None and not update and effects.store.find(known.release):
        text = effects.store.read(known.release)
        with suppress(SignatureError):  # a key may have expired since
            return _verified(name, source, text, document, effects, fresh=False)
    found = acquire.first_mirror(
        document,
        source.suite,
        lambda base: _verified(
            name, source, release_file(base, document, effects), document, effects, fresh=True
        ),
        effects,
    )
    if known is not None and found.release.date < known.date:
        raise SignatureError(
            document=document,
            problem="older than the one the manifest was locked against",
            hint="the mirror is behind, or replays an old archive; try another one",
        )
    return found


def release_file(base: str, path: str, effects: Effects) -> bytes:
    """Fetch a release file from one mirror; nothing about it is verified."""
    if effects.stream is None:
        hint = "a release file is fetched anew on lock: run without --offline"
        raise NetworkError(what=path, problem="not in the store, and offline", hint=hint)
    chunks = effects.stream(f"{base.rstrip('/')}/{path}", size=None, limit=MAX_RELEASE)
    return b"".join(chunks)


def _verified(
    name: str, source: DebianSource, text: bytes, document: str, effects: Effects, *, fresh: bool
) -> Signed:
    """Verify a release file; unless it is `fresh`, Valid-Until was judged when it was recorded."""
    signed = archive.verify_inrelease(
        text,
        certificates=effects.certificates,
        fingerprints=source.signed_by,
        now=effects.now,
        document=document,
    )
    parsed = release.parse(signed.text, document=document)
    judged_at = effects.now if fresh else min(effects.now, parsed.date)
    release.check(parsed, suite=source.suite, now=judged_at, document=document)
    evidence = Evidence(
        source=source,
        date=parsed.date,
        release=effects.store.add([text]).digest,
        signers=tuple(sorted({signer.primary for signer in signed.signers})),
        indices=(),
    )
    return Signed(name=name, release=parsed, evidence=evidence)


def _choose(
    recipe: Recipe,
    arch: Arch,
    signed: Mapping[str, Signed],
    used: Mapping[str, dict[str, Digest]],
    effects: Effects,
    prefer: Mapping[str, str],
) -> Mapping[str, Package]:
    """Return the packages that `recipe` needs on `arch`, by name."""
    indexes: dict[str, list[Index]] = {}
    chosen: dict[str, Package] = {}
    for request in recipe.packages:
        for name in request.sources:
            if name not in indexes:
                indexes[name] = _indexes(signed[name], arch, used[name], effects)
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
    return chosen


def _indexes(signed: Signed, arch: Arch, used: dict[str, Digest], effects: Effects) -> list[Index]:
    """Return the package indices of a source for one architecture, one a component."""
    found: list[Index] = []
    for component in signed.evidence.source.components:
        if component not in signed.release.components:
            raise DocumentError(
                document="recipe.toml",
                place=f"source.{signed.name}.components",
                problem=f"{signed.evidence.source.suite} has no component {component!r}",
                hint=f"it has {', '.join(signed.release.components)}",
            )
        for path in release.packages_path(signed.release, component, arch.debian)[:1]:
            used[path] = signed.release.files[path].digest
            found.append(_index(signed, path, effects))
    if not found:
        suite = signed.evidence.source.suite
        raise DocumentError(
            document="recipe.toml",
            place=f"source.{signed.name}",
            problem=f"{suite} has no package index for {arch} in these components",
            hint=f"it has {', '.join(signed.release.architectures)}",
        )
    return found


def _index(signed: Signed, path: str, effects: Effects) -> Index:
    """Return one package index; it is decompressed once where the release names its plain form.

    Debian's releases do, though mirrors need not have that file (repository format,
    "MD5Sum, SHA1, SHA256"), so what the store has under that digest is as good as signed.
    """
    store = effects.store
    plain = signed.release.files.get(path.rpartition(".")[0])
    if plain is None or not store.find(plain.digest):
        _fetch_index(signed, path, effects)
        digest = signed.release.files[path].digest
        kind = compression.kind_of(next(iter(store.chunks(digest)), b""))
        chunks = compression.decompressed(store.chunks(digest), kind, what=path, limit=MAX_INDEX)
        made = store.add(chunks)
        if plain is not None and made.digest != plain.digest:
            expected, got = str(plain.digest), str(made.digest)
            raise IntegrityError(what=f"{path}, decompressed", expected=expected, got=got)
        plain = IndexFile(made.size, made.digest)
    return Index.scan(store.read(plain.digest), source=signed.name, document=path)


def _fetch_index(signed: Signed, path: str, effects: Effects) -> None:
    file = signed.release.files[path]
    if effects.store.find(file.digest):
        return
    suite = signed.evidence.source.suite
    attempts = [f"dists/{suite}/{path}"]
    if signed.release.by_hash:
        attempts.insert(0, f"dists/{suite}/{release.by_hash_path(path, file.digest)}")
    for last, attempt in enumerate(attempts, start=1):
        try:
            acquire.download(
                attempt, suite=suite, size=file.size, digest=file.digest, effects=effects
            )
        except NetworkError:
            if last == len(attempts):
                raise
        else:
            return


def artefacts(chosen: Mapping[Arch, Mapping[str, Package]]) -> tuple[Artefact, ...]:
    """Merge the packages of every architecture into artefacts, sorted by name."""
    names = sorted({name for packages in chosen.values() for name in packages})
    return tuple(
        _artefact({a: p[name] for a, p in chosen.items() if name in p}, len(chosen))
        for name in names
    )


def _artefact(packages: Mapping[Arch, Package], architectures: int) -> Artefact:
    first = next(iter(packages.values()))
    digests = {package.digest for package in packages.values()}
    if first.architecture == "all" and len(digests) == 1 and len(packages) == architectures:
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
    """Return what a previous manifest knew of the sources that have not changed."""
    wanted = dict(recipe.sources)
    return {
        name: evidence
        for name, evidence in (previous.sources if previous else ())
        if wanted.get(name) == evidence.source
    }
