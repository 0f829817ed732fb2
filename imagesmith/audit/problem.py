"""One finding of a verification."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from imagesmith.model.canonical import Json
from imagesmith.model.text import printable

CODES: Mapping[str, str] = MappingProxyType(
    {
        "ambiguous": "a document that readers take in two ways",
        "archive": "no tar, or a member no archive should have",
        "blob-digest": "a blob whose digest is not its name",
        "blob-missing": "a blob that is named and is not there",
        "blob-size": "a blob of another size than its descriptor says",
        "config": "an image config, or its digest, that is not what it must be",
        "descriptor": "a descriptor without a usable digest, size, data or annotations",
        "diff-id": "layers whose tars are not those the config or the manifest names",
        "digest-algorithm": "a digest other than sha256, which is not checked",
        "docker-archive": "a manifest.json that names another image than index.json",
        "document": "a document that is missing, no strict JSON, or of another shape",
        "file": "a file that differs from the recorded mtree",
        "history": "a history that does not tell of each layer",
        "image": "an image manifest that is not the expected one, though its encoder is",
        "index": "an image index without images, nested too deeply, or not the expected one",
        "layer": "a layer that does not decompress, or is no tar every runtime reads alike",
        "layout-version": "an oci-layout of another version",
        "media-type": "a media type that is missing, unknown, or not what the bytes are",
        "mtree": "an mtree that is not the recorded one, or cannot be compared",
        "platform": "another platform than the index or the manifest says",
        "reference": "names under which consumers find different images",
        "rootfs": "a root filesystem that is not the expected one",
        "unreferenced": "a member that nothing names, so no digest covers it",
        "upstream-evidence": "evidence of an archive that is neither in the store nor to be had",
        "upstream-index": "an index the release file does not name, or whose bytes are others",
        "upstream-pin": "an artefact pinned to what no stanza of its archive says",
        "upstream-release": "a release file no pinned key signed, or not the recorded one",
        "upstream-stanza": "a kept stanza that is not in its index, or not pinned",
    }
)
"""Every code and what it stands for; they stay as they are, scripts rely on them."""


@attrs.frozen(order=True)
class Problem:
    """Something that is not as claimed; its texts are safe to print."""

    place: str = attrs.field(converter=printable)
    """Member, blob, architecture or document key."""
    code: str
    """One of `CODES`."""
    problem: str = attrs.field(converter=printable)

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.place}: {self.problem} [{self.code}]"

    def to_json(self) -> Json:
        """Return the finding for `--json`."""
        return {"place": self.place, "code": self.code, "problem": self.problem}
