"""Trees of a plan written to the store, so that programs of them can be run.

A tree is exported under the digest of what it holds and of what running it takes, as
an image is under that of its image manifest: the second time it is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagesmith.audit import exporting
from imagesmith.build.contents import Contents
from imagesmith.build.plan import Plan
from imagesmith.manifest import mtree
from imagesmith.model import canonical
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.oci import image as oci
from imagesmith.rootfs import assemble, generated
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.sandbox.trees import export
from imagesmith.sandbox.trees.lending import Exported
from imagesmith.store import Store


def full(plan: Plan, packages: Configured, contents: Contents) -> Tree:
    """Return everything of a plan's packages, with the entries that its image generates."""
    whole = packages.overlay
    everyone = packages.accounts.of({item.name for item in plan.artefacts})
    made = generated.generate(plan.rootfs, whole.tree, made=everyone, read=contents.read)
    return assemble.assemble(whole, (path for path, _ in whole.tree if path not in made), made)


@contextmanager
def lent(tree: Tree, plan: Plan, store: Store) -> Iterator[Exported]:
    """Lend a tree of `plan` on disk, written if it is new; its program is the image's.

    IntegrityError where a file is not the one that was indexed.
    """
    record: dict[str, Json] = {
        "name": plan.image.reference.rpartition("/")[2].partition(":")[0],
        "platform": "/".join(filter(None, ("linux", plan.arch.oci, plan.arch.variant))),
        "config": oci.execution(plan.image.config),
    }
    digest = _key(tree, plan, record)
    blobs = {
        entry.content.blob: None
        for _, entry in tree
        if isinstance(entry, File) and isinstance(entry.content, Span)
    }
    with store.in_use():
        store.export(
            digest,
            lambda directory: export.write(
                directory,
                tree,
                layers=((blob, store.map(blob)) for blob in blobs),
                image=record,
                epoch=plan.epoch,
                what=f"the packages for {plan.arch}",
            ),
        )
    with exporting.lent(store, digest.hex) as found:
        yield found


def _key(tree: Tree, plan: Plan, record: Json) -> Digest:
    """Return the digest that an exported tree has for a name."""
    held = Digest.of(mtree.to_bytes(tree))
    return Digest.of(canonical.to_bytes({"tree": held.hex, "epoch": plan.epoch, "run": record}))
