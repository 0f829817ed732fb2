"""From pins to package trees: fetch what the store lacks, index what was never indexed.

Mirrors are tried in order; one that is down or gives other bytes is passed over,
which is noted, and only all of them failing is an error.  An index is kept under the digest of
its package, so a package is decompressed once in the life of a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TypeVar

import attrs

from imagesmith.build.effects import Effects, Stream
from imagesmith.build.plan import Wanted
from imagesmith.errors import (
    ImagesmithError,
    IntegrityError,
    MalformedArtefact,
    NetworkError,
    SignatureError,
)
from imagesmith.model import canonical
from imagesmith.model.digest import Digest
from imagesmith.store import Blob
from imagesmith.unpack import codec
from imagesmith.unpack.codec import PackageIndex
from imagesmith.unpack.control import check_identity

FETCHES = 4
"""Downloads at a time; more is unkind to mirrors and no faster."""

_Out = TypeVar("_Out")


def trees(wanted: Sequence[Wanted], effects: Effects) -> tuple[PackageIndex, ...]:
    """Return the index of every package, in the order given, biggest fetched first."""
    present = {item.digest for item in wanted if effects.store.find(item.digest)}
    missing = [item for item in wanted if item.digest not in present]
    _parallel(fetch, missing, FETCHES, "fetch", effects)
    indexed = _parallel(index, wanted, effects.jobs, "index", effects)
    return tuple(indexed[item] for item in wanted)


def _parallel(
    call: Callable[..., _Out],
    items: Sequence[Wanted],
    workers: int,
    stage: str,
    effects: Effects,
) -> dict[Wanted, _Out]:
    """Map `call` over `items`, biggest first; the first error ends the rest."""
    ordered = sorted(items, key=lambda item: (-item.size, item.digest))
    results: dict[Wanted, _Out] = {}
    stopped = Event()
    lent = attrs.evolve(effects, stream=effects.stream and _until(stopped, effects.stream))
    pool = ThreadPoolExecutor(max(1, workers))
    try:
        futures = {item: pool.submit(call, item, effects=lent) for item in ordered}
        for done, (item, future) in enumerate(futures.items(), start=1):
            results[item] = future.result()
            effects.progress(stage, done, len(ordered))
    except BaseException as error:
        stopped.set()
        # who interrupts does not wait for a server that has gone silent
        pool.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
        raise
    pool.shutdown()
    return results


def _until(stopped: Event, stream: Stream) -> Stream:
    """Return a stream that ends with an error after its next piece once `stopped` is set."""

    def lent(location: str, *, size: int | None, limit: int, offset: int = 0) -> Iterator[bytes]:
        for chunk in stream(location, size=size, limit=limit, offset=offset):
            if stopped.is_set():
                raise NetworkError(what="download", problem="given up after another error")
            yield chunk

    return lent


def fetch(item: Wanted, *, effects: Effects) -> Blob:
    """Return the artefact's blob, from the store or else from the first mirror that has it."""
    found = effects.store.find(item.digest)
    return found or download(
        item.path, suite=item.suite, size=item.size, digest=item.digest, effects=effects
    )


def download(path: str, *, suite: str, size: int, digest: Digest, effects: Effects) -> Blob:
    """Fetch `path` below a mirror of `suite` into the store; the bytes must be the named ones."""
    stream = effects.stream
    if stream is None:
        raise NetworkError(
            what=path,
            problem="not in the store, and offline",
            hint="run once without --offline, or point --store at a store that has it",
            temporary=True,
        )

    def attempt(base: str) -> Blob:
        source = partial(stream, f"{base.rstrip('/')}/{path}", size=size, limit=size)
        return effects.store.put(
            lambda offset: source(offset=offset), digest=digest, size=size, what=path
        )

    return first_mirror(path, suite, attempt, effects)


def first_mirror(path: str, suite: str, attempt: Callable[[str], _Out], effects: Effects) -> _Out:
    """Return what `attempt` gives for the first mirror of `suite` that does not fail."""
    bases = effects.mirrors(suite)
    if not bases:
        raise NetworkError(
            what=path,
            problem=f"no mirror is known for the suite {suite}",
            hint=f'set one: [mirrors] {suite} = ["https://…"] in config.toml',
        )
    errors: list[ImagesmithError] = []
    for base in bases:
        try:
            found = attempt(base)
        except (NetworkError, IntegrityError, SignatureError) as error:
            errors.append(error)
        else:
            _note_passed(bases, errors, effects)
            return found
    wrong = next((error for error in errors if not isinstance(error, NetworkError)), None)
    raise wrong or errors[-1]


def _note_passed(bases: Sequence[str], errors: Sequence[ImagesmithError], effects: Effects) -> None:
    """Name the mirrors that failed before another served well."""
    for base, error in zip(bases, errors, strict=False):
        from imagesmith.fetch import redacted  # mirrors rarely fail

        effects.note(f"passed over {redacted(base)}: {error.message}")


def index(item: Wanted, *, effects: Effects) -> PackageIndex:
    """Return the package's index, kept in the store from an earlier time or made now."""
    store = effects.store
    key = Digest.of(canonical.to_bytes({"format": codec.INDEX_FORMAT, "deb": item.digest.hex}))
    found = _kept(key, item, effects)
    if found is None:
        from imagesmith.build import indexing  # a second build needs none of it

        found = indexing.index(item, effects)
        store.derive("index", key, store.add([codec.to_bytes(found)]).digest)
    check_identity(
        found.control,
        name=item.name,
        version=item.version,
        architecture=item.architecture,
        artefact=str(item),
    )
    return found


def _kept(key: Digest, item: Wanted, effects: Effects) -> PackageIndex | None:
    """Return the index kept under `key` if it is of this package and can be used."""
    kept = None if effects.fresh else effects.store.derived("index", key)
    if kept is None:
        return None
    try:
        found = codec.from_bytes(effects.store.read(kept))
    except MalformedArtefact:  # the pointer leads to something else
        return None
    usable = found.artefact == item.digest and effects.store.find(found.blob)
    return found if usable else None
