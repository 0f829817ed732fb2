"""From images that were built to wherever they go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from imagesmith.build import deliver
from imagesmith.build.deliver import Delivery
from imagesmith.build.effects import Effects
from imagesmith.oci import bundle as bundles
from imagesmith.oci import image as documents
from imagesmith.oci.destination import Destination
from imagesmith.oci.directory import VERSION
from imagesmith.oci.reader import Archive
from imagesmith.store import Store


def write(delivery: Delivery, destination: Destination, effects: Effects) -> None:
    """Write the images of a delivery; what is there already and the same is left alone."""
    if destination.kind == "oci-archive":
        deliver.write(delivery, destination.path, effects)
        return
    from imagesmith.audit import layout
    from imagesmith.cli import exporting

    reference = delivery.manifest.reference
    with _archive(delivery, effects.store, str(destination)) as archive:
        source = exporting.Source(archive=archive, layout=layout.read(archive), reference=reference)
        exporting.write(source, destination, arch="")


@contextmanager
def _archive(delivery: Delivery, store: Store, name: str) -> Iterator[Archive]:
    """Lend the images as an archive that nobody has written, layers mapped from the store."""
    bundle = bundles.of(delivery.images)
    root = bundle.root.to_json()
    with ExitStack() as stack:
        members = {
            "oci-layout": memoryview(VERSION),
            "index.json": memoryview(documents.layout(root, reference=delivery.manifest.reference)),
        }
        for digest, document in bundle.documents.items():
            members[f"blobs/sha256/{digest.hex}"] = memoryview(document)
        for blob in bundle.blobs:
            if blob.digest not in bundle.documents:
                view = stack.enter_context(store.map(blob.digest))
                members[f"blobs/sha256/{blob.digest.hex}"] = view
        yield Archive(name=name, members=members, problems=())
