"""Executing a plan: package trees in, one image out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import attrs

from imagesmith import compression
from imagesmith.build import acquire, results
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.build.results import Built
from imagesmith.manifest import mtree
from imagesmith.model.digest import Digest
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Tree
from imagesmith.oci import layer as layers
from imagesmith.rootfs import assemble, generated, metadata
from imagesmith.rootfs.overlay import Overlay, overlay
from imagesmith.store import Store
from imagesmith.trace import seeds
from imagesmith.trace.closure import Closure, Reason


@attrs.frozen(kw_only=True)
class Rootfs:
    """What a plan ships, and why."""

    tree: Tree
    closure: Closure
    reasons: Mapping[str, Reason]
    """For every path that is more than a parent directory."""
    overlay: Overlay
    warnings: tuple[str, ...] = ()


def execute(plan: Plan, effects: Effects) -> Built:
    """Make the image of `plan`, believing no kept result, and keep what comes out."""
    with Contents(effects.store) as contents:
        made = rootfs(plan, contents, effects)
        layer = layers.pack(
            made.tree,
            read=contents.chunks,
            epoch=plan.epoch,
            encoder=compression.encoder(plan.image.compression),
            keep=partial(_add, effects.store),
            jobs=effects.jobs,
        )
    result = results.built(plan, layer, mtree.to_bytes(made.tree))
    results.keep(plan, result, effects.store)
    return attrs.evolve(result, warnings=made.warnings)


def _unstartable(plan: Plan, tree: Tree) -> tuple[str, ...]:
    """Return a warning if the image starts with a path that is not in it."""
    command = (*plan.image.config.entrypoint, *plan.image.config.cmd)[:1]
    return tuple(
        f"{path}: the image starts with it, and it is not in the image"
        for path in command
        if path.startswith("/") and not isinstance(resolve(tree, path), Found)
    )


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
    warnings = closure.warnings
    if plan.rootfs.licences:
        copied = generated.ca_certificates(whole.tree) if plan.rootfs.ca_bundle else ()
        shipped = [*reasons, *(path for path, _ in copied)]
        reasons = {**metadata.licences(whole, shipped), **reasons}
        warnings += metadata.unlicensed(whole, shipped)
    tree = assemble.assemble(whole, reasons, made)
    warnings += _unstartable(plan, tree)
    reasons |= {path: Reason("generated", None) for path in made}
    return Rootfs(tree=tree, closure=closure, reasons=reasons, overlay=whole, warnings=warnings)
