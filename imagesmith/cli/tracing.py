"""What `trace` and `why` share: a plan from a manifest, a filesystem to trace in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from imagesmith.cli import documents, trusting
from imagesmith.errors import UsageError
from imagesmith.manifest import manifest as manifests
from imagesmith.model.tree import Filesystem

if TYPE_CHECKING:
    from imagesmith.build.effects import Effects
    from imagesmith.build.plan import Plan
    from imagesmith.cli.documents import ImageDirectory


@attrs.frozen
class Traced:
    """A filesystem and how to read its files by real path."""

    filesystem: Filesystem
    read: Callable[[str], bytes]


def plan_of(image: ImageDirectory, arch: str) -> Plan:
    """Return the plan of a manifest for `arch`, or for the host's architecture if it has it.

    Nobody's signature is asked for: nothing is built or claimed.
    """
    from imagesmith.build import plan

    raw = documents.read(image.manifest, hint=f"write it: imagesmith lock {image.path}")
    manifest = manifests.parse(raw, document=str(image.manifest))
    known = {found.debian: found for found in manifest.architectures}
    host = trusting.host_architecture()
    chosen = known.get(arch or (host if host in known else next(iter(known))))
    if chosen is None:
        raise UsageError(
            problem=f"--arch {arch}: {manifest.name} is not locked for it",
            hint=f"it is locked for {', '.join(known)}",
        )
    return plan.plan(manifest, chosen, encoder=manifest.encoder)


@contextmanager
def in_manifest(plan: Plan, effects: Effects) -> Iterator[Traced]:
    """Lend the union of a plan's packages."""
    from imagesmith.build import execute
    from imagesmith.build.contents import Contents

    with Contents(effects.store) as contents:
        tree = execute.union(plan, effects).tree
        yield Traced(tree, contents.reader(tree))


@contextmanager
def in_directory(root: str) -> Iterator[Traced]:
    """Lend a directory of the host, which nothing leads out of."""
    from imagesmith.build import indexing
    from imagesmith.unpack.directory import HostRoot

    with HostRoot(root, facts=indexing.facts) as filesystem:
        yield Traced(filesystem, filesystem.read)
