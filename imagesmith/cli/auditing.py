"""What `verify` and `inspect` share: an archive or a directory, read and walked."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

import attrs

from imagesmith.audit import contents, expectation, layout
from imagesmith.audit.contents import LayersFound
from imagesmith.audit.expectation import Comparison, Result
from imagesmith.audit.layout import ImageFound, Layout
from imagesmith.audit.problem import Problem
from imagesmith.cli.documents import ImageDirectory, refused
from imagesmith.errors import UsageError
from imagesmith.manifest import mtree
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.arch import Arch


def read(path: Path) -> Layout:
    """Read an image archive; the file stays mapped as long as anything of it is referred to."""
    return layout.examine(mapped(path), name=str(path))


def mapped(path: Path) -> memoryview:
    """Map a file that is to be an image."""
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise UsageError(problem=f"{path}: an empty file is no image")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise refused(path, error) from None


@attrs.frozen(kw_only=True)
class Checked:
    """One image with its layers read, held against a manifest if there is one."""

    image: ImageFound
    layers: LayersFound
    comparison: Comparison | None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return everything wrong with this image."""
        return self.layers.problems + (self.comparison.problems if self.comparison else ())


def check(
    found: Layout, manifest: Manifest | None, beside: ImageDirectory | None
) -> tuple[Checked, ...]:
    """Read the layers of every image and hold them against what a manifest expects."""
    layers = contents.read_all(found.images)
    pairs = zip(found.images, layers, strict=True)
    return tuple(_check(image, layers, manifest, beside) for image, layers in pairs)


def _check(
    image: ImageFound,
    layers: LayersFound,
    manifest: Manifest | None,
    beside: ImageDirectory | None,
) -> Checked:
    comparison = None
    arch = manifest and next((a for a in manifest.architectures if _is(a, image)), None)
    if manifest and arch and beside:
        expected = manifest.expectation(arch)
        assert expected is not None, "a parsed manifest expects something of each architecture"
        result = Result(
            arch=arch.debian,
            rootfs=mtree.to_bytes(layers.tree),
            diff_ids=layers.diff_ids,
            config=image.config_digest,
            image=image.digest,
        )
        comparison = expectation.compare(result, expected, beside.recorded(arch.debian))
    elif manifest:
        unknown = Problem(image.platform, "platform", f"{manifest.name} is not locked for it")
        layers = attrs.evolve(layers, problems=(*layers.problems, unknown))
    return Checked(image=image, layers=layers, comparison=comparison)


def _is(arch: Arch, image: ImageFound) -> bool:
    parts = ("linux", arch.oci, arch.variant)
    return "/".join(part for part in parts if part) == image.platform


def naming(
    found: Layout, manifest: Manifest, comparisons: Sequence[Comparison]
) -> tuple[Problem, ...]:
    """Check the name that loading would give the images, and the index over all of them."""
    problems: tuple[Problem, ...] = ()
    if found.reference != manifest.reference:
        text = f"expected {manifest.reference}, got {found.reference or 'none'}"
        problems = (Problem("index.json", "reference", text),)
    if len(found.images) == len(manifest.architectures):
        index = manifest.expect_index
        problems += expectation.index_problems(comparisons, found.digest, index)
    return problems
