"""Keys that readers ignoring case mistake for others are found, wherever they are."""

from __future__ import annotations

import json

import pytest
from builders.layout import Document, make, put

from imagesmith.audit.spelling import DOCKER, OCI, ambiguous_keys


class TestAmbiguousKeys:
    """`ambiguous_keys`."""

    @pytest.mark.parametrize(
        ("document", "keys"),
        [
            ({"layers": [], "Layers": []}, ("Layers",)),
            ({"Layers": [], "layers": []}, ("Layers",)),
            ({"Layers": []}, ("Layers",)),
            ({"config": [[{"DIGEST": 1}]]}, ("DIGEST",)),
            ({"a": {"b": 1, "B": 2}}, ("B",)),
            ({"rootfs": {"diff_id\u017f": []}}, ("diff_id\u017f",)),  # Go folds the long s too
            ({"plat\ufb01": 1, "user": 2, "diff_IDs": 3}, ("diff_IDs", "user")),
            ({"annotations": {"a": "1", "A": "2", "layers": "", "Layers": ""}}, ()),
            ({"config": {"Labels": {"a": "1", "A": "2"}, "User": "", "Hostname": ""}}, ()),
            ({"moby.buildkit.cache.v0": 1}, ()),
            (None, ()),
            ("Layers", ()),
        ],
    )
    def test_keys_of_structures_differ_in_more_than_case(
        self, document: Document, keys: tuple[str, ...]
    ) -> None:
        """A runtime would take the later of two, or the one misspelled; maps may have any keys."""
        assert keys == ambiguous_keys(document, OCI)

    def test_docker_spells_differently(self) -> None:
        """What is right in `manifest.json` is wrong in an image manifest."""
        assert ambiguous_keys([{"Config": "", "Layers": []}], DOCKER) == ()
        assert ambiguous_keys([{"config": "", "Layers": []}], DOCKER) == ("config",)

    def test_depth_costs_no_stack(self) -> None:
        """Documents nest as deeply as the parser lets them."""
        document = json.loads("[" * 900 + '{"Size":1}' + "]" * 900)

        assert ambiguous_keys(document, OCI) == ("Size",)

    @pytest.mark.parametrize("role", ["config", "manifest", "index", "index.json", "oci-layout"])
    def test_every_document_is_looked_at(self, role: str) -> None:
        """The same trick works in each of them."""
        found = make({role: put("MediaType", to="x")}, nested=True).verdicts()

        text = "keys that readers ignoring case mistake: 'MediaType' [ambiguous]"
        assert found == [f"{role}: {text}"]
