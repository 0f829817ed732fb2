"""A package's index as bytes: what the store keeps so that packages are read once.

The form is canonical JSON in columns: one row per entry would name every field
a hundred thousand times.  It is a cache of this program for itself; `INDEX_FORMAT`
is part of the key under which it is kept, and rises with any change of meaning,
of the tree rules or of the facts.  Any other bytes are an error, never a wrong tree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Tree
from imagesmith.unpack import columns
from imagesmith.unpack.control import Control
from imagesmith.unpack.paths import decoded, encoded
from imagesmith.unpack.plain import natural, texts

INDEX_FORMAT = 3


@attrs.frozen(kw_only=True)
class PackageIndex:
    """All that is known of one package's bytes."""

    artefact: Digest
    """Of the package file."""
    blob: Digest
    """Of its decompressed payload, where the spans of `tree` lie."""
    built: int
    """Seconds since 1970."""
    control: Control
    tree: Tree


def to_bytes(index: PackageIndex) -> bytes:
    """Return the only bytes that say `index`; its files must be spans of its blob."""
    control = index.control
    md5sums = control.md5sums
    document = {
        "format": INDEX_FORMAT,
        "artefact": index.artefact.hex,
        "blob": index.blob.hex,
        "built": index.built,
        "stanza": decoded(control.stanza),
        "conffiles": control.conffiles,
        "md5sums": None if md5sums is None else decoded(md5sums),
        "scripts": {name: decoded(script) for name, script in control.scripts.items()},
        "tree": columns.from_tree(index.tree, index.blob),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def from_bytes(raw: bytes) -> PackageIndex:
    """Return what `to_bytes` was given; MalformedArtefact for bytes it did not make."""
    try:
        return _package_index(json.loads(raw))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        problem = f"not an index of format {INDEX_FORMAT}"
        raise MalformedArtefact(artefact="package index", member="", problem=problem) from error


def _package_index(document: Mapping[str, Any]) -> PackageIndex:
    if document["format"] != INDEX_FORMAT:
        raise ValueError(f"format {document['format']!r}")
    md5sums = document["md5sums"]
    blob = Digest(document["blob"])
    return PackageIndex(
        artefact=Digest(document["artefact"]),
        blob=blob,
        built=natural(document["built"]),
        control=Control(
            stanza=encoded(document["stanza"]),
            conffiles=texts(document["conffiles"]),
            md5sums=None if md5sums is None else encoded(md5sums),
            scripts={name: encoded(script) for name, script in document["scripts"].items()},
        ),
        tree=columns.to_tree(document["tree"], blob),
    )
