"""An OCI layout as a directory, for umoci, skopeo and others that work on one.

Several images can share one (image-spec 1.1, image-layout.md): what other names
in `index.json` lead to stays.  Blobs come first and `index.json` last, each whole,
so a layout never names what it does not have.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagesmith.errors import HostError, MalformedArtefact
from imagesmith.model.canonical import Json, to_bytes
from imagesmith.model.digest import Digest
from imagesmith.oci import image as documents
from imagesmith.oci import reader, whole
from imagesmith.oci.archive import Blobs
from imagesmith.oci.bundle import Bundle

VERSION = to_bytes({"imageLayoutVersion": "1.0.0"})
NAME = "org.opencontainers.image.ref.name"


def write(directory: Path, bundle: Bundle, *, reference: str, blobs: Blobs) -> Digest:
    """Add `bundle` to the layout in `directory` under `reference`; return its digest.

    The directory is made if there is none.  HostError if it is something else than a
    layout, or the host refuses; MalformedArtefact for an index.json that cannot be read.
    """
    try:
        directory.mkdir(exist_ok=True)
        with _locked(directory):
            _prepare(directory)
            others = _others(directory / "index.json", reference)
            for digest in (*(blob.digest for blob in bundle.blobs), *bundle.documents):
                _add(directory / "blobs" / "sha256" / digest.hex, digest, bundle, blobs)
            index = _index(bundle, reference, others)
            whole.write(directory / "index.json", lambda: [index])
    except OSError as error:
        raise whole.refused(directory, error) from None
    return bundle.root.digest


def _prepare(directory: Path) -> None:
    """Have a layout that names nothing yet; what a writer that was killed began is one."""
    if any(directory.iterdir()) and not (directory / "oci-layout").is_file():
        raise HostError(
            path=str(directory),
            problem="is neither empty nor an OCI layout",
            hint="name a directory that does not exist yet",
        )
    whole.write(directory / "oci-layout", lambda: [VERSION])
    (directory / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other writers of ours away from the layout meanwhile."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _add(path: Path, digest: Digest, bundle: Bundle, blobs: Blobs) -> None:
    """Write a blob unless it is there, to the last byte."""
    document = bundle.documents.get(digest)
    whole.write(path, lambda: blobs(digest) if document is None else [document])


def _others(index: Path, reference: str) -> list[Json]:
    """Return the descriptors that other names have in a layout."""
    if not index.exists():
        return []
    document = reader.parse(index.read_bytes(), artefact=str(index), member="")
    listed = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise MalformedArtefact(artefact=str(index), member="", problem="no list of manifests")
    return [each for each in listed if _name(each) != reference]


def _name(descriptor: Json) -> Json:
    annotations = descriptor.get("annotations") if isinstance(descriptor, dict) else None
    return annotations.get(NAME) if isinstance(annotations, dict) else None


def _index(bundle: Bundle, reference: str, others: list[Json]) -> bytes:
    own = documents.layout(bundle.root.to_json(), reference=reference)
    if not others:
        return own
    (named,) = _manifests(own)
    both = sorted([*others, named], key=to_bytes)
    return to_bytes({"schemaVersion": 2, "mediaType": documents.IMAGE_INDEX, "manifests": both})


def _manifests(index: bytes) -> list[Json]:
    document = reader.parse(index, artefact="index.json", member="")
    assert isinstance(document, dict), "we wrote it"
    listed = document["manifests"]
    assert isinstance(listed, list), "we wrote it"
    return listed
