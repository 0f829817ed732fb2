"""The second build of `build --check`, a program of its own: `python -m imagesmith.build.second`.

It is given a directory with a verified manifest (`manifest.toml`), what to build of it
(`asked.json`), and the pinned artefacts below `mirror/`.  It starts with an empty store,
fetches, indexes, builds, and leaves `image.tar`; on stdout it says what it saw around it.
What it was started in is for others to choose (`sandbox.surroundings`); directories are
listed backwards and processors left alone by itself.
"""

from __future__ import annotations

import json
import locale
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from imagesmith.build import deliver, execute
from imagesmith.build.effects import Effects
from imagesmith.errors import ImagesmithError
from imagesmith.fetch import Fetcher
from imagesmith.manifest import manifest as manifests
from imagesmith.model import arch as arches
from imagesmith.model.canonical import Json
from imagesmith.oci import archive, bundle
from imagesmith.sandbox.elsewhere import backwards, surroundings
from imagesmith.store import Store

MANIFEST, ASKED, MIRROR, STORE, IMAGE = (
    "manifest.toml",
    "asked.json",
    "mirror",
    "store",
    "image.tar",
)


@attrs.frozen(kw_only=True)
class Asked:
    """What is to be built of a manifest."""

    architectures: tuple[str, ...]
    """Their Debian names."""
    compression: str | None
    """Instead of the manifest's."""
    jobs: int

    def to_json(self) -> Json:
        """Return it as `asked.json` has it."""
        return attrs.asdict(self)


def observed(jobs: int, order: str, store: str) -> dict[str, str]:
    """Return what surrounds this process, and what else a build must not depend on."""
    return surroundings.observed() | {
        "jobs": str(jobs),
        "order of directories": order,
        "store": store,
    }


def build(directory: Path, asked: Mapping[str, Any], *, now: int) -> None:
    """Build what was asked from an empty store, into `image.tar`."""
    manifest = manifests.parse((directory / MANIFEST).read_bytes(), document=MANIFEST)
    with Fetcher() as fetcher:
        effects = Effects(
            store=Store.open(directory / STORE),
            stream=fetcher.stream,
            mirrors=lambda suite: (str(directory / MIRROR / suite),),
            now=now,
            jobs=asked["jobs"],
        )
        plans = [
            deliver.planned(manifest, arches.parse(name), asked["compression"])
            for name in asked["architectures"]
        ]
        built = [execute.execute(plan, effects) for plan in plans]
    archive.write(
        directory / IMAGE,
        bundle.of([each.image for each in built]),
        reference=manifest.reference,
        blobs=effects.store.chunks,
        epoch=manifest.epoch,
    )


def main(directory: Path) -> int:
    """Build and return the exit status; what went wrong is said on stderr."""
    backwards.turn()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    with suppress(locale.Error):  # which is C then
        locale.setlocale(locale.LC_ALL, "")
    asked = json.loads((directory / ASKED).read_bytes())
    sys.stdout.write(json.dumps(observed(asked["jobs"], backwards.BACKWARDS, "empty")))
    try:
        build(directory, asked, now=int(time.time()))
    except ImagesmithError as error:
        sys.stderr.write(ascii(f"{error.message} [{error.code}]")[1:-1])
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
