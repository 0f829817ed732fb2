"""What `docker save` writes, for engines that know nothing else: uncompressed layers by diff-id.

The config is the image's own, so the image has the id it has everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagesmith.model.canonical import to_bytes
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Entry, File, Span, Tree
from imagesmith.oci import image as documents


def contents(
    config: bytes, layers: Sequence[Digest], sizes: Mapping[Digest, int], reference: str
) -> Tree:
    """Return the members of a docker-archive as a tree.

    `layers` are diff-ids, lowest first; each layer's file is a span of the blob of that
    digest, `sizes` bytes long.
    """
    name = f"{Digest.of(config).hex}.json"
    listing = [
        {
            "Config": name,
            "Layers": [f"{diff_id.hex}.tar" for diff_id in layers],
            "RepoTags": [documents.tagged(reference)],
        }
    ]
    entries: dict[str, Entry] = {
        f"/{diff_id.hex}.tar": File(
            mode=0o644, size=sizes[diff_id], digest=diff_id, content=Span(diff_id, 0)
        )
        for diff_id in layers
    }
    entries |= {f"/{name}": File.of(config), "/manifest.json": File.of(to_bytes(listing))}
    return Tree(entries)
