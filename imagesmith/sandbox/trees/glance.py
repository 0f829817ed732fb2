"""Which images an archive names, from its few small documents.

What runs is what was verified and exported under the digest of its image
manifest, so running it again needs that digest and no layer.  `index.json` says
it; an image index below is held against its own digest.  An archive that is in
any way unusual gives nothing, and the audit reads it whole: this reader need not
understand everything, and a wrong digest from it leads nowhere.

OCI image-spec 1.1, image-layout.md and image-index.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imagesmith.sandbox.starting import replay

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Named(NamedTuple):
    """One image of an archive."""

    platform: str
    """`os/architecture[/variant]`, or empty where its descriptor does not say."""
    digest: str
    """Of its image manifest: 64 hexadecimal digits."""


class Glance(NamedTuple):
    """What an archive says of itself, unverified."""

    index_json: bytes = b""
    images: tuple[Named, ...] = ()


def glance(path: str) -> Glance:
    """Return what an archive names; nothing where the audit has to look."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return Glance()
    try:
        members = replay.members(descriptor)
        index = replay.document(descriptor, members, "index.json")
        return Glance(index, tuple(_named(descriptor, members, index)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Glance()
    finally:
        os.close(descriptor)


def _named(descriptor: int, members: dict[str, tuple[int, int]], index: bytes) -> Sequence[Named]:
    """Return the images below `index.json`, image indices opened once."""
    found: list[Named] = []
    for outer in _descriptors(index):
        if outer["mediaType"] == _MANIFEST:
            found.append(_image(outer))
            continue
        content = replay.document(descriptor, members, f"blobs/sha256/{_digest(outer)}")
        if outer["mediaType"] != _INDEX or hashlib.sha256(content).hexdigest() != _digest(outer):
            raise ValueError("not the image index that is named")
        found += map(_image, _descriptors(content))
    return found


def _descriptors(document: bytes) -> Sequence[Mapping[str, Any]]:
    listed: Sequence[Mapping[str, Any]] = json.loads(document)["manifests"]
    return listed


def _image(described: Mapping[str, Any]) -> Named:
    if described["mediaType"] != _MANIFEST:
        raise ValueError("neither an image nor an image index")
    platform = described.get("platform", {})
    parts = (platform.get(key) for key in ("os", "architecture", "variant"))
    return Named("/".join(part for part in parts if part), _digest(described))


def _digest(described: Mapping[str, Any]) -> str:
    match = _DIGEST.fullmatch(described["digest"])
    if match is None:
        raise ValueError("not a digest")
    return match[1]
