"""The names an archive gives its image, which every consumer must read alike.

Podman and skopeo go by `org.opencontainers.image.ref.name` (OCI image-spec 1.1,
annotations.md), containerd by `io.containerd.image.name`, docker by `RepoTags`.
`docker save` puts the bare tag into the first, and leaves out its own registry
in the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from imagesmith.audit.reading import Object, Reading, is_strings, shown

REFERENCE = "org.opencontainers.image.ref.name"
CONTAINERD = "io.containerd.image.name"

_IMPLIED = ("docker.io/library/", "docker.io/")


@attrs.frozen(kw_only=True)
class Names:
    """The names in `index.json`."""

    reference: str
    """The one reference; empty if there are none or several."""
    full: frozenset[str]
    """Every name, with a tag and without docker's registry."""
    containerd: bool
    """Whether containerd finds one."""

    def has(self, tag: str) -> bool:
        """Say whether `tag`, one of docker's `RepoTags`, is among them."""
        return _full(tag) in self.full


def read(reading: Reading, descriptors: Sequence[Object]) -> Names:
    """Check the names of `index.json` against each other."""
    references = list(_annotated(descriptors, REFERENCE))
    names = list(_annotated(descriptors, CONTAINERD))
    for name in {name for name in references if references.count(name) > 1}:
        reading.problem("index.json", "reference", f"{shown(name)} stands for several images")
    for descriptor in descriptors:
        _check_alike(reading, descriptor)
    return Names(
        reference=references[0] if len(set(references)) == 1 else "",
        full=frozenset(map(_full, references + names)),
        containerd=bool(names),
    )


def _annotated(descriptors: Sequence[Object], key: str) -> Iterator[str]:
    for descriptor in descriptors:
        annotations = descriptor.get("annotations")
        if is_strings(annotations) and annotations.get(key):
            yield annotations[key]


def _check_alike(reading: Reading, descriptor: Object) -> None:
    """Require containerd's name to be the reference, or to end in it where that is a tag."""
    reference = next(_annotated((descriptor,), REFERENCE), "")
    for name in _annotated((descriptor,), CONTAINERD):
        if _full(name) != _full(reference) and not (reference and name.endswith(f":{reference}")):
            text = f"{shown(reference) if reference else 'what has no name'} is {shown(name)}"
            reading.problem("index.json", "reference", f"{text} for containerd")


def _full(name: str) -> str:
    """Leave out the registry docker implies and add the tag everyone does."""
    for implied in _IMPLIED:
        name = name.removeprefix(implied)
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
