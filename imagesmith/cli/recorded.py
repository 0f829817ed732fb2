"""Records beside a recipe: reading them for `lock`, saving and telling what `record` found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imagesmith.cli import documents
from imagesmith.cli.documents import ImageDirectory
from imagesmith.errors import DocumentError, PathNotFound
from imagesmith.manifest import record as records
from imagesmith.manifest import table as toml
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.recipe import Recipe
from imagesmith.manifest.record import KINDS, Record
from imagesmith.model.digest import Digest

if TYPE_CHECKING:
    from imagesmith.build.recording import Recorded
    from imagesmith.model.canonical import Json

Pinned = tuple[tuple[str, tuple[str, ...]], ...]
"""Recorded paths by Debian architecture name, as a manifest has them."""


def previous(image: ImageDirectory, arch: str) -> Record | None:
    """Return the record of an architecture that is there, or None."""
    path = image.record(arch)
    text = documents.read_if_present(path)
    if text is None:
        return None
    found = records.parse(text, document=str(path))
    if found.arch.debian != arch:
        raise DocumentError(
            document=str(path), place="arch", problem=f"expected {arch!r}, got '{found.arch}'"
        )
    return found


def pinned(image: ImageDirectory, recipe: Recipe) -> Pinned:
    """Return the paths of all records beside a recipe; DocumentError for one it has no use for."""
    known = {arch.debian for arch in recipe.architectures}
    found: dict[str, tuple[str, ...]] = {}
    for path in _files(image):
        arch = path.name.split(".")[1]
        if arch not in known:
            problem = f"the recipe is not for {arch}: it is for {', '.join(sorted(known))}"
            raise DocumentError(document=str(path), place="", problem=problem, hint="remove it")
        record = previous(image, arch)
        if record is not None and record.paths:
            found[arch] = record.paths
    return tuple(sorted(found.items()))


def _files(image: ImageDirectory) -> list[Path]:
    return sorted(image.path.glob("record.*.toml"))


def misplaced(image: ImageDirectory, error: PathNotFound) -> DocumentError:
    """Return the error of a recorded path with the record that has it."""
    spelled = toml.string(error.path).encode()
    holding = (path for path in _files(image) if spelled in documents.read(path))
    return DocumentError(
        document=str(next(holding, image.path)),
        place="paths",
        problem=f"{error.path}: no such path in the packages",
        hint=error.hint,
    )


def gaps(image: ImageDirectory, manifest: Manifest) -> Iterator[str]:
    """Yield the architectures that have no record though others have."""
    has = dict(manifest.recorded)
    for arch in manifest.architectures if has else ():
        if arch.debian not in has and not image.record(arch.debian).exists():
            yield (
                f"{arch} has no record, as {', '.join(has)} has: imagesmith record"
                f" {image.path} --arch {arch}"
            )


def doubts(image: ImageDirectory, manifest: Manifest) -> Iterator[str]:
    """Yield why what is recorded now may not be what the recipe wants."""
    recipe = documents.read_if_present(image.recipe)
    if recipe is not None and Digest.of(recipe) != manifest.recipe:
        yield (
            f"{image.recipe} has changed since {image.manifest} was locked; what is recorded"
            " are the packages of the manifest"
        )


def save(image: ImageDirectory, found: Record, before: Record | None) -> Record:
    """Write a record, added to `before` if there is one, and return what was written."""
    record = found if before is None else records.merged(before, found)
    with documents.locked(image):
        documents.write(image.record(record.arch.debian), records.to_bytes(record))
    return record


def summary(found: Recorded) -> Iterator[str]:
    """Yield what was found, by package."""
    uses = found.record.uses
    brought: dict[str, list[str]] = {}
    for path in found.record.paths:
        brought.setdefault(", ".join(found.owners[path]) or "no package", []).append(path)
    for package in sorted(brought):
        yield f"{package}:"
        yield from (f"  {path} ({_worded(uses[path])})" for path in brought[package])
    yield f"{len(uses)} paths recorded, {found.already} used that the image has anyway"


def _worded(kind: str) -> str:
    return {"links": "link", "looked-at": "looked at"}.get(kind, kind)


def warnings(found: Recorded, before: Record | None) -> Iterator[str]:
    """Yield what a person should look at."""
    for status in found.statuses:
        if status:
            yield f"the program ended with status {status}; what it used until then is recorded"
    for path in found.unstable:
        yield f"{path}: only one of the runs used it"
    for path in found.unspelled:
        yield f"{path}: left out, a record cannot hold its name"
    record = found.record
    if before is not None and before.commands == record.commands:
        yield from (f"{path}: was not used before" for path in _beyond(record, before))
        yield from (f"{path}: was used before, and not now" for path in _beyond(before, record))


def _beyond(one: Record, other: Record) -> list[str]:
    return [path for path in one.paths if path not in other.uses]


def to_json(found: Recorded, record: Record, path: Path) -> Mapping[str, Json]:
    """Return what `--json` prints."""
    return {
        "record": str(path),
        "arch": record.arch.debian,
        "statuses": list(found.statuses),
        "paths": {kind: list(record.used(kind)) for kind in KINDS},
        "already": found.already,
        "unstable": list(found.unstable),
        "packages": {path: list(owners) for path, owners in found.owners.items()},
    }
