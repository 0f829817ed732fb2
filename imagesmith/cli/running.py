"""From an image archive to a root filesystem in the store that can be run.

Nothing of an archive is believed that was not verified (`audit.exporting`), and what
was exported once is found by its digest alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagesmith.errors import UsageError
from imagesmith.sandbox.starting import bubblewrap, launch, platform, refusal, replay
from imagesmith.sandbox.starting.launch import Host
from imagesmith.sandbox.starting.program import Asked
from imagesmith.sandbox.trees import glance, lending
from imagesmith.sandbox.trees.glance import Named
from imagesmith.sandbox.trees.lending import Exported

if TYPE_CHECKING:
    from imagesmith.audit.layout import ImageFound, Layout
    from imagesmith.store import Store


class Lent(NamedTuple):
    """An exported image, and an `index.json` that leads to it if that is certain."""

    exported: Exported
    index_json: bytes


@contextmanager
def exported(path: Path, store: Store, *, wanted: str | None, host: Host) -> Iterator[Lent]:
    """Lend the root filesystem of an archive's image for a platform, exported if it is new."""
    seen = glance.glance(str(path))
    image = platform.chosen(seen.images, wanted=wanted, here=platform.host(host.machine))
    with lending.lent(str(store.root), image.digest if image else "-") as found:
        if found:
            yield Lent(found, seen.index_json)
            return
    with store.in_use():
        digest = export(path, store, wanted=wanted, host=host)
    from imagesmith.audit import exporting

    with exporting.lent(store, digest) as found:
        yield Lent(found, seen.index_json if image and image.digest == digest else b"")


def run(lent: Lent, asked: Asked, host: Host, *, wanted: str | None) -> int:
    """Run what was lent, and leave behind what makes the next start of it fast."""
    prepared = launch.prepare(lent.exported, asked, host)
    entrypoint, cmd = (lent.exported.config.get(key) or () for key in ("Entrypoint", "Cmd"))
    is_plain = wanted is None and asked == Asked(arguments=asked.arguments)
    is_native = prepared.command[:1] != (bubblewrap.EMULATOR,)
    if lent.index_json and is_plain and is_native and (entrypoint or not asked.arguments):
        words = (prepared.options, entrypoint, cmd)
        lists = [[os.fsencode(word) for word in each] for each in words]
        replay.remember(lent.exported.root, lent.index_json, host.machine, lists)
    return launch.launch(prepared, host)


def export(path: Path, store: Store, *, wanted: str | None, host: Host) -> str:
    """Verify an archive's image for a platform, write its root out, and return its digest."""
    from imagesmith.audit import exporting
    from imagesmith.cli import auditing

    why_not = refusal.reason(launch.bubblewrap_of(host), host.read)  # before anything takes long
    if why_not:
        raise why_not
    found = auditing.read(path)
    exporting.require_sound(found.problems, str(path))
    image = _image(path, found, wanted, platform.host(host.machine))
    exporting.export(image, store, reference=found.reference, what=str(path))
    return image.digest.hex


def _image(path: Path, found: Layout, wanted: str | None, here: str) -> ImageFound:
    """Return the image for a platform; UsageError if there is none, or more than one."""
    images = {image.digest.hex: image for image in found.images}
    named = [Named(image.platform, digest) for digest, image in images.items()]
    chosen = platform.chosen(named, wanted=wanted, here=here)
    if chosen:
        return images[chosen.digest]
    has = ", ".join(sorted(image.platform for image in named)) or "nothing"
    asked = f"no image for {wanted}" if wanted else f"no image for this machine, {here}"
    raise UsageError(problem=f"{path}: {asked}: it has {has}", hint="name one with --arch")
