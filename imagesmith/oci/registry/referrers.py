"""What refers to an image: signatures, provenance, descriptions, kept beside it.

Distribution-spec 1.1, "Listing Referrers" and "Pushing Manifests with Subject".  A
registry that knows neither keeps the list under a tag made of the subject's digest,
which whoever attaches something maintains.  What a list says is what the registry
says: whoever uses a referrer verifies it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import attrs

from imagesmith.errors import MalformedArtefact, NetworkError
from imagesmith.model.canonical import Json, to_bytes
from imagesmith.model.digest import Digest
from imagesmith.oci import bundle as bundles
from imagesmith.oci import reader
from imagesmith.oci.bundle import MAX_LISTED, Descriptor
from imagesmith.oci.image import IMAGE_INDEX, IMAGE_MANIFEST
from imagesmith.oci.registry.repository import Repository

EMPTY = b"{}"
"""The config of what has none (image-spec 1.1, manifest.md, "Guidance for an Empty Descriptor")."""
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
MAX_PAGES = 64
TRIES = 5
"""Writers who add to one list at the same time overwrite each other; each looks again."""


@attrs.frozen(kw_only=True)
class Referrer:
    """A manifest that names another as its subject."""

    descriptor: Descriptor
    artifact_type: str
    annotations: Mapping[str, str] = MappingProxyType({})

    def to_json(self) -> dict[str, Json]:
        """Return it as a list of referrers has it."""
        notes: dict[str, Json] = {"annotations": dict(self.annotations)} if self.annotations else {}
        return {**self.descriptor.to_json(), "artifactType": self.artifact_type, **notes}


def tag(subject: Digest) -> str:
    """Return the tag under which a registry without the referrers API keeps the list."""
    return f"sha256-{subject.hex}"


def find(
    repository: Repository, subject: Digest, *, artifact_type: str = ""
) -> tuple[Referrer, ...]:
    """Return what refers to `subject`, of one type if asked, in the order of the registry."""
    listed = _paged(repository, subject)
    known = _read(repository, _tagged(repository, subject) if listed is None else listed)
    return tuple(each for each in known if artifact_type in ("", each.artifact_type))


def attach(
    repository: Repository,
    subject: Descriptor,
    *,
    artifact_type: str,
    contents: Sequence[tuple[str, bytes]],
    annotations: Mapping[str, str] = MappingProxyType({}),
) -> Referrer:
    """Store `contents`, each with its media type, as an artefact that refers to `subject`.

    Done twice it is there once.  NetworkError if others keep changing the list.
    """
    blobs = [(EMPTY_TYPE, EMPTY), *contents]
    named = [_described(media_type, content) for media_type, content in blobs]
    for descriptor, (_, content) in zip(named, blobs, strict=True):
        repository.send(descriptor, memoryview(content))
    notes: dict[str, Json] = {"annotations": dict(annotations)} if annotations else {}
    manifest = to_bytes(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": artifact_type,
            "config": named[0].to_json(),
            "layers": [each.to_json() for each in named[1:]],
            "subject": attrs.evolve(subject, platform=None).to_json(),
            **notes,
        }
    )
    descriptor = _described(IMAGE_MANIFEST, manifest)
    made = Referrer(descriptor=descriptor, artifact_type=artifact_type, annotations=annotations)
    said = repository.put(str(descriptor.digest), descriptor, manifest)
    if said != str(subject.digest):  # OCI-Subject: the registry keeps no list of its own
        _list(repository, subject.digest, made)
    return made


def _described(media_type: str, content: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))


def _list(repository: Repository, subject: Digest, made: Referrer) -> None:
    """Add a referrer to the list under the tag, until it is found there."""
    for attempt in range(TRIES + 1):
        listed = _tagged(repository, subject)
        if made.descriptor.digest in {each.descriptor.digest for each in _read(repository, listed)}:
            return
        if attempt == TRIES:
            break
        if attempt:
            repository.session.pause(attempt)
        both = [*listed, made.to_json()]
        index = to_bytes({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": both})
        repository.put(tag(subject), _described(IMAGE_INDEX, index), index)
    raise NetworkError(
        what=f"{repository.session.place.name}:{tag(subject)}",
        problem="others keep changing the list of referrers",
        hint="try again later",
    )


def _paged(repository: Repository, subject: Digest) -> list[Json] | None:
    """Return the registry's own list; None if it keeps none."""
    path = f"referrers/{subject}"
    listed: list[Json] = []
    for _ in range(MAX_PAGES):
        page = repository.page(path)
        if page is None:
            return None
        listed += _manifests(repository, page.content)
        if not page.following:
            return listed
        path = page.following
    raise _malformed(repository, f"more than {MAX_PAGES} pages")


def _tagged(repository: Repository, subject: Digest) -> list[Json]:
    found = repository.page(f"manifests/{tag(subject)}")
    return [] if found is None else _manifests(repository, found.content)


def _manifests(repository: Repository, content: bytes) -> list[Json]:
    document = reader.parse(content, artefact=str(repository.session.place), member="referrers")
    listed = document.get("manifests") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or len(listed) > MAX_LISTED:
        raise _malformed(repository, "no list of manifests")
    return listed


def _read(repository: Repository, listed: Sequence[Json]) -> Iterator[Referrer]:
    for each in listed:
        try:
            descriptor = bundles.descriptor(each)
        except (TypeError, ValueError) as error:
            raise _malformed(repository, str(error)) from None
        assert isinstance(each, Mapping), "a descriptor is one"
        kind, notes = each.get("artifactType", ""), each.get("annotations")
        yield Referrer(
            descriptor=descriptor,
            artifact_type=kind if isinstance(kind, str) else "",
            annotations=MappingProxyType(
                {key: text for key, text in notes.items() if isinstance(text, str)}
                if isinstance(notes, Mapping)
                else {}
            ),
        )


def _malformed(repository: Repository, problem: str) -> MalformedArtefact:
    return MalformedArtefact(
        artefact=str(repository.session.place), member="referrers", problem=problem
    )
