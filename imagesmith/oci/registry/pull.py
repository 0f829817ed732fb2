"""An image out of a registry, with every document as the registry's publisher wrote it.

Manifests are held against their digests as they come, layers when they are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from imagesmith.errors import MalformedArtefact, UsageError
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.oci import bundle as bundles
from imagesmith.oci import reader
from imagesmith.oci.bundle import IMAGE_MANIFESTS, INDICES, Bundle, Descriptor
from imagesmith.oci.registry.repository import Repository

Wanted = Callable[[Mapping[str, Json]], bool]
"""Says whether an image of a platform is wanted."""


def pull(repository: Repository, *, wanted: Wanted | None = None) -> Bundle:
    """Return what the session's place leads to; with `wanted`, the one image of its index.

    The configs are not in it: they are blobs like the layers.
    """
    place = repository.session.place
    media_type, content = repository.manifest(place.reference)
    if media_type not in (*INDICES, *IMAGE_MANIFESTS):
        raise MalformedArtefact(
            artefact=str(place), member="", problem=f"neither an image nor an index: {media_type}"
        )
    root = Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))
    known = {root.digest: content}
    if wanted is not None and root.media_type in INDICES:
        root = _chosen(content, wanted, str(place))

    def fetch(asked: Descriptor) -> bytes:
        if asked.digest not in known:
            known[asked.digest] = repository.manifest(str(asked.digest))[1]
        return known[asked.digest]

    return bundles.walk(root, fetch, what=str(place))


def with_platform(found: Bundle, config: bytes, *, what: str) -> Bundle:
    """Return a bundle of one image whose descriptor says for which platform its config is."""
    document = reader.parse(config, artefact=what, member=str(Digest.of(config)))
    known = document if isinstance(document, Mapping) else {}
    platform = {key: known[key] for key in ("architecture", "os", "variant") if key in known}
    root = attrs.evolve(found.root, platform=platform)
    return attrs.evolve(found, root=root, manifests=(*found.manifests[:-1], root))


def _chosen(content: bytes, wanted: Wanted, what: str) -> Descriptor:
    """Return the one image of an index that is wanted."""
    document = reader.parse(content, artefact=what, member="index")
    listed = document.get("manifests") if isinstance(document, Mapping) else None
    platforms: list[str] = []
    for item in listed if isinstance(listed, list) else []:
        try:
            found = bundles.descriptor(item)
        except (TypeError, ValueError) as error:
            raise MalformedArtefact(artefact=what, member="index", problem=str(error)) from None
        platform = found.platform or {}
        if wanted(platform):
            return found
        platforms.append(f"{platform.get('os')}/{platform.get('architecture')}")
    raise UsageError(
        problem=f"{what}: no image for the architecture asked for",
        hint=f"it has {', '.join(platforms) or 'none'}",
    )
