"""Layers read back: from compressed blobs to the tree a runtime would see.

A blob is decompressed once, into an unnamed temporary file, however often
images name it; in memory are its entries only.  What cannot be read is a
problem of its layer, and the tree is that of the others.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import attrs

from imagesmith import compression
from imagesmith.audit import changeset
from imagesmith.audit.changeset import Changeset
from imagesmith.audit.layout import ImageFound, LayerFound
from imagesmith.audit.problem import Problem
from imagesmith.audit.reading import shown
from imagesmith.compression import Kind
from imagesmith.errors import HostError, MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Tree
from imagesmith.oci.layer import MEDIA_TYPES

MAX_LAYER = 64 * 1024**3
"""Bytes of a layer's tar."""
MAX_ENTRIES = 1_000_000
"""Entries of the layers of one image together, and of those kept for other images."""

_OCI_LAYER, _DOCKER_LAYER = "application/vnd.oci.image.layer", "application/vnd.docker.image.rootfs"
LAYERS: Mapping[str, str] = MappingProxyType(
    {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
    | {
        f"{_OCI_LAYER}.nondistributable.v1.tar": "none",
        f"{_OCI_LAYER}.nondistributable.v1.tar+gzip": "gzip",
        f"{_OCI_LAYER}.nondistributable.v1.tar+zstd": "zstd",
        f"{_DOCKER_LAYER}.diff.tar": "none",
        f"{_DOCKER_LAYER}.diff.tar.gzip": "gzip",
        f"{_DOCKER_LAYER}.diff.tar.zstd": "zstd",
        f"{_DOCKER_LAYER}.foreign.diff.tar.gzip": "gzip",
    }
)
"""How each media type says the tar is compressed."""


@attrs.frozen(kw_only=True)
class LayersFound:
    """The layers of an image, applied over each other."""

    tree: Tree
    diff_ids: tuple[Digest, ...]
    """Computed, of the layers that decompress."""
    problems: tuple[Problem, ...]


@attrs.frozen(kw_only=True)
class _Content:
    """What could be read of a blob."""

    diff_id: Digest | None = None
    changes: Changeset | None = None
    problem: str = ""

    def __len__(self) -> int:
        return len(self.changes.tree) if self.changes else 0


def read(image: ImageFound) -> LayersFound:
    """Decompress, hash and index every layer; HostError if there is no room to."""
    return next(read_all((image,)))


def read_all(images: Iterable[ImageFound]) -> Iterator[LayersFound]:
    """Read the layers of each image; a blob that several name is read once."""
    known: dict[Digest, _Content] = {}
    for image in images:
        yield _read(image, known)


def _read(image: ImageFound, known: dict[Digest, _Content]) -> LayersFound:
    changesets: list[Changeset] = []
    diff_ids: list[Digest] = []
    problems: set[Problem] = set()
    for layer in image.layers:
        content = _content(layer, known)
        problems.update(_problems(layer, content))
        if content.diff_id:
            diff_ids.append(content.diff_id)
        if content.changes:
            changesets.append(content.changes)
        if sum(len(changes.tree) for changes in changesets) > MAX_ENTRIES:
            text = f"more than {MAX_ENTRIES} entries in all layers"
            problems.add(Problem(layer.member, "layer", text))
            changesets.pop()
    for path in changeset.contested(changesets):
        text = f"{path}: a directory in one layer and a file or link in a lower one"
        problems.add(Problem(image.member, "layer", text))
    return LayersFound(
        tree=changeset.overlaid(changesets),
        diff_ids=tuple(diff_ids),
        problems=tuple(sorted(problems)),
    )


def _content(layer: LayerFound, known: dict[Digest, _Content]) -> _Content:
    if layer.digest not in known:
        content = _decoded(layer)
        if sum(map(len, known.values())) + len(content) > MAX_ENTRIES:
            known.clear()
        known[layer.digest] = content
    return known[layer.digest]


def _problems(layer: LayerFound, content: _Content) -> Iterator[Problem]:
    """Yield what is wrong with a layer by itself."""
    if content.problem:
        yield Problem(layer.member, "layer", content.problem)
    if content.diff_id and layer.diff_id and content.diff_id != layer.diff_id:
        text = f"config says {layer.diff_id}, its tar has {content.diff_id}"
        yield Problem(layer.member, "diff-id", text)
    kind = _kind(layer.content)
    if layer.media_type not in LAYERS:
        text = f"described as {shown(layer.media_type)}, which is no layer"
        yield Problem(layer.member, "media-type", text)
    elif LAYERS[layer.media_type] != kind:
        text = f"described as {layer.media_type}, compressed with {kind}"
        yield Problem(layer.member, "media-type", text)


def _decoded(layer: LayerFound) -> _Content:
    try:
        with decompressed(layer) as view:
            diff_id = Digest.of(view)
            try:
                changes = changeset.index(view, blob=diff_id, artefact=layer.member)
            except MalformedArtefact as error:
                return _Content(diff_id=diff_id, problem=_text(error))
            return _Content(diff_id=diff_id, changes=changes)
    except MalformedArtefact as error:
        return _Content(problem=_text(error))


@contextmanager
def decompressed(layer: LayerFound) -> Iterator[memoryview]:
    """Lend the tar of a layer, mapped from a file if it is not there already.

    MalformedArtefact if it does not decompress, HostError if there is no room to.
    """
    content, member = layer.content, layer.member
    kind = _kind(content)
    if kind == "none":
        yield content
        return
    chunks = compression.decompressed((content,), kind, what=member, limit=MAX_LAYER)
    try:
        with tempfile.TemporaryFile() as file:
            file.writelines(chunks)
            file.flush()
            if not file.tell():
                raise MalformedArtefact(
                    artefact=member, member="", problem="decompresses to nothing"
                )
            with (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as view,
            ):
                yield view
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise HostError(path=f"temporary file for {member}", problem=problem) from None


def _kind(content: memoryview) -> Kind:
    """Return the compression every consumer sees by its magic; `.lzma` has none they know."""
    kind = compression.kind_of(bytes(content[:6]))
    return "none" if kind == "lzma" else kind


def _text(error: MalformedArtefact) -> str:
    return ": ".join(part for part in (error.member, error.problem) if part)
