"""Executing a plan: package trees in, one image out.

A finished result is kept in the store under the plan's digest and used again
when every blob of it is still there.  It is a claim: whoever does not want to
believe it executes with `fresh=True`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial

import attrs

from imagesmith import compression
from imagesmith.build import acquire
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.manifest import mtree
from imagesmith.model import canonical
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Tree
from imagesmith.oci import image as oci
from imagesmith.oci import layer as layers
from imagesmith.oci.image import Image
from imagesmith.oci.layer import Layer
from imagesmith.rootfs import assemble, generated, metadata
from imagesmith.rootfs.overlay import Overlay, overlay
from imagesmith.store import Store
from imagesmith.trace import seeds
from imagesmith.trace.closure import Closure, Reason

CREATED_BY = "imagesmith"
"""`created_by` of the layer's history; without a version, which would change images."""


@attrs.frozen(kw_only=True)
class Rootfs:
    """What a plan ships, and why."""

    tree: Tree
    closure: Closure
    reasons: Mapping[str, Reason]
    """For every path that is more than a parent directory."""
    overlay: Overlay


@attrs.frozen(kw_only=True)
class Built:
    """The result of a plan: an image whose layers are in the store."""

    image: Image
    mtree: bytes


def execute(plan: Plan, effects: Effects, *, fresh: bool = False) -> Built:
    """Return the image of `plan`, from an earlier result unless `fresh`."""
    kept = None if fresh else _kept(plan, effects)
    if kept is not None:
        return kept
    with Contents(effects.store) as contents:
        tree = rootfs(plan, contents, effects).tree
        layer = layers.pack(
            tree,
            read=contents.chunks,
            epoch=plan.epoch,
            encoder=compression.encoder(plan.image.compression),
            keep=partial(_add, effects.store),
            jobs=effects.jobs,
        )
    built = _built(plan, layer, mtree.to_bytes(tree))
    _keep(plan, built, effects)
    return built


def _add(store: Store, chunks: Iterable[bytes]) -> tuple[Digest, int]:
    blob = store.add(chunks)
    return blob.digest, blob.size


def union(plan: Plan, effects: Effects) -> Overlay:
    """Return the full tree of all artefacts of a plan."""
    indexed = acquire.trees(plan.artefacts, effects)
    names = (item.name for item in plan.artefacts)
    return overlay(zip(names, (index.tree for index in indexed), strict=True))


def rootfs(plan: Plan, contents: Contents, effects: Effects) -> Rootfs:
    """Trace a plan's seeds through its packages and assemble what they need."""
    whole = union(plan, effects)
    closure = seeds.trace(
        whole.tree,
        plan.trace.seeds,
        include=plan.trace.include,
        exclude=plan.trace.exclude,
        read=contents.reader(whole.tree),
    )
    reasons = dict(closure.paths)
    made = generated.generate(plan.rootfs, whole.tree, read=contents.read)
    if plan.rootfs.os_release:
        reasons = {**metadata.os_release(whole), **reasons}
    if plan.rootfs.licences:
        reasons = {**metadata.licences(whole, reasons), **reasons}
    tree = assemble.assemble(whole, reasons, made)
    reasons |= {path: Reason("generated", None) for path in made}
    return Rootfs(tree=tree, closure=closure, reasons=reasons, overlay=whole)


def _built(plan: Plan, layer: Layer, listing: bytes) -> Built:
    image = oci.image(
        arch=plan.arch,
        layers=[layer],
        config=plan.image.config,
        epoch=plan.epoch,
        created_by=CREATED_BY,
    )
    return Built(image=image, mtree=listing)


def _keep(plan: Plan, built: Built, effects: Effects) -> None:
    """Remember what the plan gave."""
    (layer,) = built.image.layers
    result: Json = {
        "plan": plan.digest.hex,
        "mtree": effects.store.add([built.mtree]).digest.hex,
        "layer": {
            "diff-id": layer.diff_id.hex,
            "digest": layer.digest.hex,
            "size": layer.size,
            "media-type": layer.media_type,
        },
    }
    blob = effects.store.add([canonical.to_bytes(result)])
    effects.store.derive("result", plan.digest, blob.digest)


def _kept(plan: Plan, effects: Effects) -> Built | None:
    """Return what the plan gave before, if all of it is still in the store."""
    store = effects.store
    found = store.derived("result", plan.digest)
    if found is None or not store.find(found):
        return None
    result = json.loads(store.read(found))
    if result["plan"] != plan.digest.hex:
        return None
    described = result["layer"]
    layer = Layer(
        diff_id=Digest(described["diff-id"]),
        digest=Digest(described["digest"]),
        size=described["size"],
        media_type=described["media-type"],
    )
    listing = Digest(result["mtree"])
    if not store.find(layer.digest) or not store.find(listing):
        return None
    return _built(plan, layer, store.read(listing))
