"""The exported root filesystem of an image, lent for as long as it runs.

    STORE/rootfs/<64 hex>/        of an image manifest, 0700: users of the host stay out
        root/                     the files
        image.json                what running it takes to know
        mtree                     what `store verify` compares
        start                     what `replay` remembers

The store makes, checks and removes these (`store.exports`).  Who runs an image
holds a shared lock on its directory, and `store gc` leaves alone what is locked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from imagesmith.sandbox.starting import replay

RECORD = "image.json"


class Exported(NamedTuple):
    """An image whose root filesystem is on disk."""

    root: str
    name: str
    platform: str
    config: Mapping[str, Any]
    """The execution parameters of its config."""
    writable: Mapping[str, tuple[int, int, int]]
    """Mode, uid and gid of directories that others than root may write to, by image path."""


@contextmanager
def lent(store: str, digest: str) -> Iterator[Exported | None]:
    """Lend the exported root of an image; None if this store has none that can be relied on."""
    descriptor = replay.locked(store, digest)
    if descriptor is None:
        yield None
        return
    try:
        yield _read(f"{store}/{replay.DIRECTORY}/{digest}")
    finally:
        os.close(descriptor)


def _read(directory: str) -> Exported | None:
    """Read what is recorded of an exported image; None where it is damaged."""
    try:
        with open(f"{directory}/{RECORD}", "rb") as file:
            record = json.loads(file.read())
        return Exported(
            root=f"{directory}/{replay.ROOT}",
            name=record["name"],
            platform=record["platform"],
            config=record["config"],
            writable={path: (mode, uid, gid) for path, mode, uid, gid in record["writable"]},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
