"""What `lock` reads of an earlier manifest, and how it saves a new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from imagesmith.build.effects import Effects
from imagesmith.build.lock import Locked
from imagesmith.cli import documents, recorded, trusting
from imagesmith.cli.documents import ImageDirectory
from imagesmith.errors import DocumentError, OverlayConflict, PackageNotFound, PathNotFound
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest import recipe as recipes
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact
from imagesmith.manifest.recipe import Recipe
from imagesmith.manifest.sections import Acknowledged
from imagesmith.manifest.sections.declared import MAX_CONTENT
from imagesmith.model.arch import ARCHES
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.rootfs import declared


def recipe_of(image: ImageDirectory, text: bytes) -> Recipe:
    """Return the recipe `text` of an image, with what lies in files beside it."""

    def beside(name: str) -> bytes:
        return documents.read_beside(image, name, limit=MAX_CONTENT)

    recipe = recipes.complete(recipes.parse(text, document=str(image.recipe)), beside)
    return attrs.evolve(recipe, recorded=recorded.pinned(image, recipe))


def previous(image: ImageDirectory) -> Manifest | None:
    """Return the manifest that is there, or None."""
    raw = documents.read_if_present(image.manifest)
    try:
        return None if raw is None else manifests.parse(raw, document=str(image.manifest))
    except DocumentError as error:
        hint = f"remove {image.manifest} and lock again; its serial then starts over"
        raise attrs.evolve(error, hint=hint) from None


def stale(
    image: ImageDirectory, recipe: Digest, wanted: Recipe, found: Manifest | None, *, now: int
) -> tuple[str, ...]:
    """Say why the manifest does not answer the recipe, or the mtrees not the manifest.

    An expired manifest answers nothing any more at `now`, seconds since 1970.
    """
    if found is None:
        return (f"{image.manifest}: missing",)
    problems = []
    if found.recipe != recipe:
        problems.append(f"{image.manifest}: locked from another {image.recipe.name}")
    sources = tuple((name, evidence.source) for name, evidence in found.sources)
    problems += [
        f"{image.manifest}: {name} is not the recipe's"
        for name, theirs, ours in (
            ("name", found.name, wanted.name),
            ("architectures", found.architectures, wanted.architectures),
            ("source", sources, wanted.sources),
            ("runtime", found.runtime, wanted.runtime),
            ("trace", found.trace, wanted.trace),
            ("recorded", found.recorded, wanted.recorded),
            ("rootfs", found.rootfs, wanted.rootfs),
            ("image", found.image, wanted.image),
            ("script", _acknowledged(found), _acknowledged(wanted)),
            ("check", found.checks, wanted.checks),
        )
        if theirs != ours
    ]
    for arch, expected in found.expect:
        mtree = image.recorded(arch)
        if mtree is None or Digest.of(mtree) != expected.rootfs:
            problems.append(f"{image.mtree(arch)}: not the one the manifest expects")
    if found.is_expired(now):
        problems.append(trusting.lifetime(image, found, now))
    return tuple(problems)


def _acknowledged(document: Manifest | Recipe) -> tuple[Acknowledged, ...]:
    """Return what both documents say of scripts."""
    return tuple(attrs.evolve(each, skipped=()) for each in document.scripts)


@contextmanager
def naming(recipe: Path) -> Iterator[None]:
    """Name the recipe as the user did in errors about its content."""
    try:
        yield
    except DocumentError as error:
        if error.document != "recipe.toml":
            raise
        raise attrs.evolve(error, document=str(recipe)) from None
    except PackageNotFound as error:
        raise DocumentError(
            document=str(recipe), place="package", problem=error.message, hint=error.hint
        ) from None
    except OverlayConflict as error:
        if error.second not in ("generated", declared.RECIPE):
            raise
        raise DocumentError(
            document=str(recipe), place="rootfs", problem=error.message, hint=error.hint
        ) from None
    except PathNotFound as error:
        if error.what == "recorded path":
            raise recorded.misplaced(ImageDirectory(recipe.parent), error) from None
        place = {"seed": "trace.seeds", "include": "trace.include", "exclude": "trace.exclude"}
        raise DocumentError(
            document=str(recipe),
            place=place.get(error.what, "rootfs"),
            problem=error.message,
            hint=error.hint,
        ) from None


def save(image: ImageDirectory, locked: Locked) -> bool:
    """Write mtrees and manifest; signatures over an earlier manifest are removed.

    Returns whether the manifest changed.  The manifest comes last, so that an
    interrupted save leaves the old one, which says what is missing.
    """
    text = manifests.to_bytes(locked.manifest)
    manifests.parse(text, document=str(image.manifest))  # nobody could read it otherwise
    with documents.locked(image):
        for arch, listing in locked.mtrees.items():
            documents.write(image.mtree(arch), listing)
        changed = documents.write(image.manifest, text)
        if changed:
            image.signatures.unlink(missing_ok=True)
        for arch in ARCHES:
            if arch not in locked.mtrees:
                image.mtree(arch).unlink(missing_ok=True)
    return changed


def doubts(image: ImageDirectory, locked: Manifest, effects: Effects) -> Iterator[str]:
    """Yield why this manifest will not be accepted here once it is signed, or not do its work."""
    yield from recorded.gaps(image, locked)
    if locked.is_expired(effects.now):
        renewal = f"imagesmith lock {image.path} --update renews it"
        yield f"{trusting.lifetime(image, locked, effects.now)}; {renewal}"
    seen = trusting.recalled(effects.store, locked.name)
    if seen is None or seen.serial < locked.serial or seen.manifest == _digest(locked):
        return
    refused = "warn of it" if seen.serial == locked.serial else "refuse it"
    yield (
        f"{image.manifest}: serial {locked.serial} of {locked.name} is not above serial "
        f"{seen.serial}, which this store accepted: build will {refused} here; "
        "put back the manifest.toml that was lost and lock again"
    )


def _digest(locked: Manifest) -> Digest:
    return Digest.of(manifests.to_bytes(locked))


def summary(before: Manifest | None, after: Manifest) -> Iterator[str]:
    """Yield what changed, a line a package, and what the manifest holds."""
    old = {artefact.name: artefact for artefact in before.artefacts} if before else {}
    new = {artefact.name: artefact for artefact in after.artefacts}
    for name in sorted({*old, *new}) if before else ():
        if name not in new:
            yield f"- {name} {old[name].version}"
        elif name not in old:
            yield f"+ {name} {new[name].version}"
        elif old[name].version != new[name].version:
            yield f"  {name} {old[name].version} -> {new[name].version}"
        elif _exchanged(old[name], new[name]):
            yield f"! {name} {new[name].version}: other bytes under the same version"
    arches = ", ".join(arch.debian for arch in after.architectures)
    until = "" if after.expires is None else f", good until {rfc3339(after.expires)}"
    yield f"{after.name} serial {after.serial}: {len(new)} packages for {arches}{until}"


def _exchanged(before: Artefact, after: Artefact) -> bool:
    """Say whether an architecture that both have is pinned to other bytes of one version."""
    return any(
        old.digest != new.digest and before.version_for(arch) == after.version_for(arch)
        for arch in ARCHES.values()
        if (old := before.pin(arch)) and (new := after.pin(arch))
    )
