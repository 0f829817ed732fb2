"""Bundles: what one descriptor leads to, and what leads nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from builders.image import Blobs, make_image

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Tree
from imagesmith.oci import bundle
from imagesmith.oci.bundle import MAX_DEPTH, Bundle, Descriptor
from imagesmith.oci.image import IMAGE_INDEX, IMAGE_MANIFEST
from imagesmith.oci.reader import Archive

TREE = Tree({"/a": File.of(b"a")})
IMAGES = [make_image(TREE, Blobs(), arch=arch) for arch in ("amd64", "arm64")]


def written(document: object, kind: str = IMAGE_INDEX) -> tuple[Descriptor, bytes]:
    """Return a document and its descriptor."""
    raw = json.dumps(document).encode()
    return Descriptor(media_type=kind, digest=Digest.of(raw), size=len(raw)), raw


def problem(root: Descriptor, known: Mapping[Digest, bytes]) -> str:
    """Return why nothing can be collected from `root`."""
    with pytest.raises(MalformedArtefact) as e:
        bundle.walk(root, lambda asked: known[asked.digest], what="x")
    assert (e.value.artefact, e.value.member) == ("x", str(root.digest))
    return e.value.problem


def archive(index: object, blobs: Mapping[str, bytes] = {}) -> Archive:
    """Return an archive with an index.json."""
    members = {"index.json": json.dumps(index).encode(), **blobs}
    views = {name: memoryview(content) for name, content in members.items()}
    return Archive(name="a.tar", members=views, problems=())


def in_archive(found: Bundle) -> Bundle:
    """Read a bundle back from an archive that holds its documents."""
    blobs = {f"blobs/sha256/{digest.hex}": raw for digest, raw in found.documents.items()}
    return bundle.in_archive(archive({"manifests": [found.root.to_json()]}, blobs))


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_named_comes_before_what_names_it(count: int) -> None:
    """Manifests in the order they can be stored in; each blob once."""
    found = bundle.of(IMAGES[:count])
    (layer,) = IMAGES[0].layers

    assert [each.digest for each in found.manifests[:count]] == [i.digest for i in IMAGES[:count]]
    assert found.manifests[-1] == found.root
    assert [each.digest for each in found.images] == [i.digest for i in IMAGES[:count]]
    assert found.is_index == (count > 1)
    assert len(found.blobs) == count + 1  # one layer serves both
    assert found.members(IMAGES[0].digest)[1].digest == layer.digest


@pytest.mark.parametrize("count", [1, 2])
def test_an_archive_holds_the_bundle_it_was_made_of(count: int) -> None:
    """Read back it is the same, but for the configs' bytes."""
    found = bundle.of(IMAGES[:count])
    back = in_archive(found)

    assert (back.root, back.manifests, back.blobs) == (found.root, found.manifests, found.blobs)
    assert back.documents.items() <= found.documents.items()


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ({}, "names no things"),
        ({"manifests": []}, "names 0 things"),
        ({"manifests": [{}, {}]}, "names 2 things"),
        ({"manifests": [{}]}, "a descriptor without mediaType or digest"),
        ({"manifests": [written({})[0].to_json()]}, "missing"),
    ],
)
def test_an_archive_must_name_one_thing_it_has(index: object, text: str) -> None:
    """Otherwise nobody can say what is to be moved."""
    with pytest.raises(MalformedArtefact) as e:
        bundle.in_archive(archive(index))

    assert text in e.value.problem


def test_indices_may_nest_but_not_without_end() -> None:
    """An index that is named twice is looked at once."""
    below, raw = written({"config": written({})[0].to_json(), "layers": []}, IMAGE_MANIFEST)
    known = {below.digest: raw}
    for depth in range(MAX_DEPTH + 1):
        below, raw = written({"manifests": [below.to_json(), below.to_json()], "n": depth})
        known[below.digest] = raw
        if depth == MAX_DEPTH - 1:
            found = bundle.walk(below, lambda asked: known[asked.digest], what="x")
            assert len(found.manifests) == MAX_DEPTH + 1

    with pytest.raises(MalformedArtefact, match="more than 4 indices within each other"):
        bundle.walk(below, lambda asked: known[asked.digest], what="x")


def test_other_bytes_than_were_named_are_refused() -> None:
    """By digest and by size."""
    root, raw = written({"manifests": []})
    longer = Descriptor(media_type=root.media_type, digest=root.digest, size=root.size + 1)

    assert problem(root, {root.digest: b"{}"}).startswith("2 bytes with the digest sha256:44136f")
    assert problem(longer, {root.digest: raw}).startswith(f"{root.size} bytes with the digest")


@pytest.mark.parametrize(
    ("document", "kind", "text"),
    [
        ([], IMAGE_INDEX, "not a JSON object"),
        ({}, "text/html", "neither an image nor an index: text/html"),
        ({"mediaType": IMAGE_MANIFEST}, IMAGE_INDEX, "says it is 'application/vnd.oci.image.man"),
        ({}, IMAGE_INDEX, "no list of descriptors"),
        ({"manifests": [{}] * 1025}, IMAGE_INDEX, "no list of descriptors"),
        ({"layers": []}, IMAGE_MANIFEST, "a descriptor that is no object"),
        ({"manifests": [1]}, IMAGE_INDEX, "a descriptor that is no object"),
    ],
)
def test_documents_that_mean_nothing_are_refused(document: object, kind: str, text: str) -> None:
    """As are those that two readers could take for different things (CVE-2021-41190)."""
    root, raw = written(document, kind)

    assert problem(root, {root.digest: raw}).startswith(text)
