"""A verified image, written out to be run; its name in the store is its digest.

Nothing of an image is believed that was not verified: what `verify` would find wrong
with it keeps it from being exported.  Once it is, its digest is enough, and its
layers are not read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from imagesmith.audit import contents
from imagesmith.audit.layout import ImageFound
from imagesmith.audit.problem import Problem
from imagesmith.errors import HostError, IntegrityError, MalformedArtefact
from imagesmith.model.canonical import Json
from imagesmith.sandbox.trees import export as writing
from imagesmith.sandbox.trees import lending
from imagesmith.sandbox.trees.lending import Exported
from imagesmith.store import Store

HARMLESS = frozenset({"docker-archive", "history", "reference", "unreferenced"})
"""Problems that leave no doubt about what an image holds."""

_OTHER_BYTES = ("blob-digest", "blob-size", "diff-id")
_KEYS = ("Cmd", "Entrypoint", "Env", "User", "Volumes", "WorkingDir")


def export(image: ImageFound, store: Store, *, reference: str, what: str) -> None:
    """Read an image's layers and write its root out, if that was not done before.

    `reference` is what the image is called, `what` whatever it was found in.
    """
    layers = contents.read(image)
    require_sound(layers.problems, what)
    record = _record(image, reference, what)

    def write(directory: Path) -> None:
        writing.write(
            directory,
            layers.tree,
            layers=zip(layers.diff_ids, map(contents.decompressed, image.layers), strict=True),
            image=record,
            epoch=created(image.config),
            what=what,
        )

    store.export(image.digest, write)


@contextmanager
def lent(store: Store, digest: str) -> Iterator[Exported]:
    """Lend the root of an image that was exported; HostError if somebody has changed it."""
    with lending.lent(str(store.root), digest) as found:
        if found is None:
            hint = "imagesmith store verify says what is wrong with it; remove it"
            problem = "is not as it was written"
            raise HostError(path=str(store.layout.exports / digest), problem=problem, hint=hint)
        yield found


def require_sound(problems: Sequence[Problem], what: str) -> None:
    """Raise the first problem that is more than one of names; MalformedArtefact, IntegrityError."""
    grave = [problem for problem in problems if problem.code not in HARMLESS]
    if not grave:
        return
    first, hint = grave[0], f"imagesmith verify {what} lists every problem"
    if first.code in _OTHER_BYTES:
        place, got = f"{what}: {first.place}", f"others ({first.problem})"
        raise IntegrityError(what=place, expected="the bytes it must have", got=got, hint=hint)
    problem = f"{first.problem} [{first.code}]"
    raise MalformedArtefact(artefact=what, member=first.place, problem=problem, hint=hint)


def _record(image: ImageFound, reference: str, what: str) -> Mapping[str, Json]:
    """Return what running an image takes to know."""
    config = image.config.get("config")
    assert config is None or isinstance(config, Mapping), "a problem otherwise"
    kept = {key: config[key] for key in _KEYS if config and config.get(key)}
    if not all(map(_is_spoken, _texts(kept))):
        problem = "config: text that no command line and no environment can hold"
        raise MalformedArtefact(artefact=what, member=image.config_member, problem=problem)
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


def created(config: Mapping[str, Json]) -> int:
    """Return when a config says that its image was made, in seconds since 1970.

    0 where it does not, or says it without the offset that RFC 3339 wants: what is
    written must not depend on where that is.
    """
    text = config.get("created")
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return max(0, int(moment.timestamp())) if moment and moment.tzinfo else 0
    except (ValueError, OverflowError):
        return 0
