"""Image archives by hand: a sound one, and every way to break it.

`make` writes the documents from the config up, so an amended document has the
digest its descriptor says; `members` breaks what lies in the archive afterwards.
`verdicts` reads one back with the audit and calls blobs by their roles.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from builders.tar import make_tar

from imagesmith.audit import contents, layout
from imagesmith.audit.layout import Layout
from imagesmith.model.digest import Digest

Document: TypeAlias = Any
"""Any JSON, or what Python writes as JSON."""
Amend = Callable[[Document], Document]
"""Takes a document and returns what to write instead; bytes are written as they are."""

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REFERENCE = "registry.example.org/app:1.4.2"

TAR = make_tar({"/etc/motd": b"hello\n"})

Change = Callable[[dict[str, bytes], Callable[[str], str]], None]
"""Breaks the members of an archive, given a way from a role to the member's name."""


@attrs.frozen(kw_only=True)
class Layer:
    """A layer, its descriptor and diff-id right unless said otherwise."""

    tar: bytes = TAR
    content: bytes | None = None
    """The blob, unless it is the tar itself."""
    media_type: str = LAYER


@attrs.define
class Forge:
    """The members of an archive in the making, and what each is called in verdicts."""

    amend: Mapping[str, Amend]
    members: dict[str, bytes] = attrs.Factory(dict)
    roles: dict[str, str] = attrs.Factory(dict)

    def write(self, role: str, document: Document) -> bytes:
        """Render a document, amended if a test wants it to be."""
        document = self.amend.get(role, unchanged)(document)
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    def add(self, role: str, media_type: str, content: bytes) -> Document:
        """Put a blob under its digest and return its descriptor."""
        digest = Digest.of(content)
        self.members[f"blobs/sha256/{digest.hex}"] = content
        self.roles.setdefault(digest.hex, role)
        return {"mediaType": media_type, "digest": str(digest), "size": len(content)}

    def image(self, layers: Sequence[Layer], number: int = 0) -> Document:
        """Add config, layers and image manifest; the roles of all but the first end in a number."""
        suffix = str(number or "")
        described = [
            self.add(f"layer{index or ''}", layer.media_type, layer.tar if raw is None else raw)
            for index, (layer, raw) in enumerate((layer, layer.content) for layer in layers)
        ]
        architecture = f"amd{number}" if number else "amd64"
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/bin/true"], "Labels": {"a": "1"}},
            "rootfs": {
                "type": "layers",
                "diff_ids": [str(Digest.of(layer.tar)) for layer in layers],
            },
            "history": [{"created_by": "a test"} for _ in layers],
        }
        role = f"config{suffix}"
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add(role, CONFIG, self.write(role, config)),
            "layers": described,
        }
        role = f"manifest{suffix}"
        descriptor = self.add(role, MANIFEST, self.write(role, manifest))
        platform = {"architecture": architecture, "os": "linux"}
        return {**descriptor, "platform": platform}

    def index(self, manifests: Sequence[Document], role: str = "index") -> Document:
        """Add an image index."""
        return self.add(role, INDEX, self.write(role, index(manifests)))

    def finish(self, manifests: Sequence[Document], *, docker: bool) -> None:
        """Add the documents that are known by name."""
        self.members["index.json"] = self.write("index.json", index(manifests))
        self.members["oci-layout"] = self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})
        if docker:
            by_role = {role: f"blobs/sha256/{digest}" for digest, role in self.roles.items()}
            layers = [name for role, name in by_role.items() if role.startswith("layer")]
            entry = {"Config": by_role["config"], "RepoTags": [REFERENCE], "Layers": layers}
            self.members["manifest.json"] = self.write("manifest.json", [entry])


@attrs.frozen
class Archive:
    """An archive and what its blobs are called."""

    content: bytes
    roles: Mapping[str, str]

    def layout(self) -> Layout:
        """Walk it with the audit."""
        return layout.examine(memoryview(self.content), name="a.tar")

    def verdicts(self) -> list[str]:
        """Return every problem of its documents and layers, one line each, blobs by role."""
        found = self.layout()
        problems = set(found.problems)
        for image in contents.read_all(found.images):
            problems.update(image.problems)
        return sorted(self.named(str(problem)) for problem in problems)

    def named(self, text: str) -> str:
        """Replace digests in a text by roles."""
        for digest, role in self.roles.items():
            text = text.replace(f"blobs/sha256/{digest}", role).replace(f"sha256:{digest}", role)
        return text


def make(
    amend: Mapping[str, Amend] | None = None,
    *,
    layers: Sequence[Layer] = (Layer(),),
    images: int = 1,
    nested: bool = False,
    members: Change | None = None,
) -> Archive:
    """Write an archive; `members` may change what is in it."""
    forge = Forge(dict(amend or {}))
    described = [forge.image(layers, number) for number in range(images)]
    if nested:
        described = [forge.index(described)]
    names = {
        "org.opencontainers.image.ref.name": REFERENCE,
        "io.containerd.image.name": REFERENCE,
    }
    if len(described) == 1:
        described = [{**described[0], "annotations": names}]
    forge.finish(described, docker=images == 1)
    if members:
        by_role = {role: f"blobs/sha256/{digest}" for digest, role in forge.roles.items()}
        members(forge.members, lambda role: by_role.get(role, role))
    return Archive(archive(forge.members.items()), forge.roles)


def archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar of these members, in their order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as output:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            output.addfile(header, io.BytesIO(content))
    return file.getvalue()


def index(manifests: Sequence[Document]) -> Document:
    """Return an image index."""
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}


def zipped(tar: bytes = TAR) -> Layer:
    """Return a layer compressed with gzip."""
    content = gzip.compress(tar, mtime=0)
    return Layer(tar=tar, content=content, media_type=f"{LAYER}+gzip")


def without(member: str) -> Change:
    """Take a member out of the archive."""

    def removed(members: dict[str, bytes], at: Callable[[str], str]) -> None:
        del members[at(member)]

    return removed


def unchanged(document: Document) -> Document:
    """Leave a document as it is."""
    return document


def put(*place: str | int, to: Document) -> Amend:
    """Set the value at a place in a document."""

    def amended(document: Document) -> Document:
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = to
        return document

    return amended


def drop(*place: str | int) -> Amend:
    """Remove what lies at a place in a document."""

    def amended(document: Document) -> Document:
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]
        return document

    return amended
