"""From a trusted manifest to images that meet its expectations, and into an archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from imagesmith import compression
from imagesmith.audit import expectation
from imagesmith.audit.expectation import Comparison, Result
from imagesmith.audit.problem import Problem
from imagesmith.build import plan, results
from imagesmith.build.effects import Effects
from imagesmith.build.results import Built
from imagesmith.errors import NotReproducible
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Expectation
from imagesmith.manifest.sections import Compression
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.oci import archive, bundle
from imagesmith.oci import image as oci
from imagesmith.trust.trusted import TrustedManifest

KEYS = {"diff-id": "diff-ids"}
"""Problem codes whose key in `[expect.ARCH]` is spelled otherwise."""
Recorded = Callable[[str], bytes | None]
"""Gives the bytes of ARCH.mtree beside the manifest, if it is there."""


@attrs.frozen(kw_only=True)
class Delivery:
    """The images of a manifest, checked against its expectations."""

    manifest: Manifest
    built: tuple[Built, ...]
    comparisons: tuple[Comparison, ...]
    compressed: Compression | None = None
    """How layers are compressed, where it is not as the manifest says."""

    @property
    def images(self) -> tuple[oci.Image, ...]:
        """Return the images, sorted by architecture."""
        return tuple(result.image for result in self.built)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return everything in which the images are not the expected ones."""
        found = tuple(problem for each in self.comparisons for problem in each.problems)
        if found or len(self.comparisons) < len(self.manifest.architectures):
            return found
        index = self.manifest.expect_index
        return expectation.index_problems(self.comparisons, self.digest, index)

    @property
    def digest(self) -> Digest:
        """Return the digest people know the result by."""
        return oci.digest(self.images)


def build(
    trusted: TrustedManifest,
    arches: Sequence[Arch],
    effects: Effects,
    *,
    recorded: Recorded,
    compressed: Compression | None = None,
) -> Delivery:
    """Build `arches` of a manifest and hold each result against what is expected.

    `compressed` overrides how layers are compressed, which leaves an image
    equivalent at best.
    """
    manifest = trusted.manifest
    built: list[Built] = []
    comparisons: list[Comparison] = []
    for arch in arches:
        expected = manifest.expectation(arch)
        assert expected is not None, "a parsed manifest has an expectation for each architecture"
        chosen = planned(manifest, arch, compressed)
        exact = chosen.encoder == manifest.encoder
        result = _made(chosen, expected, effects, exact=exact)
        beside = recorded(arch.debian)
        found = expectation.compare(_result(result, arch), expected, beside, exact=exact)
        built.append(result)
        comparisons.append(found)
    return Delivery(
        manifest=manifest,
        built=tuple(built),
        comparisons=tuple(comparisons),
        compressed=compressed,
    )


def _made(chosen: plan.Plan, expected: Expectation, effects: Effects, *, exact: bool) -> Built:
    """Return the result of a plan: kept from an earlier time, or made now.

    A kept result, or layer, is a claim about which layer has which diff-id.  It is
    believed only where its image is the expected one to the last byte.
    """
    found = None if effects.fresh else results.kept(chosen, effects.store)
    if found is not None and found.image.digest == expected.image:
        return found
    from imagesmith.build import execute  # a kept result needs none of it

    # Layers by another encoder are never the expected ones to the last byte.
    result = execute.execute(chosen, effects, reuse=exact and not effects.fresh)
    if result.kept and result.image.digest != expected.image:  # it was not worth believing
        return execute.execute(chosen, effects)
    return result


def planned(manifest: Manifest, arch: Arch, compressed: Compression | None) -> plan.Plan:
    """Return the plan of `manifest` for an architecture, its layers `compressed` otherwise."""
    image = attrs.evolve(manifest.image, compression=compressed or manifest.image.compression)
    encoder = compression.encoder(image.compression)
    return plan.plan(attrs.evolve(manifest, image=image), arch, encoder=encoder.implementation)


def _result(built: Built, arch: Arch) -> Result:
    return Result(
        arch=arch.debian,
        rootfs=built.mtree,
        diff_ids=tuple(layer.diff_id for layer in built.image.layers),
        config=built.image.config_digest,
        image=built.image.digest,
    )


def demand(delivery: Delivery, *, document: str) -> None:
    """Refuse images that are not what the manifest expects: NotReproducible."""
    problems = delivery.problems
    if problems:
        first = problems[0]
        expected, _, got = first.problem.removeprefix("expected ").partition(", got ")
        key = KEYS.get(first.code, first.code)
        raise NotReproducible(
            document=document,
            place="expect.index" if key == "index" else f"expect.{first.place}.{key}",
            expected=expected,
            got=got,
            differences=tuple(each.problem for each in problems if each.code == "file"),
            hint="if the change is intended, lock again and review the difference",
        )


def write(delivery: Delivery, path: Path, effects: Effects) -> None:
    """Write the images as one archive; a file that already is that archive is left alone."""
    archive.write(
        path,
        bundle.of(delivery.images),
        reference=delivery.manifest.reference,
        blobs=effects.store.chunks,
        epoch=delivery.manifest.epoch,
    )
