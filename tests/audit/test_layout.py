"""Every way an archive's documents can lie has a verdict of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from builders.image import REFERENCE as OURS
from builders.image import write_archive
from builders.layout import (
    CONFIG,
    INDEX,
    MANIFEST,
    Amend,
    Archive,
    Document,
    Forge,
    Layer,
    archive,
    drop,
    index,
    make,
    put,
    without,
    zipped,
)
from builders.trees import adversarial

from imagesmith.audit import layout
from imagesmith.audit.layout import MAX_DEPTH
from imagesmith.audit.problem import Problem
from imagesmith.audit.reading import MAX_LISTED
from imagesmith.compression import EncoderKind
from imagesmith.model.digest import Digest
from imagesmith.oci import reader

ABSENT = "1" * 64
NO_NAME = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def both(document: Document) -> Document:
    """Make an image manifest an image index as well."""
    return {**document, "manifests": [], "mediaType": MANIFEST}


def twice(*place: str) -> Amend:
    """Repeat the list at a place."""

    def amended(document: Document) -> Document:
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] *= 2
        return document

    return amended


class TestSound:
    """What has no problems."""

    @pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
    @pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64", "armhf")])
    def test_our_own_archives(
        self, tmp_path: Path, kind: EncoderKind, architectures: tuple[str, ...]
    ) -> None:
        """One architecture or several, however the layers are compressed."""
        path = tmp_path / "image.tar"
        known = write_archive(path, dict.fromkeys(architectures, adversarial()), kind=kind)
        found = Archive(path.read_bytes(), {})

        assert found.verdicts() == []
        assert found.layout().digest == known
        assert found.layout().reference == OURS
        assert len(found.layout().images) == len(architectures)

    @pytest.mark.parametrize(
        "found",
        [
            make(),
            make(nested=True),
            make(nested=True, images=2),
            make(images=3),
            make(layers=[]),
            make(layers=[zipped(), Layer()]),
            make({"manifest.json": lambda _: b"[]"}, images=2),
            make({"index.json": drop("mediaType")}),
            make({"config": drop("history")}),
            make({"config": put("history", to=[])}),
            make({"config": drop("config")}),
            make({"config": put("config", "Cmd", to=None)}),
            make({"config": put("config", "Labels", to=None)}),
            make({"index.json": drop("manifests", 0, "platform")}),
            make(members=lambda members, _: members.update(repositories=b"{}")),
        ],
    )
    def test_what_the_specification_leaves_open(self, found: Archive) -> None:
        """Other people's archives need not look like ours."""
        assert found.verdicts() == []

    def test_what_is_found_is_said(self) -> None:
        """Digests and members of everything, the platform, the reference."""
        made = make(nested=True)
        found = made.layout()
        (image,) = found.images
        (layer,) = image.layers

        assert found.digest
        assert made.named(str(found.digest)) == "index"
        assert image.platform == "linux/amd64"
        assert made.named(f"{image.member} {image.digest}") == "manifest manifest"
        assert made.named(f"{image.config_member} {image.config_digest}") == "config config"
        assert made.named(f"{layer.member} {layer.digest}") == "layer layer"
        assert image.diff_ids == (layer.diff_id,)
        assert image.config["os"] == "linux"

    def test_an_attestation_is_no_image(self) -> None:
        """Its blobs are checked; the digest is still that of the image beside it."""

        def attach(document: Document) -> Document:
            document["manifests"].append(referrer)
            return document

        forge = Forge({})
        empty = forge.add("empty", "application/vnd.oci.empty.v1+json", b"{}")
        statement = forge.add("statement", "application/vnd.in-toto+json", b"{ }")
        referrer = forge.add(
            "referrer",
            MANIFEST,
            json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": MANIFEST,
                    "artifactType": "application/vnd.in-toto.provenance+dsse",
                    "config": empty,
                    "layers": [statement],
                }
            ).encode(),
        )
        made = make(
            {"index.json": attach}, members=lambda members, _: members.update(forge.members)
        )

        assert made.verdicts() == []
        assert len(made.layout().images) == 1
        assert make({"index.json": attach}).verdicts() == [
            f"{name}: not in the archive, named by index.json [blob-missing]"
            for name in [f"blobs/{referrer['digest'].replace(':', '/')}"]
        ]


ROWS: list[tuple[str, Archive, list[str]]] = [
    (
        "no layout version",
        make({"oci-layout": drop("imageLayoutVersion")}),
        ["oci-layout: expected 1.0.0, got none [layout-version]"],
    ),
    (
        "another layout version",
        make({"oci-layout": put("imageLayoutVersion", to="2.0.0")}),
        ["oci-layout: expected 1.0.0, got '2.0.0' [layout-version]"],
    ),
    (
        "no oci-layout",
        make(members=without("oci-layout")),
        ["oci-layout: missing [document]"],
    ),
    (
        "nothing at all",
        Archive(archive([]), {}),
        [
            "index.json: leads to no image [index]",
            "index.json: missing [document]",
            "oci-layout: missing [document]",
        ],
    ),
    (
        "an index.json that is no JSON",
        make({"index.json": lambda _: b"{"}, images=2),
        [
            "config1: nothing names it [unreferenced]",
            "config: nothing names it [unreferenced]",
            "index.json: leads to no image [index]",
            f"index.json: not JSON: {NO_NAME} [document]",
            "layer: nothing names it [unreferenced]",
            "manifest1: nothing names it [unreferenced]",
            "manifest: nothing names it [unreferenced]",
        ],
    ),
    (
        "an index.json that is no object",
        make({"oci-layout": lambda _: []}),
        ["oci-layout: expected an object, got a list [document]"],
    ),
    (
        "an image index without images",
        make({"index": put("manifests", to=[])}, nested=True),
        [
            "config: nothing names it [unreferenced]",
            "index.json: leads to no image [index]",
            "index: an image index without images [index]",
            "layer: nothing names it [unreferenced]",
            "manifest.json: 1 entries, 0 images in index.json [docker-archive]",
            "manifest: nothing names it [unreferenced]",
        ],
    ),
    (
        "what is in a list of descriptors and is none",
        make(
            {"index.json": lambda document: {**document, "manifests": [1, *document["manifests"]]}}
        ),
        ["index.json: manifests[0]: expected an object, got 1 [document]"],
    ),
    (
        "index.json as an image manifest too (CVE-2021-41190)",
        make({"index.json": put("layers", to=[])}),
        ["index.json: an image index and an image manifest at once (CVE-2021-41190) [ambiguous]"],
    ),
    (
        "an image manifest as an index too (CVE-2021-41190)",
        make({"manifest": both}, images=2),
        [
            "config: nothing names it [unreferenced]",
            "manifest: an image index and an image manifest at once (CVE-2021-41190) [ambiguous]",
            f"manifest: described as '{MANIFEST}', expected {INDEX} [media-type]",
        ],
    ),
    (
        "index.json with the media type of an image manifest",
        make({"index.json": put("mediaType", to=MANIFEST)}),
        [f"index.json: mediaType '{MANIFEST}', expected that of an image index [media-type]"],
    ),
    (
        "no media type",
        make({"manifest": drop("mediaType")}),
        [f"manifest: mediaType none, its descriptor says '{MANIFEST}' [media-type]"],
    ),
    (
        "another media type than its descriptor's",
        make({"manifest": put("mediaType", to=DOCKER_MANIFEST)}),
        [f"manifest: mediaType '{DOCKER_MANIFEST}', its descriptor says '{MANIFEST}' [media-type]"],
    ),
    (
        "an image manifest described as an index",
        make(
            {
                "manifest": put("mediaType", to=INDEX),
                "index.json": put("manifests", 0, "mediaType", to=INDEX),
            }
        ),
        [f"manifest: described as '{INDEX}', expected {MANIFEST} [media-type]"],
    ),
    (
        "an image index described as something unknown",
        make(
            {
                "index": put("mediaType", to="text/plain"),
                "index.json": put("manifests", 0, "mediaType", to="text/plain"),
            },
            nested=True,
        ),
        [f"index: described as 'text/plain', expected {INDEX} [media-type]"],
    ),
    (
        "a config described as something else",
        make({"manifest": put("config", "mediaType", to="application/json")}),
        [f"config: described as 'application/json', expected {CONFIG} [media-type]"],
    ),
    (
        "an old schema",
        make({"manifest": put("schemaVersion", to=1)}),
        ["manifest: schemaVersion: expected 2, got 1 [document]"],
    ),
    (
        "a schema that only equals 2",
        make({"index.json": put("schemaVersion", to=2.0)}),
        ["index.json: schemaVersion: expected 2, got 2.0 [document]"],
    ),
    (
        "no config",
        make({"manifest": drop("config")}, images=2),
        [
            "config: nothing names it [unreferenced]",
            "manifest: config: expected an object, got none [document]",
        ],
    ),
    (
        "an empty config",
        make({"manifest": put("config", to={})}, images=2),
        [
            "config: nothing names it [unreferenced]",
            "manifest: expected a digest, got none [descriptor]",
        ],
    ),
    (
        "no layers",
        make({"manifest": drop("layers")}, images=2),
        [
            "config: 0 layers, 1 in the history [history]",
            "manifest: 0 layers, 1 diff-ids [diff-id]",
            "manifest: layers: expected a list, got none [document]",
        ],
    ),
    (
        "a config that is no object",
        make({"config": lambda _: [1]}, images=2),
        ["config: expected an object, got a list [document]"],
    ),
    (
        "more layers than diff-ids",
        make({"manifest": twice("layers")}, images=2),
        [
            "config: 2 layers, 1 in the history [history]",
            "manifest: 2 layers, 1 diff-ids [diff-id]",
        ],
    ),
    (
        "another platform",
        make({"index.json": put("manifests", 0, "platform", "architecture", to="arm64")}),
        ["manifest: linux/arm64 in the index, linux/amd64 in the config [platform]"],
    ),
    (
        "a platform that is no object",
        make({"index.json": put("manifests", 0, "platform", to="linux/amd64")}),
        ["manifest: unknown in the index, linux/amd64 in the config [platform]"],
    ),
    (
        "a blob that nothing names",
        make(members=lambda members, _: members.update({f"blobs/sha256/{ABSENT}": b"x"})),
        [f"blobs/sha256/{ABSENT}: nothing names it [unreferenced]"],
    ),
    (
        "a file beside the layout",
        make(members=lambda members, _: members.update(extra=b"x")),
        ["extra: nothing names it [unreferenced]"],
    ),
    (
        "a second index.json",
        make(members=lambda members, _: members.update({"./index.json": b"{}"})),
        ["./index.json: a second member with this name [archive]"],
    ),
    (
        "a name that escapes",
        make(members=lambda members, _: members.update({"../x": b""})),
        ["../x: path component '..' [archive]"],
    ),
]


class TestVerdicts:
    """One lie, one verdict: code, place and text."""

    @pytest.mark.parametrize(
        ("found", "problems"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
    )
    def test_every_lie_has_a_verdict(self, found: Archive, problems: list[str]) -> None:
        """Nothing else is said, and nothing is raised."""
        assert problems == found.verdicts()

    def test_problems_of_several_places_are_listed_together(self) -> None:
        """A verification does not stop at the first one, and sorts them."""
        found = make(
            {
                "oci-layout": drop("imageLayoutVersion"),
                "config": put("architecture", to="arm64"),
                "manifest": put("schemaVersion", to=1),
            }
        )

        assert found.verdicts() == [
            "manifest: linux/amd64 in the index, linux/arm64 in the config [platform]",
            "manifest: schemaVersion: expected 2, got 1 [document]",
            "oci-layout: expected 1.0.0, got none [layout-version]",
        ]
        assert list(found.layout().problems) == sorted(found.layout().problems)

    @pytest.mark.parametrize("content", [b"", b"x" * 2000, make().content[:2000]])
    def test_what_is_no_tar_is_a_problem_too(self, content: bytes) -> None:
        """`examine` raises nothing: the one problem says where reading ended."""
        found = layout.examine(memoryview(content), name="a.tar")

        assert [(problem.place, problem.code) for problem in found.problems] == [
            ("a.tar", "archive")
        ]
        assert found.images == ()
        assert found.digest is None

    def test_the_digest_is_of_one_thing_only(self) -> None:
        """With two images side by side, or none, there is no digest to compare."""
        assert make(images=2).layout().digest is None
        assert Archive(archive([]), {}).layout().digest is None

    def test_digests_are_those_of_the_bytes(self) -> None:
        """A blob under a wrong name never passes for the one that was expected."""

        def swap(members: dict[str, bytes], at: Callable[[str], str]) -> None:
            members[at("manifest")] = members[at("manifest")] + b" "
            members[at("config")] = members[at("config")] + b" "

        honest, forged = make(), make(members=swap)
        (image,) = forged.layout().images
        member = reader.read(memoryview(forged.content), name="").members[image.member]

        assert image.member == honest.layout().images[0].member
        assert image.digest == Digest.of(member)
        assert image.digest != honest.layout().digest
        assert forged.layout().digest == image.digest
        assert image.config_digest != honest.layout().images[0].config_digest


def nest(depth: int, inner: Forge, descriptor: Document) -> Document:
    """Wrap a descriptor in image indices."""
    for level in range(depth):
        descriptor = inner.index([descriptor], role=f"index{level}")
    return descriptor


def written(forge: Forge, *manifests: Document) -> Archive:
    """Write an archive without `manifest.json`."""
    forge.finish(manifests, docker=False)
    return Archive(archive(forge.members.items()), forge.roles)


class TestIndices:
    """Image indices within image indices."""

    def test_they_nest_to_a_depth(self) -> None:
        """Four are more than anybody uses."""
        forge = Forge({})
        found = written(forge, nest(MAX_DEPTH, forge, forge.image([Layer()])))

        assert found.verdicts() == []

    @pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000])
    def test_deeper_is_not_looked_into(self, depth: int) -> None:
        """A thousand of them cost no stack."""
        forge = Forge({})
        found = written(forge, nest(depth, forge, forge.image([Layer()]))).verdicts()

        wanted = (
            f"index{depth - MAX_DEPTH - 1}: more than 4 image indices within each other [index]"
        )
        assert wanted in found
        assert "index.json: leads to no image [index]" in found
        assert "manifest: nothing names it [unreferenced]" in found

    def test_one_within_itself_ends(self) -> None:
        """Only a blob with a wrong digest can do that; both are said."""
        forge = Forge({})
        member = f"blobs/sha256/{ABSENT}"
        itself = {"mediaType": INDEX, "digest": f"sha256:{ABSENT}"}
        image = forge.image([Layer()])
        sizes = (
            (size, json.dumps(index([image, {**itself, "size": size}])).encode())
            for size in range(1000)
        )
        size, content = next((size, content) for size, content in sizes if len(content) == size)
        forge.members[member] = content
        found = written(forge, {**itself, "size": size})
        digest = Digest.of(content)

        assert found.verdicts() == [
            f"{member}: an image index within itself [index]",
            f"{member}: has the digest {digest} [blob-digest]",
        ]
        assert found.layout().digest == digest

    def test_what_is_named_often_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Four levels of a thousand names each stay four documents."""
        forge = Forge({})
        descriptor = forge.image([Layer()])
        for level in range(MAX_DEPTH):
            descriptor = forge.index([descriptor] * 1000, role=f"index{level}")
        hashed: list[int] = []
        digest_of = Digest.of

        def counting(content: bytes | memoryview) -> Digest:
            hashed.append(len(content))
            return digest_of(content)

        archive = written(forge, *[descriptor] * 1000)
        monkeypatch.setattr(Digest, "of", counting)
        found = archive.layout()

        assert found.problems == ()
        assert len(found.images) == 1
        assert len(hashed) == MAX_DEPTH + len(("layer", "config", "manifest"))

    def test_long_lists_are_cut(self) -> None:
        """What was not looked at is said."""
        forge = Forge({})
        descriptor = forge.image([Layer()])
        found = written(forge, *[descriptor] * (MAX_LISTED + 1))

        assert found.verdicts() == [
            "index.json: manifests: 1025 members, only 1024 of them looked at [document]"
        ]

    def test_images_are_bounded(self) -> None:
        """Two indices of a thousand images each are more than anybody verifies."""
        forge = Forge({})
        images = [forge.image([], number) for number in range(1030)]
        found = written(forge, forge.index(images[:600], "first"), forge.index(images[600:], "b"))

        text = "more than 1024 images, only these are looked at"
        assert Problem("index.json", "index", text) in found.layout().problems
        assert len(found.layout().images) == MAX_LISTED


class TestRead:
    """`read`: what the reader found is passed on."""

    def test_problems_of_the_archive_are_kept(self) -> None:
        """Their code says that it is the tar."""
        found = reader.read(memoryview(make().content), name="a.tar")
        found = attrs.evolve(found, problems=(reader.Problem("x", "odd"),))

        assert layout.read(found).problems == (Problem("x", "archive", "odd"),)
