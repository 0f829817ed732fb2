"""The documents of an image archive, every digest re-computed.

Walks from `index.json` to image manifests, configs and layers as the OCI
image-spec describes them (image-layout.md, image-index.md, manifest.md), on our
own archives and other people's.  What it can read it returns; what is wrong it
reports and goes on.  What is in the layers is left to `contents`.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from imagesmith.audit import config, docker, naming
from imagesmith.audit.problem import Problem
from imagesmith.audit.reading import MAX_LISTED, Described, Object, Reading, shown
from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.oci import image as oci
from imagesmith.oci import reader
from imagesmith.oci.reader import Archive

MAX_DEPTH = 4
"""Image indices within each other."""
MAX_IMAGES = MAX_LISTED
"""Images of one archive."""

_KNOWN = {"index.json", "oci-layout", docker.MEMBER, "repositories"}
"""Members known by their names; readers of any of the others pass over the last one."""
_DOCKER = "application/vnd.docker"
_INDICES = (oci.IMAGE_INDEX, f"{_DOCKER}.distribution.manifest.list.v2+json")
_IMAGE_MANIFESTS = (oci.IMAGE_MANIFEST, f"{_DOCKER}.distribution.manifest.v2+json")
_CONFIGS = (oci.CONFIG, f"{_DOCKER}.container.image.v1+json")
_EMPTY = "application/vnd.oci.empty.v1+json"
"""What an attestation or another artifact has for a config: `{}` (manifest.md)."""


@attrs.frozen(kw_only=True, eq=False)
class LayerFound(Described):
    """One layer of an image."""

    diff_id: Digest | None
    """What the config says of it, if it does."""


@attrs.frozen(kw_only=True, eq=False)
class ImageFound:
    """One image of an archive."""

    platform: str
    """`os/architecture[/variant]`, as its config says, or `unknown`."""
    member: str
    """Where its image manifest lies."""
    digest: Digest
    """Of the image manifest, computed."""
    config_member: str
    config_digest: Digest
    """Of the config, computed."""
    config: Object
    diff_ids: tuple[Digest, ...]
    """What the config says."""
    layers: tuple[LayerFound, ...]
    """Those that are in the archive, lowest first."""


@attrs.frozen(kw_only=True, eq=False)
class Layout:
    """What an archive holds and what is wrong with it."""

    reference: str
    """The name `index.json` gives, empty if it gives none or several."""
    digest: Digest | None
    """Of the one thing `index.json` names, computed; None if it names none or several."""
    images: tuple[ImageFound, ...]
    problems: tuple[Problem, ...]


def examine(view: memoryview, *, name: str) -> Layout:
    """Walk the archive `view`, whatever it is: what is no tar is a problem too."""
    try:
        archive = reader.read(view, name=name)
    except MalformedArtefact as error:
        text = ": ".join(part for part in (error.member, error.problem) if part)
        problem = Problem(name, "archive", text)
        return Layout(reference="", digest=None, images=(), problems=(problem,))
    return read(archive)


def read(archive: Archive) -> Layout:
    """Walk an archive from `index.json`."""
    reading = Reading(archive)
    for found in archive.problems:
        reading.problem(found.member, "archive", found.problem)
    _check_version(reading)
    walk = _Walk(reading)
    descriptors = _descriptors(reading)
    named = [walk.descend(descriptor, ("index.json",)) for descriptor in descriptors]
    images = [image for image in walk.images.values() if image is not None]
    if not images:
        reading.problem("index.json", "index", "leads to no image")
    docker.check(reading, names := naming.read(reading, descriptors), [_blobs(i) for i in images])
    for member in archive.members.keys() - reading.used - _KNOWN:
        reading.problem(member, "unreferenced", "nothing names it")
    return Layout(
        reference=names.reference,
        digest=named[0].digest if len(named) == 1 and named[0] else None,
        images=tuple(images),
        problems=tuple(sorted(reading.problems)),
    )


def _check_version(reading: Reading) -> None:
    layout = reading.document("oci-layout")
    if layout is not None and layout.get("imageLayoutVersion") != "1.0.0":
        text = f"expected 1.0.0, got {shown(layout.get('imageLayoutVersion'))}"
        reading.problem("oci-layout", "layout-version", text)


def _descriptors(reading: Reading) -> tuple[Object, ...]:
    """Return the descriptors of `index.json`, which is an image index by its name alone."""
    root = reading.document("index.json")
    if root is None:
        return ()
    _check_schema(reading, root, "index.json")
    if root.get("mediaType", oci.IMAGE_INDEX) != oci.IMAGE_INDEX:
        text = f"mediaType {shown(root['mediaType'])}, expected that of an image index"
        reading.problem("index.json", "media-type", text)
    if "layers" in root or "config" in root:
        _refuse_both(reading, "index.json")
    return reading.objects(root, "manifests", "index.json")


def _check_schema(reading: Reading, document: Object, place: str) -> None:
    version = document.get("schemaVersion")
    if type(version) is not int or version != 2:  # noqa: PLR2004 - the only one there is
        reading.problem(place, "document", f"schemaVersion: expected 2, got {shown(version)}")


def _refuse_both(reading: Reading, place: str) -> None:
    text = "an image index and an image manifest at once (CVE-2021-41190)"
    reading.problem(place, "ambiguous", text)


def _blobs(image: ImageFound) -> docker.Blobs:
    return image.config_member, tuple(layer.member for layer in image.layers)


@attrs.define
class _Walk:
    """The way down; every document is looked into once, however many name it."""

    reading: Reading
    images: dict[str, ImageFound | None] = attrs.field(factory=dict, init=False)
    """By the member of the image manifest; None for what is no image."""
    indices: set[str] = attrs.field(factory=set, init=False)

    def descend(self, descriptor: Object, above: tuple[str, ...]) -> Described | None:
        """Follow a descriptor of the last of the indices `above` to the images below it."""
        found = self.reading.described(descriptor, above[-1])
        document = self.reading.document(found.member) if found else None
        if found is None or document is None:
            return found
        _check_schema(self.reading, document, found.member)
        is_index = "manifests" in document
        _check_media_type(self.reading, found, document, _INDICES if is_index else _IMAGE_MANIFESTS)
        if is_index and ("layers" in document or "config" in document):
            _refuse_both(self.reading, found.member)
        elif is_index:
            self._index(found, document, above)
        else:
            self._image(found, document)
            _check_platform(self.reading, descriptor, self.images.get(found.member))
        return found

    def _index(self, found: Described, document: Object, above: tuple[str, ...]) -> None:
        if found.member in above:
            self.reading.problem(found.member, "index", "an image index within itself")
        elif len(above) > MAX_DEPTH:
            text = f"more than {MAX_DEPTH} image indices within each other"
            self.reading.problem(found.member, "index", text)
        elif found.member not in self.indices:
            self.indices.add(found.member)
            descriptors = self.reading.objects(document, "manifests", found.member)
            if not descriptors:
                self.reading.problem(found.member, "index", "an image index without images")
            for descriptor in descriptors:
                self.descend(descriptor, (*above, found.member))

    def _image(self, found: Described, document: Object) -> None:
        if found.member in self.images:
            return
        if len(self.images) == MAX_IMAGES:
            text = f"more than {MAX_IMAGES} images, only these are looked at"
            self.reading.problem("index.json", "index", text)
            return
        self.images[found.member] = _image(self.reading, found, document)


def _check_media_type(
    reading: Reading, found: Described, document: Object, expected: Sequence[str]
) -> None:
    stated = document.get("mediaType")
    if stated != found.media_type:
        text = f"mediaType {shown(stated)}, its descriptor says {shown(found.media_type)}"
        reading.problem(found.member, "media-type", text)
    if found.media_type not in expected:
        text = f"described as {shown(found.media_type)}, expected {expected[0]}"
        reading.problem(found.member, "media-type", text)


def _check_platform(reading: Reading, descriptor: Object, image: ImageFound | None) -> None:
    if image is None or "platform" not in descriptor:
        return
    stated = descriptor["platform"]
    named = config.platform(stated) if isinstance(stated, dict) else ""
    if not config.same_platform(named, image.platform):
        text = f"{named or config.UNKNOWN} in the index, {image.platform} in the config"
        reading.problem(image.member, "platform", text)


def _image(reading: Reading, found: Described, document: Object) -> ImageFound | None:
    """Return the image that an image manifest describes; None if it is no image."""
    described = _config(reading, found, document)
    descriptors = reading.objects(document, "layers", found.member)
    layers = [reading.described(item, found.member) for item in descriptors]
    if described is None or _is_artifact(document, described):
        return None
    if described.media_type not in _CONFIGS:
        text = f"described as {shown(described.media_type)}, expected {_CONFIGS[0]}"
        reading.problem(described.member, "media-type", text)
    content = reading.document(described.member)
    if content is None:
        return None
    stated = config.read(reading, described.member, content, layers=len(layers))
    if len(stated.diff_ids) != len(layers):
        text = f"{len(layers)} layers, {len(stated.diff_ids)} diff-ids"
        reading.problem(found.member, "diff-id", text)
    diff_ids = (*stated.diff_ids, *(None for _ in layers))
    return ImageFound(
        platform=stated.platform,
        member=found.member,
        digest=found.digest,
        config_member=described.member,
        config_digest=described.digest,
        config=content,
        diff_ids=tuple(diff_id for diff_id in stated.diff_ids if diff_id),
        layers=tuple(
            LayerFound(**attrs.asdict(layer, recurse=False), diff_id=diff_id)
            for layer, diff_id in zip(layers, diff_ids, strict=False)
            if layer
        ),
    )


def _config(reading: Reading, found: Described, document: Object) -> Described | None:
    wanted = document.get("config")
    if isinstance(wanted, dict):
        return reading.described(wanted, found.member)
    text = f"config: expected an object, got {shown(wanted)}"
    reading.problem(found.member, "document", text)
    return None


def _is_artifact(document: Object, described: Described) -> bool:
    """Say whether this is an attestation or the like: a config that runs nothing, a type."""
    empty = described.media_type == _EMPTY and bytes(described.content[:3]) == b"{}"
    return empty and isinstance(document.get("artifactType"), str)
