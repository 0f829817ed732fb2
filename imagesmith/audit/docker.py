"""`manifest.json`: the docker-archive around the same blobs, which must be the same image."""

from __future__ import annotations

from collections.abc import Sequence

from imagesmith.audit import spelling
from imagesmith.audit.naming import Names
from imagesmith.audit.reading import Object, Reading, shown
from imagesmith.model.canonical import Json

MEMBER = "manifest.json"

Blobs = tuple[str, tuple[str, ...]]
"""The members of an image: its config, its layers."""


def check(reading: Reading, names: Names, images: Sequence[Blobs]) -> None:
    """Check that `manifest.json`, where there is one, names `images` and nothing else."""
    if MEMBER not in reading.archive.members:
        return
    listed = reading.parsed(MEMBER, spelling.DOCKER)
    if listed is None:
        return
    if not isinstance(listed, list):
        reading.problem(MEMBER, "document", f"expected a list, got {shown(listed)}")
        return
    if not 1 <= len(listed) <= len(images):
        text = f"{len(listed)} entries, {len(images)} images in index.json"
        reading.problem(MEMBER, "docker-archive", text)
    for entry in listed[: len(images)]:
        if isinstance(entry, dict):
            _check_entry(reading, names, entry, images)
        else:
            reading.problem(MEMBER, "document", f"expected objects, got {shown(entry)}")


def _check_entry(reading: Reading, names: Names, entry: Object, images: Sequence[Blobs]) -> None:
    layers = entry.get("Layers")
    named = tuple(layers) if isinstance(layers, list) else layers
    if (entry.get("Config"), named) not in images:
        text = f"{shown(entry.get('Config'))} with its layers is no image of index.json"
        reading.problem(MEMBER, "docker-archive", text)
    _check_tags(reading, names, entry.get("RepoTags"))


def _check_tags(reading: Reading, names: Names, tags: Json) -> None:
    """Check that docker, containerd and the others load the image under the same names."""
    if not isinstance(tags, list | None):
        reading.problem(MEMBER, "docker-archive", f"RepoTags: expected a list, got {shown(tags)}")
        return
    wrong = [tag for tag in tags or () if not (isinstance(tag, str) and names.has(tag))]
    if wrong:
        text = f"RepoTags: {shown(wrong[0])} is no name of index.json"
        reading.problem(MEMBER, "docker-archive", text)
    if names.full and not tags:
        reading.problem(MEMBER, "docker-archive", "RepoTags: none, index.json has a name")
    if names.full and not names.containerd:
        text = "RepoTags: index.json has no name for containerd"
        reading.problem(MEMBER, "docker-archive", text)
