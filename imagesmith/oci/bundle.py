"""An image, or an index of images, with everything below it: what is moved as one thing.

The documents are kept as the bytes they are, ours or other people's, so wherever
a bundle goes its digests stay.  Layers are named, not held.  OCI image-spec 1.1:
descriptor.md, manifest.md, image-index.md; docker's media types mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import attrs

from imagesmith.errors import MalformedArtefact
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.oci import image as documents
from imagesmith.oci import reader
from imagesmith.oci.image import Image
from imagesmith.oci.reader import Archive

DOCKER = "application/vnd.docker.distribution.manifest"
INDICES = (documents.IMAGE_INDEX, f"{DOCKER}.list.v2+json")
IMAGE_MANIFESTS = (documents.IMAGE_MANIFEST, f"{DOCKER}.v2+json")
MAX_DEPTH = 4
"""Indices within each other."""
MAX_LISTED = 1024
"""Members of one list, and manifests altogether."""
MAX_TOTAL = 64 * 1024 * 1024
"""Bytes of all manifests together; they are held in memory."""


@attrs.frozen(kw_only=True)
class Descriptor:
    """What names a blob: its media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Mapping[str, Json] | None = None
    """Of an image in an index, as it is spelled there."""

    def to_json(self) -> dict[str, Json]:
        """Return it as documents have it."""
        named: dict[str, Json] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        return named if self.platform is None else {**named, "platform": self.platform}


@attrs.frozen(kw_only=True)
class Bundle:
    """Everything that one descriptor leads to."""

    root: Descriptor
    manifests: tuple[Descriptor, ...]
    """Image manifests and indices, each once, what is named before what names it."""
    blobs: tuple[Descriptor, ...]
    """Configs and layers, each once."""
    documents: Mapping[Digest, bytes]
    """The manifests' bytes, and the configs' where they are known."""

    below: Mapping[Digest, tuple[Descriptor, ...]]
    """What each manifest names, in its order; an image manifest its config first."""

    @property
    def images(self) -> tuple[Descriptor, ...]:
        """Return the image manifests."""
        return tuple(each for each in self.manifests if each.media_type not in INDICES)

    def members(self, manifest: Digest) -> tuple[Descriptor, ...]:
        """Return what one manifest names: the config and the layers, or further manifests."""
        return self.below[manifest]

    @property
    def is_index(self) -> bool:
        """Whether it may hold several images."""
        return self.root.media_type in INDICES


Fetch = Callable[[Descriptor], bytes]
"""Gives the bytes of a manifest; they need not be verified yet."""


def walk(root: Descriptor, fetch: Fetch, *, what: str) -> Bundle:
    """Collect what `root` leads to; MalformedArtefact, about `what`, where it leads nowhere."""
    walked = _Walk(fetch, what)
    walked.descend(root, depth=0)
    return Bundle(
        root=root,
        manifests=tuple(walked.manifests.values()),
        blobs=tuple(walked.blobs.values()),
        below=MappingProxyType(walked.below),
        documents=MappingProxyType(walked.documents),
    )


def in_archive(archive: Archive) -> Bundle:
    """Return what the one descriptor of an archive's `index.json` leads to."""
    listed = archive.document("index.json").get("manifests")
    if not isinstance(listed, list) or len(listed) != 1:
        count = len(listed) if isinstance(listed, list) else "no"
        problem = f"names {count} things, and exactly one can be moved"
        raise MalformedArtefact(artefact=archive.name, member="index.json", problem=problem)

    def fetch(asked: Descriptor) -> bytes:
        content = archive.blob(asked.digest)
        if content is None:
            raise MalformedArtefact(
                artefact=archive.name, member=f"blobs/sha256/{asked.digest.hex}", problem="missing"
            )
        return bytes(content)

    try:
        root = descriptor(listed[0])
    except (TypeError, ValueError) as error:
        raise MalformedArtefact(
            artefact=archive.name, member="index.json", problem=str(error)
        ) from None
    return walk(root, fetch, what=archive.name)


def of(images: Sequence[Image]) -> Bundle:
    """Return the bundle of images of our own, an index over them if there are several."""
    known = {each.digest: each.manifest for each in images}
    root = _described(images[0])
    if len(images) > 1:
        index = documents.index(images)
        root = descriptor(documents.descriptor(documents.IMAGE_INDEX, index))
        known[root.digest] = index
    found = walk(root, lambda asked: known[asked.digest], what="an image of ours")
    configs = {each.config_digest: each.config for each in images}
    return attrs.evolve(found, documents=MappingProxyType({**found.documents, **configs}))


def _described(image: Image) -> Descriptor:
    named = documents.descriptor(documents.IMAGE_MANIFEST, image.manifest)
    return descriptor({**named, "platform": documents.platform(image.arch)})


@attrs.define
class _Walk:
    fetch: Fetch
    what: str
    manifests: dict[Digest, Descriptor] = attrs.field(factory=dict)
    blobs: dict[Digest, Descriptor] = attrs.field(factory=dict)
    below: dict[Digest, tuple[Descriptor, ...]] = attrs.field(factory=dict)
    documents: dict[Digest, bytes] = attrs.field(factory=dict)

    def descend(self, found: Descriptor, *, depth: int) -> None:
        """Note a manifest after what it names."""
        if known := self.manifests.get(found.digest):
            self._expect_same(known, found)
            return
        self._expect_room(found)
        raw = self.fetch(found)
        got = Digest.of(raw)
        if got != found.digest or len(raw) != found.size:
            raise self._refused(found, f"{len(raw)} bytes with the digest {got}")
        self.documents[found.digest] = raw
        document = self._parsed(found, raw)
        named = tuple(self._named(found, document))
        self.below[found.digest] = named
        if found.media_type in INDICES:
            if depth == MAX_DEPTH:
                raise self._refused(found, f"more than {MAX_DEPTH} indices within each other")
            for below in named:
                self.descend(below, depth=depth + 1)
        else:
            self._expect_document(named[0])
            for blob in named:
                self._expect_same(self.blobs.setdefault(blob.digest, blob), blob)
        self.manifests[found.digest] = found

    def _expect_room(self, found: Descriptor) -> None:
        """Require that a manifest can be held besides those that are."""
        self._expect_document(found)
        if sum(map(len, self.documents.values())) + found.size > MAX_TOTAL:
            raise self._refused(found, f"more than {MAX_TOTAL} bytes of manifests")
        if len(self.documents) == MAX_LISTED:
            raise self._refused(found, f"more than {MAX_LISTED} manifests")

    def _expect_document(self, found: Descriptor) -> None:
        if found.size > reader.MAX_DOCUMENT:
            raise self._refused(found, f"a document of more than {reader.MAX_DOCUMENT} bytes")

    def _expect_same(self, known: Descriptor, found: Descriptor) -> None:
        """Require that what is named twice is the same to everybody."""
        if known.size != found.size:
            raise self._refused(found, f"named as {known.size} bytes and {found.size} bytes")
        if known.digest in self.manifests and known.media_type != found.media_type:
            raise self._refused(found, f"named as {known.media_type} and {found.media_type}")

    def _parsed(self, found: Descriptor, raw: bytes) -> Mapping[str, Json]:
        member = str(found.digest)
        document = reader.parse(raw, artefact=self.what, member=member)
        if not isinstance(document, Mapping):
            raise self._refused(found, "not a JSON object")
        if found.media_type not in (*INDICES, *IMAGE_MANIFESTS):
            raise self._refused(found, f"neither an image nor an index: {found.media_type}")
        if document.get("mediaType") not in (None, found.media_type):
            # A document that says otherwise could be read as something else (CVE-2021-41190).
            raise self._refused(found, f"says it is {document.get('mediaType')!a}")
        if "manifests" in document and not document.keys().isdisjoint(("config", "layers")):
            raise self._refused(found, "image and index at once")
        return document

    def _named(self, found: Descriptor, document: Mapping[str, Json]) -> Iterator[Descriptor]:
        if found.media_type in INDICES:
            yield from self._descriptors(found, document.get("manifests"))
            return
        yield from self._descriptors(found, [document.get("config")])
        yield from self._descriptors(found, document.get("layers"))

    def _descriptors(self, found: Descriptor, listed: Json) -> Iterator[Descriptor]:
        if not isinstance(listed, list | tuple) or len(listed) > MAX_LISTED:
            raise self._refused(found, "no list of descriptors")
        for item in listed:
            try:
                yield descriptor(item)
            except (TypeError, ValueError) as error:
                raise self._refused(found, str(error)) from None

    def _refused(self, found: Descriptor, problem: str) -> MalformedArtefact:
        return MalformedArtefact(artefact=self.what, member=str(found.digest), problem=problem)


def descriptor(value: Json) -> Descriptor:
    """Read a descriptor of a document; TypeError or ValueError if it is none."""
    if not isinstance(value, Mapping):
        raise TypeError("a descriptor that is no object")
    media_type, digest, size = (value.get(key) for key in ("mediaType", "digest", "size"))
    platform = value.get("platform")
    if not isinstance(media_type, str) or not isinstance(digest, str):
        raise TypeError("a descriptor without mediaType or digest")
    if type(size) is not int or size < 0:  # True is an int
        raise ValueError("a descriptor without a size")
    return Descriptor(
        media_type=media_type,
        digest=Digest.parse(digest),
        size=size,
        platform=platform if isinstance(platform, Mapping) else None,
    )
