"""An image config says where it runs, how, and of which layers it is made."""

from __future__ import annotations

import pytest
from builders.layout import Amend, Document, drop, make, put

from imagesmith.audit.config import platform, same_platform

NO_PLATFORM = "config: names no platform: architecture and os [config]"


class TestRead:
    """`read`: one verdict for each lie."""

    @pytest.mark.parametrize(
        ("amend", "problems"),
        [
            (drop("architecture"), [NO_PLATFORM]),
            (drop("os"), [NO_PLATFORM]),
            (put("os", to="linux/amd64"), [NO_PLATFORM]),
            (put("os", to=""), [NO_PLATFORM]),
            (put("architecture", to=["amd64"]), [NO_PLATFORM]),
            (put("architecture", to="amd64\x1b[2J"), [NO_PLATFORM]),
            (put("variant", to=1), [NO_PLATFORM]),
            (
                drop("rootfs"),
                [
                    "config: rootfs: expected an object, got none [config]",
                    "manifest: 1 layers, 0 diff-ids [diff-id]",
                ],
            ),
            (
                put("rootfs", "type", to="snapshot"),
                ["config: rootfs.type: expected 'layers', got 'snapshot' [config]"],
            ),
            (
                put("rootfs", "diff_ids", to="sha256:"),
                [
                    "config: rootfs.diff_ids: expected a list, got 'sha256:' [config]",
                    "manifest: 1 layers, 0 diff-ids [diff-id]",
                ],
            ),
            (
                put("rootfs", "diff_ids", 0, to="sha512:0"),
                ["config: rootfs.diff_ids[0]: expected a digest, got 'sha512:0' [config]"],
            ),
            (
                put("rootfs", "diff_ids", to=[None, 1]),
                [
                    "config: rootfs.diff_ids[0]: expected a digest, got none [config]",
                    "manifest: 1 layers, 2 diff-ids [diff-id]",
                ],
            ),
            (put("history", to={}), ["config: expected a list of objects [history]"]),
            (put("history", to=["x"]), ["config: expected a list of objects [history]"]),
            (put("history", to=[{}, {}]), ["config: 1 layers, 2 in the history [history]"]),
            (
                put("history", to=[{"empty_layer": True}]),
                ["config: 1 layers, 0 in the history [history]"],
            ),
            (
                put("history", to=[{"empty_layer": "no"}]),
                ["config: empty_layer: expected true or false [history]"],
            ),
            (put("config", to=[]), ["config: config: expected an object, got a list [config]"]),
            *(
                (
                    put("config", key, to=7),
                    [f"config: config.{key}: expected {wanted}, got 7 [config]"],
                )
                for key, wanted in {
                    "Cmd": "a list of strings",
                    "Entrypoint": "a list of strings",
                    "Env": "a list of strings",
                    "ExposedPorts": "an object of objects",
                    "Volumes": "an object of objects",
                    "StopSignal": "a string",
                    "User": "a string",
                    "WorkingDir": "a string",
                    "Labels": "an object of strings",
                }.items()
            ),
            (
                put("config", "Cmd", to=["a", 1]),
                ["config: config.Cmd: expected a list of strings, got a list [config]"],
            ),
            (
                put("config", "Volumes", to={"/x": 1}),
                ["config: config.Volumes: expected an object of objects, got an object [config]"],
            ),
        ],
    )
    def test_every_lie_has_a_verdict(self, amend: Amend, problems: list[str]) -> None:
        """Place, text and code; two archives of the same layers say nothing more."""
        found = make({"config": amend, "index.json": drop("manifests", 0, "platform")})

        assert problems == found.verdicts()

    def test_empty_layers_are_no_layers(self) -> None:
        """The history tells of steps that changed no file, too."""
        history = [{"empty_layer": True}, {"created_by": "x"}, {"empty_layer": False}]
        found = make({"config": put("history", to=history)})

        assert found.verdicts() == ["config: 1 layers, 2 in the history [history]"]
        assert make({"config": put("history", to=history[:2])}).verdicts() == []

    def test_what_names_no_platform_is_unknown(self) -> None:
        """No architecture of a manifest has that name."""
        (image,) = make({"config": drop("os")}).layout().images

        assert image.platform == "unknown"


class TestPlatform:
    """`platform` and `same_platform`."""

    @pytest.mark.parametrize(
        ("described", "text"),
        [
            ({"os": "linux", "architecture": "arm64"}, "linux/arm64"),
            ({"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
            ({"os": "linux", "architecture": "arm", "variant": ""}, "linux/arm"),
            ({"os": "linux", "architecture": "arm", "variant": "v7/x"}, ""),
            ({}, ""),
        ],
    )
    def test_it_is_one_text(self, described: Document, text: str) -> None:
        """No slash inside a part, so that no two platforms look alike."""
        assert text == platform(described)

    @pytest.mark.parametrize(
        ("first", "second", "same"),
        [
            ("linux/arm64", "linux/arm64/v8", True),
            ("linux/amd64/v1", "linux/amd64", True),
            ("linux/amd64/v3", "linux/amd64", False),
            ("linux/arm/v7", "linux/arm", False),
            ("linux/arm/v7", "linux/arm/v5", False),
            ("", "unknown", False),
        ],
    )
    def test_implied_variants_make_no_difference(
        self,
        first: str,
        second: str,
        same: bool,  # noqa: FBT001 - a column
    ) -> None:
        """Docker writes `arm64/v8` in the index and `arm64` in the config."""
        assert same_platform(first, second) is same
        assert same_platform(second, first) is same
