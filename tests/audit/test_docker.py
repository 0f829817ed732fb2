"""`manifest.json` is the same image again, or there is a verdict."""

from __future__ import annotations

import pytest
from builders.layout import Amend, make, put

NO_IMAGE = "is no image of index.json [docker-archive]"


class TestCheck:
    """`check`: what docker would load."""

    @pytest.mark.parametrize(
        ("amend", "problems"),
        [
            (
                put(0, "Config", to="blobs/sha256/0"),
                [f"manifest.json: 'blobs/sha256/0' with its layers {NO_IMAGE}"],
            ),
            (
                put(0, "Layers", to=[]),
                [f"manifest.json: 'config' with its layers {NO_IMAGE}"],
            ),
            (
                put(0, "Layers", to=[["x"]]),
                [f"manifest.json: 'config' with its layers {NO_IMAGE}"],
            ),
            (
                put(0, "Layers", to="x"),
                [f"manifest.json: 'config' with its layers {NO_IMAGE}"],
            ),
            (
                put(0, "Config", to={}),
                [f"manifest.json: an object with its layers {NO_IMAGE}"],
            ),
            (
                put(0, "RepoTags", to="a:1"),
                ["manifest.json: RepoTags: expected a list, got 'a:1' [docker-archive]"],
            ),
            (
                put(0, "RepoTags", to=[1]),
                ["manifest.json: RepoTags: 1 is no name of index.json [docker-archive]"],
            ),
            (
                lambda document: document * 2,
                ["manifest.json: 2 entries, 1 images in index.json [docker-archive]"],
            ),
            (
                lambda _: [],
                ["manifest.json: 0 entries, 1 images in index.json [docker-archive]"],
            ),
            (lambda _: [1], ["manifest.json: expected objects, got 1 [document]"]),
            (lambda _: None, ["manifest.json: nothing but null [document]"]),
            (lambda _: {}, ["manifest.json: expected a list, got an object [document]"]),
            (
                lambda _: b"",
                ["manifest.json: not JSON: Expecting value: line 1 column 1 (char 0) [document]"],
            ),
            (
                put(0, "layers", to=[]),
                ["manifest.json: keys that readers ignoring case mistake: 'layers' [ambiguous]"],
            ),
        ],
    )
    def test_every_lie_has_a_verdict(self, amend: Amend, problems: list[str]) -> None:
        """Docker would load something else, or nothing."""
        assert problems == make({"manifest.json": amend}).verdicts()

    def test_one_of_several_images_is_enough(self) -> None:
        """Docker's own archives of several platforms hold entries for some of them."""
        one = make()
        (image,) = one.layout().images
        entry = {"Config": image.config_member, "Layers": [image.layers[0].member]}

        def add(members: dict[str, bytes], _: object) -> None:
            members["manifest.json"] = str([entry]).replace("'", '"').encode()

        assert make(images=2, members=add).verdicts() == []
