"""What OCI image-spec 1.1 asks of JSON documents, in our own words.

A rule is a predicate with a name; objects list what they must and may have.  It is
stricter than the specification where it leaves things open: keys it does not name
are problems here, since format 1 writes none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

Rule = Callable[[Any, str], list[str]]
"""Takes a value and its place, and returns problems."""

MEDIA = "application/vnd.oci.image"
LAYERS = tuple(f"{MEDIA}.layer.v1.tar{suffix}" for suffix in ("", "+gzip", "+zstd"))
_TIME = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"


def text(pattern: str = r"(?s:.*)") -> Rule:
    """Return the rule of a string of this form."""

    def rule(value: Any, place: str) -> list[str]:  # noqa: ANN401 - any JSON
        fits = isinstance(value, str) and re.fullmatch(pattern, value)
        return [] if fits else [f"{place}: {value!r} is not like {pattern}"]

    return rule


def one_of(*allowed: object) -> Rule:
    """Return the rule of a value out of a few, types compared."""

    def rule(value: Any, place: str) -> list[str]:  # noqa: ANN401 - any JSON
        fits = any(type(value) is type(each) and value == each for each in allowed)
        return [] if fits else [f"{place}: {value!r} is none of {allowed}"]

    return rule


def number(value: Any, place: str) -> list[str]:  # noqa: ANN401 - any JSON
    """Hold a length: an int64 of at least 0 (descriptor.md, `size`)."""
    fits = type(value) is int and 0 <= value < 2**63
    return [] if fits else [f"{place}: {value!r} is no length"]


def each(rule: Rule, *, least: int = 0) -> Rule:
    """Return the rule of a list whose every item keeps a rule."""

    def of_list(value: Any, place: str) -> list[str]:  # noqa: ANN401 - any JSON
        if not isinstance(value, list) or len(value) < least:
            return [f"{place}: no list of at least {least}"]
        return [p for at, item in enumerate(value) for p in rule(item, f"{place}[{at}]")]

    return of_list


def mapping(keys: Rule, values: Rule) -> Rule:
    """Return the rule of an object that is a map, such as labels."""

    def of_map(value: Any, place: str) -> list[str]:  # noqa: ANN401 - any JSON
        if not isinstance(value, dict):
            return [f"{place}: no object"]
        found = [problem for key in value for problem in keys(key, f"{place}, key")]
        return found + [p for key, of in value.items() for p in values(of, f"{place}.{key}")]

    return of_map


@attrs.frozen
class Shape:
    """The rule of an object: keys that must be there, and keys that may."""

    required: Mapping[str, Rule]
    optional: Mapping[str, Rule] = attrs.field(factory=dict)

    def __call__(self, value: Any, place: str) -> list[str]:  # noqa: ANN401 - any JSON
        """Return the problems of one value."""
        if not isinstance(value, dict):
            return [f"{place}: no object"]
        known = {**self.optional, **self.required}
        found = [f"{place}.{key}: missing" for key in self.required.keys() - value.keys()]
        found += [f"{place}.{key}: not known" for key in value.keys() - known.keys()]
        return found + [
            problem
            for key in value.keys() & known.keys()
            for problem in known[key](value[key], f"{place}.{key}")
        ]


DIGEST = text(r"sha256:[0-9a-f]{64}")
EMPTY = Shape({})
TIME = text(_TIME)
PLATFORM = Shape(
    {"architecture": text("[a-z0-9]+"), "os": one_of("linux")}, {"variant": text("v[5-9]")}
)
ANNOTATIONS = mapping(text(".+"), text())


def descriptor(*media_types: str) -> Shape:
    """Return the rule of a descriptor (descriptor.md) of one of these."""
    return Shape(
        {"mediaType": one_of(*media_types), "digest": DIGEST, "size": number},
        {"platform": PLATFORM, "annotations": ANNOTATIONS},
    )


EXECUTION = Shape(
    {},
    {
        "User": text(),
        "ExposedPorts": mapping(text(r"\d+(/tcp|/udp)?(-\d+(/tcp|/udp)?)?"), EMPTY),
        "Env": each(text(r"(?s:[^=]+=.*)")),
        "Entrypoint": each(text()),
        "Cmd": each(text()),
        "Volumes": mapping(text("/.*"), EMPTY),
        "WorkingDir": text(),
        "Labels": mapping(text(), text()),
        "StopSignal": text(r"SIG[A-Z0-9+-]+|\d+"),
    },
)
_CONFIG = Shape(
    {
        "architecture": text("[a-z0-9]+"),
        "os": one_of("linux"),
        "rootfs": Shape({"type": one_of("layers"), "diff_ids": each(DIGEST, least=1)}),
    },
    {
        "variant": text("v[5-9]"),
        "created": TIME,
        "config": EXECUTION,
        "history": each(
            Shape({}, {"created": TIME, "created_by": text(), "empty_layer": one_of(True)})
        ),
    },
)
_IMAGE_MANIFEST = Shape(
    {
        "schemaVersion": one_of(2),
        "mediaType": one_of(f"{MEDIA}.manifest.v1+json"),
        "config": descriptor(f"{MEDIA}.config.v1+json"),
        "layers": each(descriptor(*LAYERS), least=1),
    }
)
_INDEX = Shape(
    {
        "schemaVersion": one_of(2),
        "mediaType": one_of(f"{MEDIA}.index.v1+json"),
        "manifests": each(descriptor(f"{MEDIA}.manifest.v1+json", f"{MEDIA}.index.v1+json")),
    }
)
_DOCKER = each(
    Shape(
        {
            "Config": text("blobs/sha256/[0-9a-f]{64}"),
            "Layers": each(text("blobs/sha256/[0-9a-f]{64}"), least=1),
            "RepoTags": each(text(r"[^:]+(:\d+/[^:]+)?:[\w][\w.-]{0,127}")),
        }
    ),
    least=1,
)
RULES: Mapping[str, Rule] = {
    "config": _CONFIG,
    "image manifest": _IMAGE_MANIFEST,
    "index": _INDEX,
    "oci-layout": Shape({"imageLayoutVersion": one_of("1.0.0")}),
    "manifest.json": _DOCKER,
}
"""By kind of document (config.md, manifest.md, image-index.md, image-layout.md; the last
is docker's)."""


def problems(kind: str, document: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """Return where a document breaks the rules of its kind, sorted."""
    found = RULES[kind](document, kind)
    if kind == "config" and not found:
        layers = [each for each in document.get("history", ()) if "empty_layer" not in each]
        if "history" in document and len(layers) != len(document["rootfs"]["diff_ids"]):
            found = ["config.history: another number of layers than rootfs.diff_ids"]
    return sorted(found)
