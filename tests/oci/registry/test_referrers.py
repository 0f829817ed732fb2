"""What refers to an image, in registries that keep lists of it and in those that do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from builders.registry import Registry

from imagesmith.errors import MalformedArtefact, NetworkError
from imagesmith.fetch.exchange import Client
from imagesmith.fetch.web import Options
from imagesmith.model.digest import Digest
from imagesmith.oci.bundle import Descriptor
from imagesmith.oci.image import IMAGE_INDEX, IMAGE_MANIFEST
from imagesmith.oci.registry import referrers
from imagesmith.oci.registry.name import parse
from imagesmith.oci.registry.referrers import Referrer, attach, find, tag
from imagesmith.oci.registry.repository import Repository
from imagesmith.oci.registry.session import Session

IMAGE = b'{"config": {}}'
SUBJECT = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(IMAGE), size=len(IMAGE))
NOTE, OTHER = "application/vnd.example.note", "application/vnd.example.other"


@contextmanager
def opened(registry: Registry) -> Iterator[Repository]:
    """Lend a repository; nobody waits between two tries."""
    options = Options(backoff=0.0)
    with Client(options, {}) as client:
        place = parse(f"{registry.host}/app:1")
        session = Session(place=place, exchange=client.exchange, plain=True, backoff=0.0)
        yield Repository(session=session, options=options)


def attached(repository: Repository, text: bytes, artifact_type: str = NOTE) -> Referrer:
    """Attach a text to the subject."""
    return attach(repository, SUBJECT, artifact_type=artifact_type, contents=[("text/plain", text)])


@pytest.mark.parametrize("has_referrers", [True, False])
def test_what_was_attached_is_found(*, has_referrers: bool) -> None:
    """All of it, on however many pages, or of one type; the tag is made only where it is needed."""
    with Registry() as registry, opened(registry) as repository:
        registry.has_referrers = has_referrers
        assert find(repository, SUBJECT.digest) == ()
        notes = [attached(repository, bytes([letter])) for letter in b"abc"]
        other = attached(repository, b"d", OTHER)
        found = find(repository, SUBJECT.digest)
        of_one_type = find(repository, SUBJECT.digest, artifact_type=OTHER)
        manifests = registry.repo("app").manifests

    assert {each.descriptor.digest for each in found} == {
        each.descriptor.digest for each in (*notes, other)
    }
    assert len(found) == 4
    assert of_one_type == (other,)
    assert (tag(SUBJECT.digest) in manifests) is not has_referrers


def test_an_artefact_names_its_subject() -> None:
    """By an image manifest with an empty config, as the specification has it."""
    with Registry() as registry, opened(registry) as repository:
        made = attach(
            repository,
            SUBJECT,
            artifact_type=NOTE,
            contents=[("text/plain", b"a")],
            annotations={"k": "v"},
        )
        kind, content = repository.manifest(str(made.descriptor.digest))
        (found,) = find(repository, SUBJECT.digest)
        blobs = registry.repo("app").blobs
    document = json.loads(content)

    assert kind == IMAGE_MANIFEST
    assert found == made
    assert document["subject"] == SUBJECT.to_json()
    assert document["artifactType"] == NOTE
    assert blobs[document["config"]["digest"]] == b"{}"
    assert [blobs[each["digest"]] for each in document["layers"]] == [b"a"]


def test_attaching_twice_is_attaching_once() -> None:
    """The list does not grow, and is not written again."""
    with Registry() as registry, opened(registry) as repository:
        attached(repository, b"a")
        before = registry.repo("app").manifests[tag(SUBJECT.digest)]
        attached(repository, b"a")

        assert registry.repo("app").manifests[tag(SUBJECT.digest)] == before


def test_who_is_overwritten_writes_again() -> None:
    """Two who add to one list at once; trying ends."""
    with Registry() as registry, opened(registry) as repository:
        registry.rivals = referrers.TRIES - 1
        made = attached(repository, b"a")
        assert find(repository, SUBJECT.digest) == (made,)
        registry.rivals = referrers.TRIES
        with pytest.raises(NetworkError, match="others keep changing the list"):
            attached(repository, b"b")


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{}", b"{", b'{"manifests": [1]}', b'{"manifests": {}}'],
)
def test_a_list_that_is_none_is_malformed(content: bytes) -> None:
    """And is not overwritten."""
    with Registry() as registry, opened(registry) as repository:
        registry.repo("app").manifests[tag(SUBJECT.digest)] = (IMAGE_INDEX, content)
        with pytest.raises(MalformedArtefact):
            find(repository, SUBJECT.digest)
        with pytest.raises(MalformedArtefact):
            attached(repository, b"a")

        assert registry.repo("app").manifests[tag(SUBJECT.digest)] == (IMAGE_INDEX, content)


def test_pages_come_to_an_end() -> None:
    """Though the registry always names another."""
    with Registry() as registry, opened(registry) as repository:
        registry.has_referrers = True
        for letter in b"abcde":
            attached(repository, bytes([letter]))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(referrers, "MAX_PAGES", 2)
            with pytest.raises(MalformedArtefact, match="more than 2 pages"):
                find(repository, SUBJECT.digest)

        assert len(find(repository, SUBJECT.digest)) == 5


def test_a_registry_that_refuses_is_an_error() -> None:
    """With its words."""
    with Registry() as registry, opened(registry) as repository:
        registry.denied = 403, "DENIED"
        with pytest.raises(NetworkError, match="403"):
            find(repository, SUBJECT.digest)
