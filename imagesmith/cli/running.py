"""From an image archive to a root filesystem in the store that can be run.

Nothing of an archive is believed that was not verified: what `verify` would find
wrong with an image keeps it from being exported.  Once it is, its digest is
enough, and the archive's layers are not read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagesmith.errors import HostError, IntegrityError, MalformedArtefact, UsageError
from imagesmith.sandbox import bubblewrap, glance, launch, lending, platform, refusal, replay
from imagesmith.sandbox.glance import Named
from imagesmith.sandbox.launch import Host
from imagesmith.sandbox.lending import Exported
from imagesmith.sandbox.program import Asked

if TYPE_CHECKING:
    from imagesmith.audit.layout import ImageFound, Layout
    from imagesmith.audit.problem import Problem
    from imagesmith.model.canonical import Json
    from imagesmith.store import Store

HARMLESS = frozenset({"docker-archive", "history", "reference", "unreferenced"})
"""Problems that leave no doubt about what an image holds."""
_OTHER_BYTES = ("blob-digest", "blob-size", "diff-id")
_KEYS = ("Cmd", "Entrypoint", "Env", "User", "Volumes", "WorkingDir")


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
    with lending.lent(str(store.root), digest) as found:
        if found is None:
            hint = "imagesmith store verify says what is wrong with it; remove it"
            problem = "is not as it was written"
            raise HostError(path=str(store.layout.exports / digest), problem=problem, hint=hint)
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
    from imagesmith.audit import contents
    from imagesmith.cli import auditing
    from imagesmith.sandbox import export as writing

    why_not = refusal.reason(launch.bubblewrap_of(host), host.read)  # before anything takes long
    if why_not:
        raise why_not
    found = auditing.read(path)
    _require_sound(path, found.problems)
    image = _image(path, found, wanted, platform.host(host.machine))
    layers = contents.read(image)
    _require_sound(path, layers.problems)
    record = _record(path, found.reference, image)

    def write(directory: Path) -> None:
        writing.write(
            directory,
            layers.tree,
            layers=zip(layers.diff_ids, map(contents.decompressed, image.layers), strict=True),
            image=record,
            epoch=_created(image),
            what=str(path),
        )

    store.export(image.digest, write)
    return image.digest.hex


def _require_sound(path: Path, problems: tuple[Problem, ...]) -> None:
    """Raise the first problem that is more than one of names; MalformedArtefact, IntegrityError."""
    grave = [problem for problem in problems if problem.code not in HARMLESS]
    if not grave:
        return
    first, hint = grave[0], f"imagesmith verify {path} lists every problem"
    if first.code in _OTHER_BYTES:
        what, got = f"{path}: {first.place}", f"others ({first.problem})"
        raise IntegrityError(what=what, expected="the bytes it must have", got=got, hint=hint)
    problem = f"{first.problem} [{first.code}]"
    raise MalformedArtefact(artefact=str(path), member=first.place, problem=problem, hint=hint)


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


def _record(path: Path, reference: str, image: ImageFound) -> Mapping[str, Json]:
    """Return what running an image takes to know."""
    config = image.config.get("config")
    assert config is None or isinstance(config, Mapping), "a problem otherwise"
    kept = {key: config[key] for key in _KEYS if config and config.get(key)}
    if not all(map(_is_spoken, _texts(kept))):
        problem = "config: text that no command line and no environment can hold"
        raise MalformedArtefact(artefact=str(path), member=image.config_member, problem=problem)
    name = reference.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return {"name": name, "platform": image.platform, "config": kept}


def _texts(value: Json) -> Iterator[str]:
    """Yield every string of a config, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def _is_spoken(text: str) -> bool:
    try:
        return "\0" not in text and bool(text.encode() or True)
    except UnicodeEncodeError:
        return False


def _created(image: ImageFound) -> int:
    """Return when an image says that it was made; the epoch of time where it does not."""
    created = image.config.get("created")
    try:
        return int(datetime.fromisoformat(created).timestamp()) if isinstance(created, str) else 0
    except (ValueError, OverflowError):
        return 0
