"""Keys that two readers of one document take differently.

Go's encoding/json, which most consumers use, matches the keys of structures
without regard to case, and of two that match the later one wins.  So
`{"layers": [a], "Layers": [b]}` has the layer `a` for a strict reader and `b`
for a runtime.  Maps, such as labels, keep their keys verbatim everywhere.
"""

from __future__ import annotations

from imagesmith.model.canonical import Json

OCI = (
    *("schemaVersion", "mediaType", "artifactType", "manifests", "config", "layers", "subject"),
    *("digest", "size", "urls", "data", "annotations", "platform", "imageLayoutVersion"),
    *("architecture", "os", "os.version", "os.features", "variant"),
    *("created", "author", "rootfs", "type", "diff_ids"),
    *("history", "created_by", "comment", "empty_layer"),
    *("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels"),
    "StopSignal",
)
"""The keys of the image-spec's documents."""
DOCKER = ("Config", "RepoTags", "Layers", "Parent", "LayerSources")
"""The keys of docker-archive's `manifest.json`."""

_MAPS = frozenset({"annotations", "ExposedPorts", "Volumes", "Labels"})


def ambiguous_keys(document: Json, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that equal another, or one of `names`, in all but case; sorted."""
    spelled = {name.casefold(): name for name in names}
    found: set[str] = set()
    pending: list[Json] = [document]
    while pending:  # no recursion: documents nest as deeply as the parser lets them
        value = pending.pop()
        if isinstance(value, dict):
            found |= _ambiguous(value, spelled)
            pending += [inner for key, inner in value.items() if key not in _MAPS]
        elif isinstance(value, list):
            pending += value
    return tuple(sorted(found))


def _ambiguous(structure: dict[str, Json], spelled: dict[str, str]) -> set[str]:
    folded: dict[str, str] = {}
    found = set()
    for key in structure:
        wanted = spelled.get(key.casefold(), key)
        if folded.setdefault(key.casefold(), wanted) != key:
            found.add(key)
    return found
