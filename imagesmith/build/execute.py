"""Executing a plan: package trees in, one image out."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagesmith.build import maintained, packing, results
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.build.results import Built
from imagesmith.build.union import configured
from imagesmith.elf.root import LD_SO_CACHE, Root
from imagesmith.errors import ClosureIncomplete
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Tree
from imagesmith.rootfs import assemble, declared, generated, libraries, metadata
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.effects.ledger import Ledger
from imagesmith.rootfs.overlay import Overlay
from imagesmith.trace import loading, seeds
from imagesmith.trace.closure import Closure, Reason


@attrs.frozen(kw_only=True)
class Rootfs:
    """What a plan ships, and why."""

    tree: Tree
    closure: Closure
    reasons: Mapping[str, Reason]
    """For every path that is more than a parent directory."""
    packages: Configured
    shipped: tuple[str, ...]
    """The packages that ship a file or link of it, sorted."""
    warnings: tuple[str, ...] = ()

    @property
    def overlay(self) -> Overlay:
        """All that was to choose from."""
        return self.packages.overlay

    @property
    def lacking(self) -> tuple[Ledger, ...]:
        """The maintainer scripts of shipped packages that do more than is reproduced."""
        return self.packages.lacking(self.shipped)


def execute(plan: Plan, effects: Effects, *, reuse: bool = False) -> Built:
    """Make the image of `plan`, believing no kept result, and keep what comes out.

    With `reuse` kept layers are believed, and what the result holds is for the caller to judge.
    """
    with Contents(effects.store) as contents:
        made = rootfs(plan, contents, effects)
        maintained.check(plan.scripts, made.lacking)
        packed = packing.pack(made.tree, plan, made.packages, contents, effects, reuse=reuse)
        # Packing has verified every byte that this looks at, unless it left some alone.
        warnings = () if packed.kept else _loaded(plan, made.tree, contents)
    result = attrs.evolve(results.built(plan, packed.layers, packed.mtree), kept=packed.kept)
    results.keep(plan, result, effects.store)
    warnings = tuple(dict.fromkeys((*made.warnings, *warnings)))
    return attrs.evolve(result, warnings=warnings, lacking=made.lacking)


def _loaded(plan: Plan, tree: Tree, contents: Contents) -> tuple[str, ...]:
    """Load everything in the finished tree; return what is odd, ClosureIncomplete if it fails."""
    root = Root(tree, contents.reader(tree), contents.lender(tree))
    checked = loading.check(root, plan.trace.seeds)
    if checked.problems:
        raise ClosureIncomplete(problems=checked.problems)
    return checked.warnings


def _cached(plan: Plan, tree: Tree, whole: Overlay, contents: Contents) -> Tree:
    """Return the finished tree with an ld.so.cache of its own, if it is to have one."""
    policy = plan.rootfs.ld_so_cache
    theirs = (*whole.owners, *declared.paths(plan.rootfs.declared))
    is_made = LD_SO_CACHE in tree and LD_SO_CACHE not in theirs
    if not is_made and policy != "always":
        return tree
    read = contents.reader(whole.tree)
    return libraries.cached(tree, whole.tree, policy, plan.arch, read=read)


def _cacheless(plan: Plan, tree: Tree) -> tuple[str, ...]:
    """Return a warning if the image was to have an ld.so.cache and nothing would read one."""
    if plan.rootfs.ld_so_cache != "always" or LD_SO_CACHE in tree:
        return ()
    return (f"{LD_SO_CACHE}: not made, for no package has glibc's loader for {plan.arch}",)


def _unstartable(plan: Plan, tree: Tree) -> tuple[str, ...]:
    """Return a warning if the image starts with a path that is not in it."""
    command = (*plan.image.config.entrypoint, *plan.image.config.cmd)[:1]
    return tuple(
        f"{path}: the image starts with it, and it is not in the image"
        for path in command
        if path.startswith("/") and not isinstance(resolve(tree, path), Found)
    )


def _promised(plan: Plan) -> frozenset[str]:
    """Return the paths that will be there whatever tracing finds, for rules to lead to."""
    bundle = (generated.CA_BUNDLE,) if plan.rootfs.ca_bundle else ()
    return frozenset((*bundle, *declared.paths(plan.rootfs.declared)))


def _traced(plan: Plan, tree: Tree, contents: Contents) -> Closure:
    """Return what a plan's seeds, patterns, recordings and rules find in its packages."""
    return seeds.trace(
        tree,
        plan.trace.seeds,
        include=plan.trace.include,
        exclude=plan.trace.exclude,
        recorded=plan.recorded,
        runtime=plan.runtime,
        rules=plan.rules,
        promised=_promised(plan),
        read=contents.reader(tree),
        # Only of files that are packed, which verifies every byte of them.
        lend=contents.lender(tree),
    )


def rootfs(plan: Plan, contents: Contents, effects: Effects) -> Rootfs:
    """Trace a plan's seeds through its packages and assemble what they need."""
    packages = configured(plan, contents, effects)
    whole = packages.overlay
    closure = _traced(plan, whole.tree, contents)
    asked = dict.fromkeys(declared.paths(plan.rootfs.declared), Reason("declared", None))
    reasons = {**asked, **closure.paths}
    owners = metadata.shipping(whole, reasons)
    made = {
        **closure.generated,
        **generated.generate(
            plan.rootfs, whole.tree, made=packages.accounts.of(owners), read=contents.read
        ),
    }
    if plan.rootfs.os_release:
        reasons = {**metadata.os_release(whole), **reasons}
    warnings = closure.warnings
    if plan.rootfs.licences:
        copied = generated.ca_certificates(whole.tree) if plan.rootfs.ca_bundle else ()
        shipped = [*reasons, *(path for path, _ in copied)]
        reasons = {**metadata.licences(whole, shipped), **reasons}
        warnings += metadata.unlicensed(whole, shipped)
    packaged = [path for path in reasons if path not in closure.generated]
    tree = assemble.assemble(whole, packaged, made)
    tree = _cached(plan, tree, whole, contents)
    warnings += (*_unstartable(plan, tree), *_cacheless(plan, tree))
    known = {*asked, *closure.generated}
    unowned = (path for path in reasons if path not in whole.owners)
    nobody = [path for path in (*made, *unowned) if path not in known]
    reasons |= {path: Reason("generated", None) for path in nobody}
    return Rootfs(
        tree=tree,
        closure=closure,
        reasons=reasons,
        packages=packages,
        shipped=owners,
        warnings=warnings,
    )
