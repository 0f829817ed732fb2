"""No archive makes the audit raise, and no changed byte passes for the image it was in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.image import write_archive
from builders.layout import Amend, Archive, Document, Layer, make, zipped
from builders.tar import make_tar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagesmith.audit import contents, layout
from imagesmith.audit.layout import Layout
from imagesmith.audit.problem import CODES, Problem
from imagesmith.compression import EncoderKind
from imagesmith.errors import MalformedArtefact
from imagesmith.manifest import mtree
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree
from imagesmith.oci import reader

_ENTRIES: dict[str, Entry] = {
    "/etc": Directory(),
    "/etc/motd": File.of(b"hello\n"),
    "/motd": Symlink(target="etc/motd"),
    "/n": File.of(b"", mode=0o4755),
    "/o": Hardlink(target="/n"),
}
SMALL = Tree(_ENTRIES)
ROLES = ["config", "manifest", "index", "index.json", "oci-layout", "manifest.json"]

SOUND = {images: make(layers=[Layer(), zipped()], nested=True, images=images) for images in (1, 2)}

KEYS = st.sampled_from(
    [
        *("manifests", "layers", "config", "digest", "size", "mediaType", "annotations", "data"),
        *("rootfs", "diff_ids", "type", "history", "empty_layer", "os", "architecture", "platform"),
        *("Config", "Layers", "RepoTags", "artifactType", "org.opencontainers.image.ref.name"),
    ]
) | st.text(max_size=3)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from([2.0, 1e300, 10**40, float("inf")])
    | st.sampled_from(["", "sha256:" + "0" * 64, "sha512:0", "linux", "layers", "\ud800", "\x1b"])
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def places(document: Document) -> list[tuple[str | int, ...]]:
    """Return every place in a document, its root first."""
    found: list[tuple[str | int, ...]] = [()]
    inner: Any = document.items() if isinstance(document, dict) else ()
    inner = enumerate(document) if isinstance(document, list) else inner
    for key, value in inner:
        found += [(key, *rest) for rest in places(value)]
    return found


def replacing(drawn: st.DataObject) -> Amend:
    """Put any JSON anywhere: instead of a value, or beside it under another key."""

    def amended(document: Document) -> Document:
        for _ in range(drawn.draw(st.integers(1, 2))):
            place = drawn.draw(st.sampled_from(places(document)))
            value = drawn.draw(JSON)
            if not place:
                return value
            inner = document
            for key in place[:-1]:
                inner = inner[key]
            if isinstance(inner, dict) and drawn.draw(st.booleans()):
                inner[drawn.draw(KEYS)] = value
            else:
                inner[place[-1]] = value
        return document

    return amended


def always(document: Document) -> Amend:
    """Write this instead of any document."""
    return lambda _: document


def examined(content: bytes) -> tuple[Layout, tuple[Problem, ...]]:
    """Walk an archive and read its layers; whatever is found can be written down."""
    found = layout.examine(memoryview(content), name="a.tar")
    problems = list(found.problems)
    for image in contents.read_all(found.images):
        problems += image.problems
        assert mtree.to_bytes(image.tree)
    assert all(problem.code in CODES for problem in problems)
    assert all(str(problem).isprintable() for problem in problems)
    assert json.dumps([problem.to_json() for problem in problems])
    return found, tuple(problems)


def essence(found: Layout) -> list[tuple[object, ...]]:
    """Return what a runtime unpacks of each image."""
    return [
        (image.platform, image.diff_ids, tuple(layer.digest for layer in image.layers))
        for image in found.images
    ]


class TestDocuments:
    """Any JSON value anywhere, digests made right again."""

    @given(
        st.data(),
        st.sets(st.sampled_from(ROLES), min_size=1, max_size=2),
        st.sampled_from(list(SOUND)),
    )
    @settings(deadline=None, max_examples=200)
    def test_no_document_makes_it_raise_or_believe_another_image(
        self, drawn: st.DataObject, roles: set[str], images: int
    ) -> None:
        """Without problems the layers and platform are still those that were packed."""
        changed = make(
            dict.fromkeys(roles, replacing(drawn)),
            layers=[Layer(), zipped()],
            nested=True,
            images=images,
        )
        found, problems = examined(changed.content)

        assert problems or essence(found) == essence(SOUND[images].layout())

    @given(st.dictionaries(st.sampled_from(ROLES), JSON, min_size=1))
    @settings(deadline=None, max_examples=80)
    def test_documents_may_be_anything(self, documents: dict[str, Document]) -> None:
        """Whole documents, several at once."""
        changed = make({role: always(documents[role]) for role in documents}, nested=True)

        assert examined(changed.content)[1]

    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize(
        "content",
        [
            *(b"", b"null", b"[]", b"{}", b'""', b"\xff", b"[" * 2000, b'{"a":' * 2000),
            *(b"1" * 5000, b"NaN", b'{"a":1,"a":1}', b"[" * 900 + b"]" * 900),
            b'{"manifests":' + b"[" * 900 + b"]" * 900 + b"}",
        ],
    )
    def test_odd_documents_are_problems(self, role: str, content: bytes) -> None:
        """Parsers fall over these."""
        assert examined(make({role: always(content)}, nested=True).content)[1]


class TestFlips:
    """Archives of ours, one byte of them changed."""

    @pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
    @given(drawn=st.data())
    @settings(
        deadline=None, max_examples=120, suppress_health_check=[HealthCheck.differing_executors]
    )
    def test_a_changed_byte_is_a_problem_or_outside_of_every_member(
        self, drawn: st.DataObject, kind: EncoderKind, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """What remains is how a tar spells checksums and pads, and the names of optional keys."""
        original = written(tmp_path_factory, kind)
        content = bytearray(original)
        position = drawn.draw(st.integers(0, len(content) - 1))
        content[position] ^= drawn.draw(st.integers(1, 255))
        found, problems = examined(bytes(content))

        honest = Archive(original, {}).layout()
        optional = {
            where
            for key, find in ((b"platform", original.find), (b"mediaType", original.rfind))
            for where in range(find(key), find(key) + len(key))
        }

        assert problems or members(bytes(content)) == members(original) or position in optional
        assert problems or (found.digest, found.reference) == (honest.digest, honest.reference)
        assert problems or essence(found) == essence(honest)

    def test_every_byte_of_every_member_counts(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """All of them, one after the other, but for the names of two keys one may leave out."""
        original = written(tmp_path_factory, "zstd")
        unnoticed = bytearray()
        for content in reader.read(memoryview(original), name="").members.values():
            start = original.index(bytes(content))
            for position in range(start, start + len(content)):
                changed = bytearray(original)
                changed[position] ^= 0x01
                if not layout.examine(memoryview(bytes(changed)), name="a.tar").problems:
                    unnoticed.append(original[position])

        assert unnoticed == b"platformmediaType"

    @given(st.data())
    @settings(deadline=None, max_examples=60)
    def test_an_archive_cut_short_is_a_problem(self, drawn: st.DataObject) -> None:
        """Wherever it ends."""
        end = drawn.draw(st.integers(0, len(SOUND[1].content.rstrip(b"\0")) + 511))

        assert examined(SOUND[1].content[:end])[1]

    @given(st.binary(max_size=2000))
    @settings(deadline=None, max_examples=50)
    def test_any_bytes_are_a_problem(self, content: bytes) -> None:
        """What is no archive is said to be none."""
        assert examined(content)[1]


_WRITTEN: dict[str, bytes] = {}


def written(factory: pytest.TempPathFactory, kind: EncoderKind) -> bytes:
    """Return a small archive of ours, written once."""
    if kind not in _WRITTEN:
        path: Path = factory.mktemp("image") / "image.tar"
        write_archive(path, {"amd64": SMALL}, kind=kind)
        _WRITTEN[kind] = path.read_bytes()
    return _WRITTEN[kind]


def members(content: bytes) -> dict[str, bytes]:
    """Return the members of an archive; nothing if it is none."""
    try:
        archive = reader.read(memoryview(content), name="")
    except MalformedArtefact:
        return {}
    return {name: bytes(member) for name, member in archive.members.items()}


class TestLayers:
    """Hostile tars in layers."""

    @given(st.data())
    @settings(deadline=None, max_examples=80)
    def test_no_tar_makes_it_raise(self, drawn: st.DataObject) -> None:
        """Some bytes of a layer's headers changed, its digests made right again."""
        content = bytearray(make_tar({"/etc/motd": b"x", "/l": Symlink(target="etc")}))
        for position in drawn.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
            content[position] = drawn.draw(st.sampled_from([0, 47, 46, 48, 50, 120, 255]))
        examined(make(layers=[Layer(), Layer(tar=bytes(content))]).content)
