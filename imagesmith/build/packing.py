"""From a finished tree to layers in the store, each kept under what decides its bytes.

A package that changed re-does its own layer.  That a kept layer has the diff-id it is
kept with is a claim, as a kept result is: whoever asks for kept layers holds
the image against what somebody signed before believing it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import attrs

from imagesmith import compression
from imagesmith.build import results
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.compression import Encoder
from imagesmith.manifest import mtree
from imagesmith.model import canonical
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Tree
from imagesmith.oci import layer as layers
from imagesmith.oci.layer import Layer
from imagesmith.rootfs import layering
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.layering import Part
from imagesmith.store import Store

GENERATED = "generated"
"""What a layer's history calls the files that no package ships."""


@attrs.frozen(kw_only=True)
class Packed:
    """The layers of one tree."""

    layers: tuple[Layer, ...]
    """Lowest first."""
    mtree: bytes
    """Of the whole tree."""
    kept: int
    """How many layers were found in the store, their contents not looked at."""


def pack(
    tree: Tree,
    plan: Plan,
    packages: Configured,
    contents: Contents,
    effects: Effects,
    *,
    reuse: bool,
) -> Packed:
    """Pack `tree` into the layers that `plan` asks for; with `reuse`, take those that are kept."""
    encoder = compression.encoder(plan.image.compression)
    whole = mtree.to_bytes(tree)
    found: list[Layer] = []
    kept = 0
    for part in _parts(tree, plan, packages):
        held = whole if part.tree is tree else mtree.to_bytes(part.tree)
        key = _key(held, part.epoch, encoder, plan)
        layer = _kept(key, effects.store) if reuse else None
        kept += layer is not None
        layer = layer or _packed(part, key, encoder, contents, effects)
        found.append(attrs.evolve(layer, holding=_holding(part, plan)))
    return Packed(layers=tuple(found), mtree=whole, kept=kept)


def _parts(tree: Tree, plan: Plan, packages: Configured) -> tuple[Part, ...]:
    budget = plan.image.layers
    if budget is None:
        return (Part(tree=tree, epoch=plan.epoch),)
    owners, origins = packages.overlay.owners, packages.origins
    return layering.divide(tree, owners, origins, budget=budget, epoch=plan.epoch)


def _holding(part: Part, plan: Plan) -> str:
    """Name what is in a layer, if it is one of several kinds."""
    if plan.image.layers is None:
        return ""
    return " ".join(part.packages) or GENERATED


def _key(held: bytes, epoch: int, encoder: Encoder, plan: Plan) -> Digest:
    """Return the digest of everything that decides a layer's bytes; `held` is its mtree."""
    decisive: Json = {
        "format": plan.format,
        "mtree": Digest.of(held).hex,
        "epoch": epoch,
        "encoder": encoder.implementation,
    }
    return Digest.of(canonical.to_bytes(decisive))


def _packed(
    part: Part, key: Digest, encoder: Encoder, contents: Contents, effects: Effects
) -> Layer:
    """Pack a layer into the store and keep it there under `key`."""
    store = effects.store

    def keep(chunks: Iterable[bytes]) -> tuple[Digest, int]:
        blob = store.add(chunks)
        return blob.digest, blob.size

    layer = layers.pack(
        part.tree,
        read=contents.chunks,
        epoch=part.epoch,
        encoder=encoder,
        keep=keep,
        jobs=effects.jobs,
    )
    described = canonical.to_bytes({"key": key.hex, "layer": results.layer_to_json(layer)})
    store.derive("layer", key, store.add([described]).digest)
    return layer


def _kept(key: Digest, store: Store) -> Layer | None:
    """Return the layer kept under `key`, if all of it is still in the store."""
    found = store.derived("layer", key)
    if found is None:
        return None
    try:
        document = json.loads(store.read(found))
        layer, of = results.layer_from_json(document["layer"]), document["key"]
    except (ValueError, KeyError, TypeError):  # the pointer leads to something else
        return None
    return layer if of == key.hex and store.find(layer.digest) else None
