"""A descriptor's blob is what the descriptor says, or there is a verdict."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from builders.layout import CONFIG, Amend, Archive, Change, Document, drop, make, put, without

from imagesmith.audit.reading import shown

HEX = "0" * 64


def change(role: str, change: Callable[[bytes], bytes]) -> Change:
    """Give a blob other bytes under the same name."""

    def changed(members: dict[str, bytes], at: Callable[[str], str]) -> None:
        members[at(role)] = change(members[at(role)])

    return changed


def layer(key: str, value: Document) -> Amend:
    """Say something else in the descriptor of the layer."""
    return put("layers", 0, key, to=value)


ROWS: list[tuple[str, Archive, list[str]]] = [
    (
        "a missing layer",
        make(members=without("layer")),
        [
            "layer: not in the archive, named by manifest [blob-missing]",
            "manifest.json: 'config' with its layers is no image of index.json [docker-archive]",
        ],
    ),
    (
        "a missing image manifest",
        make(members=without("manifest"), nested=True, images=2),
        [
            "config: nothing names it [unreferenced]",
            "manifest: not in the archive, named by index [blob-missing]",
        ],
    ),
    (
        "a missing config",
        make(members=without("config"), images=2),
        ["config: not in the archive, named by manifest [blob-missing]"],
    ),
    (
        "the right digest and a wrong size",
        make({"manifest": layer("size", 7)}),
        ["layer: expected 7 bytes, got 3072 [blob-size]"],
    ),
    (
        "a size that is no number of bytes",
        make({"manifest": layer("size", "3072")}),
        ["manifest: layer: size: expected bytes, got '3072' [descriptor]"],
    ),
    (
        "a size that only equals a number",
        make({"manifest": layer("size", 3072.0)}),
        ["manifest: layer: size: expected bytes, got 3072.0 [descriptor]"],
    ),
    (
        "no size",
        make({"manifest": drop("layers", 0, "size")}),
        ["manifest: layer: size: expected bytes, got none [descriptor]"],
    ),
    (
        "sha512",
        make({"manifest": layer("digest", f"sha512:{HEX}")}, images=2),
        [
            "manifest: 'sha512:" + HEX + "' is not sha256: not checked [digest-algorithm]",
        ],
    ),
    (
        "an algorithm nobody knows",
        make({"manifest": layer("digest", "md5+b64u:abc-_=")}, images=2),
        ["manifest: 'md5+b64u:abc-_=' is not sha256: not checked [digest-algorithm]"],
    ),
    (
        "sha256 in capitals",
        make({"manifest": layer("digest", "sha256:" + "A" * 64)}, images=2),
        ["manifest: expected a digest, got 'sha256:" + "A" * 64 + "' [descriptor]"],
    ),
    (
        "a digest that climbs",
        make({"manifest": layer("digest", "sha256:../../index.json")}, images=2),
        ["manifest: expected a digest, got 'sha256:../../index.json' [descriptor]"],
    ),
    (
        "a digest that is no string",
        make({"manifest": layer("digest", ["sha256"])}, images=2),
        ["manifest: expected a digest, got a list [descriptor]"],
    ),
    (
        "no media type",
        make({"manifest": drop("layers", 0, "mediaType")}),
        [
            "layer: described as '', which is no layer [media-type]",
            "manifest: layer: its descriptor has the mediaType none [media-type]",
        ],
    ),
    (
        "embedded content that is another",
        make({"manifest": put("config", "data", to=base64.b64encode(b"{}").decode())}),
        ["manifest: config: data: another content than the blob's [descriptor]"],
    ),
    (
        "embedded content that is no base64",
        make({"manifest": put("config", "data", to="!")}),
        ["manifest: config: data: another content than the blob's [descriptor]"],
    ),
    (
        "embedded content that is no string",
        make({"manifest": put("config", "data", to=True)}),
        ["manifest: config: data: another content than the blob's [descriptor]"],
    ),
    (
        "annotations that are no strings",
        make({"manifest": layer("annotations", {"a": 1})}),
        ["manifest: layer: annotations: expected strings by name [descriptor]"],
    ),
    (
        "annotations that are no object",
        make({"manifest": layer("annotations", [])}),
        ["manifest: layer: annotations: expected strings by name [descriptor]"],
    ),
]


class TestDescribed:
    """Descriptors and their blobs."""

    @pytest.mark.parametrize(
        ("found", "problems"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
    )
    def test_every_lie_has_a_verdict(self, found: Archive, problems: list[str]) -> None:
        """Nothing else is said of a descriptor."""
        ours = [line for line in found.verdicts() if not line.startswith("layer: nothing names")]

        assert problems == ours

    @pytest.mark.parametrize("role", ["layer", "config", "manifest", "index"])
    def test_the_right_size_and_a_wrong_digest(self, role: str) -> None:
        """One flipped bit in any blob is found by its digest."""
        found = make(members=change(role, lambda content: content[:-1] + b"\x01"), nested=True)

        assert any(
            line.startswith(f"{role}: has the digest sha256:") and line.endswith("[blob-digest]")
            for line in found.verdicts()
        )

    @pytest.mark.parametrize("role", ["layer", "config", "manifest", "index"])
    def test_one_byte_more(self, role: str) -> None:
        """Size and digest are both wrong, and both are said."""
        found = make(members=change(role, lambda content: content + b" "), nested=True)
        codes = {line.rpartition(" ")[2] for line in found.verdicts() if line.startswith(role)}

        assert {"[blob-digest]", "[blob-size]"} <= codes

    def test_embedded_content_may_be_the_blob(self) -> None:
        """Readers may take either."""
        made = make()
        (image,) = made.layout().images
        document: Document = {}

        def embed(manifest: Document) -> Document:
            document.update(manifest["config"])
            manifest["config"]["data"] = base64.b64encode(content).decode()
            return manifest

        content = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["'
        content += str(image.diff_ids[0]).encode() + b'"]}}'

        assert make({"config": lambda _: content, "manifest": embed}).verdicts() == []
        assert document["mediaType"] == CONFIG


class TestShown:
    """`shown`: wrong values in messages."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "none"),
            (True, "true"),
            (12, "12"),
            (1.5, "1.5"),
            ("a\n", "'a\\n'"),
            ({"a": 1}, "an object"),
            ([1], "a list"),
            ("x" * 100, "'" + "x" * 79 + "…"),
        ],
    )
    def test_values_stay_short(self, value: Document, text: str) -> None:
        """Structures are named, long texts cut."""
        assert text == shown(value)
