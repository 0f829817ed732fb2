"""From one archive to any destination, without changing what an image is."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

from imagesmith.audit import contents, exporting
from imagesmith.audit.contents import LayersFound
from imagesmith.audit.layout import ImageFound, Layout
from imagesmith.errors import UsageError
from imagesmith.model import arch as arches
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.oci import archive, directory, docker, tar, whole
from imagesmith.oci import bundle as bundles
from imagesmith.oci.bundle import Bundle
from imagesmith.oci.destination import Destination
from imagesmith.oci.reader import Archive


@attrs.frozen(kw_only=True)
class Source:
    """An archive that was found sound."""

    archive: Archive
    layout: Layout
    reference: str

    @property
    def bundle(self) -> Bundle:
        """Everything in it."""
        return bundles.in_archive(self.archive)

    def blob(self, digest: Digest) -> memoryview:
        """Return a blob."""
        found = self.archive.blob(digest)
        assert found is not None, "a sound archive has what it names"
        return found

    def created(self, image: ImageFound) -> int:
        """Return the one time of an image, seconds since 1970."""
        return exporting.created(image.config)


def write(source: Source, destination: Destination, *, arch: str) -> Digest:
    """Write what `source` holds, or its image for `arch`; return the digest it is known by.

    That of an image manifest or index; of a root filesystem's tar, the diff-id.
    """
    if destination.is_one_image:
        image = chosen(source.layout, arch, str(destination))
        return _write_one(source, image, destination)
    if arch not in ("", "all"):
        raise UsageError(
            problem=f"--arch {arch}: {destination} holds what the archive holds",
            hint="docker-archive:, dir: and tar: hold one architecture",
        )
    bundle = source.bundle
    if destination.kind == "oci":
        return directory.write(
            destination.path, bundle, reference=source.reference, blobs=_blobs(source)
        )
    epoch = max(source.created(image) for image in source.layout.images)
    return archive.write(
        destination.path, bundle, reference=source.reference, blobs=_blobs(source), epoch=epoch
    )


def _blobs(source: Source) -> archive.Blobs:
    return lambda digest: [source.blob(digest)]


def chosen(layout: Layout, arch: str, what: str) -> ImageFound:
    """Return the image for `arch`, which may be empty if there is one only."""
    images = {image.platform: image for image in layout.images}
    if not arch and len(images) == 1:
        return next(iter(images.values()))
    if not arch:
        raise UsageError(
            problem=f"{what} holds one architecture, and there are {', '.join(sorted(images))}",
            hint="choose one with --arch",
        )
    try:
        wanted = arches.parse(arch)
    except ValueError as error:
        raise UsageError(problem=f"--arch: {error}") from None
    name = "/".join(filter(None, ("linux", wanted.oci, wanted.variant)))
    if name not in images:
        raise UsageError(
            problem=f"--arch {arch}: there is no such image",
            hint=f"there are {', '.join(sorted(images))}",
        )
    return images[name]


def _write_one(source: Source, image: ImageFound, destination: Destination) -> Digest:
    found = contents.read(image)
    exporting.require_sound(found.problems, source.archive.name)
    epoch = source.created(image)
    if destination.kind == "dir":
        _write_root(destination.path, found, image, epoch)
        return image.digest
    with _layers(image, found.diff_ids) as layers:

        def read(file: File) -> list[bytes | memoryview]:
            match file.content:
                case Span(blob, offset):
                    return [layers[blob][offset : offset + file.size]]
                case content:
                    return [content]

        tree = found.tree
        if destination.kind == "docker-archive":
            tree = _docker(source, image, found.diff_ids, layers)
        whole.write(destination.path, lambda: tar.stream(tree, read=read, epoch=epoch))
        if destination.kind == "docker-archive":
            return image.digest
        with destination.path.open("rb") as file:
            return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def _docker(
    source: Source,
    image: ImageFound,
    diff_ids: tuple[Digest, ...],
    layers: Mapping[Digest, memoryview],
) -> Tree:
    config = bytes(source.blob(image.config_digest))
    sizes = {diff_id: len(view) for diff_id, view in layers.items()}
    return docker.contents(config, diff_ids, sizes, source.reference)


def _write_root(path: Path, found: LayersFound, image: ImageFound, epoch: int) -> None:
    """Write a root filesystem into a directory that is not there yet, whole or not at all."""
    from imagesmith.sandbox.trees import export

    whole.refuse_present(path)
    draft = path.with_name(f".{path.name}.tmp-{os.urandom(8).hex()}")
    layers = zip(found.diff_ids, map(contents.decompressed, image.layers), strict=True)
    try:
        export.populate(
            draft, found.tree, layers=layers, epoch=epoch, what=str(path), keep=export.WHOLE
        )
        draft.rename(path)
    except PermissionError as error:
        hint = "only root can give files to others; tar:FILE says whose they are without that"
        raise attrs.evolve(whole.refused(path, error), hint=hint) from None
    except OSError as error:
        raise whole.refused(path, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _layers(
    image: ImageFound, diff_ids: tuple[Digest, ...]
) -> Iterator[Mapping[Digest, memoryview]]:
    """Lend the tars of an image's layers by their diff-ids."""
    with ExitStack() as stack:
        yield {
            diff_id: stack.enter_context(contents.decompressed(layer))
            for diff_id, layer in zip(diff_ids, image.layers, strict=True)
        }
