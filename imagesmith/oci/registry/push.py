"""A bundle into a registry: blobs first, then manifests, the one with the tag last.

So nobody who pulls meanwhile finds a manifest without what it names, and a push
that was interrupted leaves the tag where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs

from imagesmith.oci.bundle import Bundle, Descriptor
from imagesmith.oci.registry.repository import Repository, Sent

CONNECTIONS = 3
"""Blobs sent at a time."""


@attrs.frozen(kw_only=True)
class Pushed:
    """What a push did."""

    blobs: tuple[tuple[Descriptor, Sent], ...]
    """Every config and layer, and how it came there."""

    @property
    def sent(self) -> int:
        """Bytes of the blobs that were sent."""
        return sum(blob.size for blob, how in self.blobs if how == "sent")


def push(
    bundle: Bundle,
    repository: Repository,
    *,
    content: Callable[[Descriptor], memoryview],
    chunk: int = 0,
    sources: Sequence[str] = (),
) -> Pushed:
    """Store everything of a bundle, under the tag of the session's place, or its digest.

    `content` gives the verified bytes of a config or layer; `sources` are repositories of
    the same registry that may have some of them.
    """

    def send(blob: Descriptor) -> Sent:
        return repository.send(blob, content(blob), chunk=chunk, sources=sources)

    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        done = tuple(pool.map(send, bundle.blobs))
    except BaseException as error:
        pool.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
        raise
    pool.shutdown()
    for manifest in bundle.manifests[:-1]:
        document = bundle.documents[manifest.digest]
        repository.put(str(manifest.digest), manifest, document)
    place = repository.session.place
    root = bundle.documents[bundle.root.digest]
    repository.put(place.tag or str(bundle.root.digest), bundle.root, root)
    return Pushed(blobs=tuple(zip(bundle.blobs, done, strict=True)))
