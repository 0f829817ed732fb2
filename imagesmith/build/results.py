"""Results of plans, kept in the store under the plans' digests.

A kept result is a claim: every blob of it is verified when it is read, and what
it adds up to is held against the manifest's expectations like any fresh result.
This module knows nothing of how results are made, so that finding one is cheap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from imagesmith.build.plan import Plan
from imagesmith.model import canonical
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.oci import image as oci
from imagesmith.oci.image import Image
from imagesmith.oci.layer import Layer
from imagesmith.rootfs.effects.ledger import Ledger
from imagesmith.store import Store

CREATED_BY = "imagesmith"
"""`created_by` of a layer's history; without a version, which would change images."""


@attrs.frozen(kw_only=True)
class Built:
    """The result of a plan: an image whose layers are in the store."""

    image: Image
    mtree: bytes
    warnings: tuple[str, ...] = ()
    """What tracing found odd; a kept result has lost them."""
    lacking: tuple[Ledger, ...] = ()
    """Maintainer scripts that the plan acknowledges; a kept result has lost them, too."""
    kept: int = 0
    """How many of the layers were not made for it, but found in the store: a claim, too."""


def built(plan: Plan, layers: Sequence[Layer], mtree: bytes) -> Built:
    """Describe a plan's layers as its image."""
    image = oci.image(
        arch=plan.arch,
        layers=layers,
        config=plan.image.config,
        epoch=plan.epoch,
        created_by=CREATED_BY,
    )
    return Built(image=image, mtree=mtree)


def keep(plan: Plan, result: Built, store: Store) -> None:
    """Remember what the plan gave."""
    described: Json = {
        "plan": plan.digest.hex,
        "mtree": store.add([result.mtree]).digest.hex,
        "layers": [layer_to_json(layer) for layer in result.image.layers],
    }
    blob = store.add([canonical.to_bytes(described)])
    store.derive("result", plan.digest, blob.digest)


def kept(plan: Plan, store: Store) -> Built | None:
    """Return what the plan gave before, if all of it is still in the store."""
    found = store.derived("result", plan.digest)
    if found is None:
        return None
    try:
        result = json.loads(store.read(found))
        layers = [layer_from_json(each) for each in result["layers"]]
        mtree, of = Digest(result["mtree"]), result["plan"]
    except (ValueError, KeyError, TypeError):  # the pointer leads to something else
        return None
    if of != plan.digest.hex:
        return None
    if not all(store.find(digest) for digest in (mtree, *(each.digest for each in layers))):
        return None
    return built(plan, layers, store.read(mtree))


def layer_to_json(layer: Layer) -> dict[str, Json]:
    """Return what is kept of a layer."""
    return {
        "diff-id": layer.diff_id.hex,
        "digest": layer.digest.hex,
        "size": layer.size,
        "media-type": layer.media_type,
        "holding": layer.holding,
    }


def layer_from_json(described: Mapping[str, Any]) -> Layer:
    """Return the layer of which that is kept; KeyError, TypeError or ValueError if it is not."""
    return Layer(
        diff_id=Digest(described["diff-id"]),
        digest=Digest(described["digest"]),
        size=described["size"],
        media_type=described["media-type"],
        holding=described["holding"],
    )
