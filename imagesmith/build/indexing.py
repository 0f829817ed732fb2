"""Indexing a package for the first time: verify, decompress, read what tracing needs."""

from __future__ import annotations

from collections.abc import Callable

from imagesmith.build.effects import Effects
from imagesmith.build.facts import facts
from imagesmith.build.plan import Wanted
from imagesmith.errors import IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.model.facts import Facts
from imagesmith.store import forget_pages
from imagesmith.unpack import deb, tar
from imagesmith.unpack.codec import PackageIndex

MAX_UNPACKED = 8 * 1024**3
"""Most bytes one package may decompress to."""
RESIDENT = 32 * 1024**2
"""Bytes of a payload that may be in memory at once."""


def index(item: Wanted, effects: Effects) -> PackageIndex:
    """Index a package whose blob is in the store; its decompressed payload becomes a blob too."""
    artefact = str(item)
    store = effects.store
    with store.map(item.digest) as view:
        _verify(item, view, effects)
        parts = deb.open_deb(view, artefact=artefact)
        control = deb.control(view, parts, artefact=artefact)
        blob = store.add(deb.payload(view, parts, artefact=artefact, limit=MAX_UNPACKED))
    with store.map(blob.digest) as view:
        tree = tar.index(view, blob=blob.digest, artefact=artefact, facts=_sparing(view))
    return PackageIndex(
        artefact=item.digest, blob=blob.digest, built=parts.built, control=control, tree=tree
    )


def _verify(item: Wanted, view: memoryview, effects: Effects) -> None:
    """Hash what is about to be decompressed; a damaged blob is set aside."""
    got = Digest.of(view)
    if got != item.digest:
        effects.store.quarantine(item.digest)
        hint = "the damaged blob was set aside; run again to fetch it anew"
        raise IntegrityError(what=str(item), expected=str(item.digest), got=str(got), hint=hint)


def _sparing(mapped: memoryview) -> Callable[[memoryview], Facts | None]:
    """Return `facts`, giving back the pages of `mapped` now and then: payloads may be huge."""
    touched = 0

    def look(body: memoryview) -> Facts | None:
        nonlocal touched
        touched += len(body)
        if touched > RESIDENT:
            touched = 0
            forget_pages(mapped)
        return facts(body)

    return look
