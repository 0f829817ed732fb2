"""The union of a plan's packages: what tracing looks into, and a build takes its files from.

Apart from `execute`, so that tracing loads nothing that packs images.
"""

from __future__ import annotations

import attrs

from imagesmith.build import acquire, maintained
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.model.facts import Facts
from imagesmith.rootfs import declared, libraries
from imagesmith.rootfs.effects.configured import Configured, Origin
from imagesmith.rootfs.overlay import Overlay
from imagesmith.unpack.control import source_name


def _facts(view: memoryview) -> Facts | None:
    from imagesmith.build.facts import facts  # packages have theirs in their indices

    return facts(view)


def union(plan: Plan, contents: Contents, effects: Effects) -> Overlay:
    """Return the full tree of all artefacts of a plan, and of what is declared, after ldconfig."""
    return configured(plan, contents, effects).overlay


def configured(plan: Plan, contents: Contents, effects: Effects) -> Configured:
    """Return the same, with the accounts and the ledgers of the packages' maintainer scripts."""
    indexed = acquire.trees(plan.artefacts, effects)
    made = maintained.configured(plan, indexed, contents)
    whole = declared.declare(made.overlay, plan.rootfs, facts=_facts)
    policy, read = plan.rootfs.ld_so_cache, contents.reader(whole.tree)
    tree = libraries.configured(whole.tree, policy, plan.arch, read=read)
    return attrs.evolve(
        made,
        overlay=attrs.evolve(whole, tree=tree),
        origins={
            item.name: Origin(source_name(index.control.fields, item.name), index.built)
            for item, index in zip(plan.artefacts, indexed, strict=True)
        },
    )
