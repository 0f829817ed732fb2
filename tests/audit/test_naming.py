"""Whatever loads an archive must call its image the same."""

from __future__ import annotations

import pytest
from builders.layout import Amend, drop, make, put, without

REF = ("manifests", 0, "annotations", "org.opencontainers.image.ref.name")
CONTAINERD = ("manifests", 0, "annotations", "io.containerd.image.name")


def named(reference: str | None, containerd: str | None) -> Amend:
    """Set or remove the two annotations of the image."""

    def amended(document: object) -> object:
        for place, name in ((REF, reference), (CONTAINERD, containerd)):
            document = (drop(*place) if name is None else put(*place, to=name))(document)
        return document

    return amended


def tagged(name: str | None) -> Amend:
    """Set the name docker would load the image under."""
    return put(0, "RepoTags", to=[name] if name else [])


class TestNames:
    """The three places where names are."""

    @pytest.mark.parametrize(
        ("reference", "containerd", "tag"),
        [
            ("example.org/a:1", "example.org/a:1", "example.org/a:1"),
            ("example.org:5000/a", "example.org:5000/a:latest", "example.org:5000/a:latest"),
            ("1", "docker.io/library/a:1", "a:1"),
            ("1", "docker.io/me/a:1", "me/a:1"),
            ("a:1", "a:1", "docker.io/library/a:1"),
        ],
    )
    def test_they_agree_in_what_they_mean(self, reference: str, containerd: str, tag: str) -> None:
        """Docker leaves out its registry and writes bare tags; `latest` may go without saying."""
        found = make({"index.json": named(reference, containerd), "manifest.json": tagged(tag)})

        assert found.verdicts() == []
        assert found.layout().reference == reference

    @pytest.mark.parametrize(
        ("reference", "containerd", "tag", "problems"),
        [
            (
                "a:1",
                "b:1",
                "a:1",
                ["index.json: 'a:1' is 'b:1' for containerd [reference]"],
            ),
            (
                "a:1",
                "a:1",
                "b:1",
                ["manifest.json: RepoTags: 'b:1' is no name of index.json [docker-archive]"],
            ),
            (
                "1",
                "a:1",
                "b:1",
                ["manifest.json: RepoTags: 'b:1' is no name of index.json [docker-archive]"],
            ),
            (
                "b:2",
                None,
                "b:2",
                ["manifest.json: RepoTags: index.json has no name for containerd [docker-archive]"],
            ),
            (
                None,
                "b:2",
                "b:2",
                ["index.json: what has no name is 'b:2' for containerd [reference]"],
            ),
            (
                "b:2",
                "b:2",
                None,
                ["manifest.json: RepoTags: none, index.json has a name [docker-archive]"],
            ),
            (
                None,
                None,
                "b:2",
                ["manifest.json: RepoTags: 'b:2' is no name of index.json [docker-archive]"],
            ),
        ],
    )
    def test_a_name_nobody_else_knows_is_a_problem(
        self, reference: str | None, containerd: str | None, tag: str | None, problems: list[str]
    ) -> None:
        """`verify` would look at one image and `docker load` call it another."""
        found = make({"index.json": named(reference, containerd), "manifest.json": tagged(tag)})

        assert problems == found.verdicts()

    def test_two_images_have_two_names(self) -> None:
        """Which of them a consumer takes would be its own choice; there is no one reference."""
        both = {"org.opencontainers.image.ref.name": "a:1"}

        def name(document: object, second: str) -> object:
            document = put("manifests", 0, "annotations", to=both)(document)
            other = {"org.opencontainers.image.ref.name": second}
            return put("manifests", 1, "annotations", to=other)(document)

        alike = make({"index.json": lambda document: name(document, "a:1")}, images=2)
        apart = make({"index.json": lambda document: name(document, "a:2")}, images=2)

        assert alike.verdicts() == ["index.json: 'a:1' stands for several images [reference]"]
        assert alike.layout().reference == "a:1"
        assert apart.verdicts() == []
        assert apart.layout().reference == ""

    def test_the_reference_alone_is_enough_without_docker(self) -> None:
        """As skopeo writes it."""
        found = make(
            {"index.json": named("a:1", None)},
            members=without("manifest.json"),
        )

        assert found.verdicts() == []
        assert found.layout().reference == "a:1"

    def test_no_name_is_no_problem(self) -> None:
        """An image may be known by its digest alone."""
        found = make(
            {
                "index.json": drop("manifests", 0, "annotations"),
                "manifest.json": put(0, "RepoTags", to=None),
            }
        )

        assert found.verdicts() == []
        assert found.layout().reference == ""
