"""Building once more, among surroundings that must not matter, and comparing every byte.

The first build is the one that was delivered, made or kept by this process in its own
surroundings.  The second is made by another process (`second`) from nothing but the
verified manifest and the pinned artefacts: no result and no index of the first one's
store is there.  What both saw around them is measured by each, so what is said to have
varied has.
"""

from __future__ import annotations

import json
import mmap
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs

from imagesmith.audit.difference import Difference, first
from imagesmith.build import deliver, execute, second
from imagesmith.build import plan as plans
from imagesmith.build.contents import Contents
from imagesmith.build.deliver import Delivery
from imagesmith.build.effects import Effects
from imagesmith.build.second import Asked
from imagesmith.errors import HostError, ImagesmithError, NotReproducible
from imagesmith.model.canonical import Json
from imagesmith.model.text import printable
from imagesmith.oci import archive, bundle
from imagesmith.oci.image import Image
from imagesmith.sandbox.elsewhere import backwards, surroundings
from imagesmith.sandbox.elsewhere.surroundings import Ended
from imagesmith.sandbox.starting.launch import Host
from imagesmith.store.layout import host_errors
from imagesmith.trust.trusted import TrustedManifest

HINT = "a bug in imagesmith, or in its surroundings; report it with the manifest"
ROOM = "TMPDIR names a directory with more room"
MANY_JOBS = 16


@attrs.frozen(kw_only=True)
class Variation:
    """One thing that may be otherwise on another machine, as both builds saw it."""

    what: str
    here: str
    there: str
    obstacle: str = ""
    """Why it was the same; empty if it was not."""

    def to_json(self) -> Json:
        """Return it for `--json`."""
        return attrs.asdict(self)


def build(
    trusted: TrustedManifest,
    delivery: Delivery,
    effects: Effects,
    host: Host,
    *,
    document: str,
) -> tuple[Variation, ...]:
    """Build what was delivered once more and return what was varied.

    NotReproducible, about `document`, names the first difference and who owns it;
    HostError where there is no room for another build.
    """
    place = Path(tempfile.gettempdir())
    with host_errors(place), tempfile.TemporaryDirectory(prefix="imagesmith-check-") as scratch:
        directory = Path(scratch)
        asked = Asked(
            architectures=tuple(image.arch.debian for image in delivery.images),
            compression=delivery.compressed,
            jobs=MANY_JOBS if effects.jobs == 1 else 1,
        )
        _lay_out(directory, trusted, delivery, asked, effects)
        varied = _run(directory, effects, host, document)
        found = _difference(directory, delivery, effects)
    if found is None:
        return varied
    raise NotReproducible(
        document=document,
        place=f"second build: {found.place}",
        expected=found.one,
        got=found.other,
        differences=(*_owner(found, delivery, effects), _told(varied)),
        hint=HINT,
    )


def _lay_out(
    directory: Path, trusted: TrustedManifest, delivery: Delivery, asked: Asked, effects: Effects
) -> None:
    """Write what the second build is given; the artefacts are links to this store's blobs."""
    (directory / surroundings.DIRECTORY).mkdir()
    (directory / second.MANIFEST).write_bytes(trusted.raw)
    (directory / second.ASKED).write_text(json.dumps(asked.to_json()))
    for image in delivery.images:
        for item in plans.wanted(trusted.manifest, image.arch):
            path = directory / second.MIRROR / item.suite / item.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_symlink():
                path.symlink_to(effects.store.layout.blob(item.digest))


def _run(directory: Path, effects: Effects, host: Host, document: str) -> tuple[Variation, ...]:
    """Have the second build made and return what both builds saw."""
    here = second.observed(effects.jobs, backwards.AS_IT_IS, "in use")
    around = surroundings.elsewhere(here, host, str(directory / surroundings.DIRECTORY))
    effects.progress("second build", 0, 1)
    ended = surroundings.run(around, second.__name__, str(directory))
    effects.progress("second build", 1, 1)
    if ended.status:
        raise _failure(ended, document)
    there: Mapping[str, str] = json.loads(ended.out)
    return tuple(
        Variation(
            what=what,
            here=here[what],
            there=there[what],
            obstacle=_obstacle(what, around.obstacles) if here[what] == there[what] else "",
        )
        for what in here
    )


def _failure(ended: Ended, document: str) -> ImagesmithError:
    """Return what it means that the second build failed where the first one did not."""
    lines = ended.err.strip().splitlines() or [f"exit status {ended.status}"]
    said, place = printable(lines[-1]), "second build"
    if said.endswith(f" [{HostError.code}]"):
        problem = said.removesuffix(f" [{HostError.code}]")
        return HostError(path=place, problem=problem, hint=ROOM)
    return NotReproducible(document=document, place=place, expected="images", got=said, hint=HINT)


def _obstacle(what: str, known: Mapping[str, str]) -> str:
    return known.get(what, "there is no other here")


def _difference(directory: Path, delivery: Delivery, effects: Effects) -> Difference | None:
    """Compare the archive of the second build with what the first one's would be."""
    manifest, images = delivery.manifest, bundle.of(delivery.images)
    reference, epoch, blobs = manifest.reference, manifest.epoch, effects.store.chunks
    other = directory / second.IMAGE
    if archive.holds(other, images, reference=reference, blobs=blobs, epoch=epoch):
        return None
    one = directory / "first.tar"
    archive.write(one, images, reference=reference, blobs=blobs, epoch=epoch)
    return first(_mapped(one), _mapped(other), name=reference)


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _owner(found: Difference, delivery: Delivery, effects: Effects) -> tuple[str, ...]:
    """Say who brought a path that differs, in the words of `why`."""
    image = next((each for each in delivery.images if _is_of(each, found.platform)), None)
    if image is None or not found.path:
        return ()
    plan = deliver.planned(delivery.manifest, image.arch, delivery.compressed)
    with Contents(effects.store) as contents:
        made = execute.rootfs(plan, contents, effects)
    owners = made.overlay.owners.get(found.path, ())
    reason = made.reasons.get(found.path)
    known = f"[{reason.rule} {reason.detail}".rstrip() + "]" if reason else ""
    said = " ".join(filter(None, (", ".join(owners), known))) or "no package, no generator"
    return (f"{found.path} is of {said}",)


def _is_of(image: Image, platform: str) -> bool:
    parts = ("linux", image.arch.oci, image.arch.variant)
    return "/".join(part for part in parts if part) == platform


def _told(varied: tuple[Variation, ...]) -> str:
    """Say what may have led to a difference."""
    return "varied: " + ", ".join(
        f"{each.what} ({each.here}, {each.there})" for each in varied if not each.obstacle
    )
