"""What `trace` and `why` share: a plan from a manifest, a filesystem to trace in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import attrs

from imagesmith.cli import documents, trusting
from imagesmith.errors import UsageError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, Filesystem

if TYPE_CHECKING:
    from imagesmith.build.effects import Effects
    from imagesmith.build.plan import Plan
    from imagesmith.cli.documents import ImageDirectory
    from imagesmith.elf.closure import Environment, LoaderClosure, Missing, Root
    from imagesmith.trace.closure import Suspected


@attrs.frozen
class Traced:
    """A filesystem and how to read its files by real path."""

    filesystem: Filesystem
    read: Callable[[str], bytes]
    lend: Callable[[str], AbstractContextManager[memoryview]]
    """The same without copying."""
    packages: Callable[[Collection[str]], Mapping[str, str]] = lambda _names: {}
    """Sentences on the packages that may have what is missing, by its name."""
    plan: Plan | None = None
    """What declares how programs run there, if a manifest does."""


@attrs.frozen
class Run:
    """What running the program at a path loads."""

    path: str
    closure: LoaderClosure
    size: int
    """Bytes of all its files."""
    suspects: tuple[Suspected, ...] | None = None
    """What runtime rules suspect besides, if somebody asked."""


@attrs.frozen(kw_only=True)
class Symbols:
    """Whether to look at versions and symbols as well."""

    wanted: bool = False
    host: str | None = None
    """The program that loads the paths, as plugins."""


def programs(
    traced: Traced, paths: Sequence[str], environment: Environment, symbols: Symbols
) -> tuple[Run, ...]:
    """Trace each path; what was looked up for one is known for the next."""
    from imagesmith.elf.closure import Root
    from imagesmith.trace.program import program

    root = Root(traced.filesystem, traced.read, traced.lend)
    check = {"check": _check(root, environment, symbols)} if symbols.wanted else {}
    found = [program(root, path, environment, **check) for path in paths]
    closures = _advised(found, traced)
    return tuple(
        Run(path, closure, _size(root, closure))
        for path, closure in zip(paths, closures, strict=True)
    )


def suspecting(traced: Traced, run: Run, environment: Environment) -> Run:
    """Add to a run what runtime rules suspect of it."""
    from imagesmith.cli import suspecting

    return attrs.evolve(run, suspects=suspecting.suspects(traced, run.closure, environment))


def _check(
    root: Root, environment: Environment, symbols: Symbols
) -> Callable[[LoaderClosure], LoaderClosure]:
    """Return the check of versions and symbols, in the scope of a host if there is one."""
    from imagesmith.elf.binding import Bindings
    from imagesmith.elf.closure import load_in
    from imagesmith.trace import loading

    host = None
    if symbols.host is not None:
        host = load_in(root, symbols.host, environment)
        if host.loader is None or not host.complete:
            raise UsageError(
                problem=f"--host-of {symbols.host}: it cannot load plugins",
                hint=f"trace {symbols.host} itself to see why",
            )
    return partial(Bindings(root, lambda: loading.programs(root)).checked, host=host)


def _advised(closures: Sequence[LoaderClosure], traced: Traced) -> list[LoaderClosure]:
    """Add to the hints which packages may have what is missing, if anything is."""
    names = dict.fromkeys(each.name for closure in closures for each in closure.missing)
    said = traced.packages(names) if names else {}
    return [
        attrs.evolve(closure, missing=tuple(_hinted(each, said) for each in closure.missing))
        for closure in closures
    ]


def _hinted(missing: Missing, said: Mapping[str, str]) -> Missing:
    hints = [hint for hint in (missing.hint, said.get(missing.name)) if hint]
    return attrs.evolve(missing, hint="; ".join(hints) or None)


def _size(root: Root, closure: LoaderClosure) -> int:
    """Add up the files of a closure, each once."""
    real = dict.fromkeys(each.real for each in (*closure.objects, *closure.extras))
    found = (root.lookup(path) for path in real)
    entries = (each.entry for each in found if isinstance(each, Found))
    return sum(entry.size for entry in entries if isinstance(entry, File))


def manifest_of(image: ImageDirectory) -> Manifest:
    """Return the manifest of an image.

    Nobody's signature is asked for: nothing is built or claimed.
    """
    raw = documents.read(image.manifest, hint=f"write it: imagesmith lock {image.path}")
    return manifests.parse(raw, document=str(image.manifest))


def plan_of(manifest: Manifest, arch: str) -> Plan:
    """Return the plan for `arch`, or for the host's architecture if the manifest has it."""
    from imagesmith.build import plan

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
def in_manifest(manifest: Manifest, arch: str, effects: Effects) -> Iterator[Traced]:
    """Lend the union of a manifest's packages for one architecture, as `plan_of` chooses it."""
    from imagesmith.build.contents import Contents
    from imagesmith.build.union import union

    plan = plan_of(manifest, arch)

    def packages(names: Collection[str]) -> Mapping[str, str]:
        from imagesmith.build import providers  # only what is missing needs package indices

        found = providers.packages(names, manifest, plan.arch, effects.store)
        return {name: providers.sentence(those) for name, those in found.items()}

    with Contents(effects.store) as contents:
        tree = union(plan, contents, effects).tree
        yield Traced(tree, contents.reader(tree), contents.lender(tree), packages, plan)


@contextmanager
def in_directory(root: str) -> Iterator[Traced]:
    """Lend a directory of the host, which nothing leads out of."""
    from imagesmith.build.facts import facts
    from imagesmith.unpack.directory import HostRoot

    with HostRoot(root, facts=facts) as filesystem:
        yield Traced(filesystem, filesystem.read, filesystem.lend)
