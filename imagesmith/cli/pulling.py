"""From a registry through the store into an archive."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import attrs

from imagesmith.audit import exporting
from imagesmith.build.effects import Effects
from imagesmith.cli import trusting
from imagesmith.errors import UsageError
from imagesmith.model import arch as arches
from imagesmith.model.canonical import Json
from imagesmith.oci import archive, reader
from imagesmith.oci import image as images
from imagesmith.oci.bundle import Bundle
from imagesmith.oci.registry import pull as pulls
from imagesmith.oci.registry.pull import Wanted
from imagesmith.oci.registry.repository import Repository


def wanted(name: str) -> Wanted | None:
    """Return what chooses the image of an architecture as Debian calls it; None for all."""
    if name == "all":
        return None
    try:
        arch = arches.parse(trusting.host_architecture() if name == "host" else name)
    except ValueError as error:
        raise UsageError(problem=f"--arch: {error}") from None
    platform = images.platform(arch)

    def chosen(found: Mapping[str, Json]) -> bool:
        variant = found.get("variant", platform.get("variant"))
        return {**found, "variant": variant}.items() >= {"variant": None, **platform}.items()

    return chosen


def pull(
    repository: Repository, effects: Effects, output: Path, *, wanted: Wanted | None
) -> Bundle:
    """Fetch an image into the store, and write it from there; what is there is not fetched."""
    place = repository.session.place
    found = pulls.pull(repository, wanted=wanted)
    for number, blob in enumerate(found.blobs, start=1):
        effects.store.put(
            partial(repository.blob, blob),
            digest=blob.digest,
            size=blob.size,
            what=f"{place}: {blob.digest}",
        )
        effects.progress("pull", number, len(found.blobs))
    configs = [effects.store.read(found.members(each.digest)[0].digest) for each in found.images]
    if not found.is_index:
        found = pulls.with_platform(found, configs[0], what=str(place))
    epoch = max((created(config, what=str(place)) for config in configs), default=0)
    tag = attrs.evolve(place, digest=None)
    archive.write(output, found, reference=str(tag), blobs=effects.store.chunks, epoch=epoch)
    return found


def created(config: bytes, *, what: str) -> int:
    """Return when an image was made, in seconds since 1970; 0 if its config does not say."""
    document = reader.parse(config, artefact=what, member="config")
    return exporting.created(document) if isinstance(document, Mapping) else 0
