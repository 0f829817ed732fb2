"""The documents of an image are canonical and say exactly what OCI asks for."""

from __future__ import annotations

import json

import pytest
from builders.image import EPOCH, REFERENCE, Blobs, make_image
from builders.trees import adversarial
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import UsageError
from imagesmith.model import arch as arches
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Tree
from imagesmith.oci import bundle
from imagesmith.oci.image import Image, digest, image, index, layout, tagged
from imagesmith.oci.layer import Layer

LAYERS = [
    Layer(
        diff_id=Digest("1" * 64),
        digest=Digest("2" * 64),
        size=10,
        media_type="application/vnd.oci.image.layer.v1.tar+zstd",
    ),
    Layer(
        diff_id=Digest("3" * 64),
        digest=Digest("4" * 64),
        size=20,
        media_type="application/vnd.oci.image.layer.v1.tar",
    ),
]


def make(arch: str = "amd64", *, epoch: int = EPOCH, config: ImageConfig | None = None) -> Image:
    """Return an image of two layers."""
    return image(
        arch=arches.parse(arch),
        layers=LAYERS,
        config=config or ImageConfig(),
        epoch=epoch,
        created_by="imagesmith",
    )


class TestImage:
    """`image`: config and image manifest."""

    def test_the_config_says_everything(self) -> None:
        """One history entry a layer, diff-ids lowest first, the epoch as RFC 3339."""
        config = ImageConfig(
            entrypoint=("/usr/bin/app", "--serve"),
            cmd=("now",),
            env=(("LANG", "C.UTF-8"), ("PATH", "/usr/bin")),
            user="65532:65532",
            working_dir="/srv",
            labels=(("org.opencontainers.image.title", "naïve"),),
            exposed_ports=("443/tcp", "80/tcp"),
            volumes=("/data",),
            stop_signal="SIGINT",
        )
        history = {"created": "2023-11-14T22:13:20Z", "created_by": "imagesmith"}
        expected = {
            "architecture": "arm",
            "variant": "v7",
            "os": "linux",
            "created": "2023-11-14T22:13:20Z",
            "config": {
                "Entrypoint": ["/usr/bin/app", "--serve"],
                "Cmd": ["now"],
                "Env": ["LANG=C.UTF-8", "PATH=/usr/bin"],
                "User": "65532:65532",
                "WorkingDir": "/srv",
                "Labels": {"org.opencontainers.image.title": "naïve"},
                "ExposedPorts": {"443/tcp": {}, "80/tcp": {}},
                "Volumes": {"/data": {}},
                "StopSignal": "SIGINT",
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{'1' * 64}", f"sha256:{'3' * 64}"],
            },
            "history": [history, history],
        }

        assert expected == json.loads(make("armhf", config=config).config)

    def test_empty_parameters_are_left_out(self) -> None:
        """A config never says `null`; where the architecture says it all there is no variant."""
        config = json.loads(make().config)

        assert config["config"] == {}
        assert "variant" not in config

    def test_the_manifest_describes_config_and_layers(self) -> None:
        """Its own media type included (CVE-2021-41190)."""
        made = make()
        expected = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": str(made.config_digest),
                "size": len(made.config),
            },
            "layers": [
                {
                    "mediaType": layer.media_type,
                    "digest": str(layer.digest),
                    "size": layer.size,
                }
                for layer in LAYERS
            ],
        }

        assert expected == json.loads(made.manifest)
        assert Digest.of(made.manifest) == made.digest

    def test_documents_are_canonical(self) -> None:
        """Sorted keys, no white space, UTF-8, no line feed at the end."""
        for document in (make().config, make().manifest, index([make()])):
            value = json.loads(document)
            text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

            assert text.encode() == document

    @pytest.mark.parametrize(
        ("epoch", "expected"),
        [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (2**33, "2242-03-16T12:56:32Z"),
            (-62135596800, "0001-01-01T00:00:00Z"),
        ],
    )
    def test_any_epoch_has_a_spelling(self, epoch: int, expected: str) -> None:
        """Zero is a time like any other."""
        assert expected == json.loads(make(epoch=epoch).config)["created"]

    @pytest.mark.parametrize("epoch", [10**12, -(10**12), 10**30])
    def test_times_without_a_spelling_are_refused(self, epoch: int) -> None:
        """RFC 3339 has four digits for the year."""
        with pytest.raises(UsageError) as caught:
            make(epoch=epoch)

        problem = f"not a time between the years 1 and 9999: {epoch}"
        assert UsageError(problem=problem) == caught.value

    def test_labels_without_a_canonical_order_are_refused(self) -> None:
        """Keys outside the Basic Multilingual Plane sort differently in RFC 8785."""
        with pytest.raises(UsageError, match="Basic Multilingual Plane"):
            make(config=ImageConfig(labels=(("\U0001f600", "x"),)))

    def test_architecture_and_config_decide_the_digest(self) -> None:
        """Each input alone changes it."""
        variants = [
            make(),
            make("arm64"),
            make(epoch=1),
            make(config=ImageConfig(user="app")),
            make_image(Tree(), Blobs()),
            make_image(adversarial(), Blobs()),
        ]

        assert len(variants) == len({each.digest for each in variants})


class TestIndex:
    """`index` and `digest`: several architectures."""

    def test_images_are_sorted_by_debian_name(self) -> None:
        """Armhf is before i386, which OCI would call `386`."""
        images = [make(arch) for arch in ("i386", "armhf", "amd64")]
        platforms = [each["platform"] for each in json.loads(index(images))["manifests"]]

        assert index(images) == index(images[::-1])
        assert platforms == [
            {"architecture": "amd64", "os": "linux"},
            {"architecture": "arm", "os": "linux", "variant": "v7"},
            {"architecture": "386", "os": "linux"},
        ]

    @pytest.mark.parametrize("names", [["amd64", "amd64"], []])
    def test_one_image_per_architecture(self, names: list[str]) -> None:
        """A consumer would take the first of two."""
        with pytest.raises(UsageError) as caught:
            index([make(name) for name in names])

        problem = f"an index needs one image per architecture, got {names}"
        assert UsageError(problem=problem) == caught.value

    def test_people_know_an_image_by_its_manifest_or_its_index(self) -> None:
        """One architecture needs no index."""
        one, two = make(), make("arm64")

        assert one.digest == digest([one])
        assert Digest.of(index([one, two])) == digest([two, one])


class TestLayout:
    """`layout`: index.json."""

    @pytest.mark.parametrize("names", [["amd64"], ["amd64", "arm64"]])
    def test_it_has_exactly_one_descriptor(self, names: list[str]) -> None:
        """The image manifest, or the index over several, named by the full reference."""
        images = [make(name) for name in names]
        root = bundle.of(images).root
        found = json.loads(layout(root.to_json(), reference=REFERENCE))
        (descriptor,) = found["manifests"]
        kind = "manifest" if len(names) == 1 else "index"

        assert str(digest(images)) == descriptor["digest"]
        assert f"application/vnd.oci.image.{kind}.v1+json" == descriptor["mediaType"]
        assert {REFERENCE} == set(descriptor["annotations"].values())
        assert found["mediaType"] == "application/vnd.oci.image.index.v1+json"

    @pytest.mark.parametrize(
        ("reference", "expected"),
        [
            ("curl", "curl:latest"),
            ("curl:8.5", "curl:8.5"),
            ("localhost:5000/a/b_c", "localhost:5000/a/b_c:latest"),
            ("Registry.example.org/app__x:V1", "Registry.example.org/app__x:V1"),
        ],
    )
    def test_a_reference_without_a_tag_means_latest(self, reference: str, expected: str) -> None:
        """As every client has it."""
        assert expected == tagged(reference)

    @pytest.mark.parametrize(
        "reference",
        ["", "Curl", "a//b", "a:b:c", "a:", "a@sha256:0", "a b", "-a", "a:" + "t" * 129, "a\n"],
    )
    def test_malformed_references_are_refused(self, reference: str) -> None:
        """Runtimes would refuse to load the archive."""
        with pytest.raises(UsageError) as caught:
            layout(bundle.of([make()]).root.to_json(), reference=reference)

        hint = "write it like registry.example.org/app:1.4.2"
        expected = UsageError(problem=f"not an image reference: {reference!a}", hint=hint)
        assert expected == caught.value

    @given(st.text("ab-._:/@A0", max_size=20))
    @settings(deadline=None, max_examples=200)
    def test_a_tagged_reference_stays_as_it_is(self, reference: str) -> None:
        """`tagged` is idempotent wherever it answers."""
        try:
            once = tagged(reference)
        except UsageError:
            return

        assert once == tagged(once)
