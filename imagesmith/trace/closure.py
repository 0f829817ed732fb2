"""The closure: every path that must be in the image, and why.

The first reason found for a path is the one that is kept; seeds come before
includes, each in the order given, so the reasons are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from imagesmith.elf.closure import LoaderClosure
from imagesmith.model.tree import Entry, sort_key


@attrs.frozen
class Reason:
    """Why a path is in the image."""

    rule: str
    """`seed`, `interp`, `needed`, `symlink`, `shebang`, `include`, `hwcaps`, …"""
    needed_by: str | None
    """A path of the same closure, or None where the recipe or a generator asked for it."""
    detail: str = ""
    """What was asked for and how it was found: a name and its search rule, a pattern, a line."""


@attrs.frozen
class Suspected:
    """Something that may be wanted at run time and is not in the closure."""

    rule: str
    what: str
    """A path, or a name that a loader would search."""
    needed_by: str | None
    """Real path of the file that gave rise to it."""
    detail: str = ""
    present: bool = False
    """Whether the packages have it."""


def _sorted(paths: Mapping[str, Reason]) -> Mapping[str, Reason]:
    return MappingProxyType({path: paths[path] for path in sorted(paths, key=sort_key)})


def _in_order(made: Mapping[str, Entry]) -> Mapping[str, Entry]:
    return MappingProxyType({path: made[path] for path in sorted(made, key=sort_key)})


@attrs.frozen(kw_only=True)
class Closure:
    """What tracing found."""

    paths: Mapping[str, Reason] = attrs.field(converter=_sorted)
    """By real path, sorted: files, every symlink crossed, and directories that were named."""
    loads: tuple[LoaderClosure, ...] = ()
    """One for each seed, then for each included ELF file and what programs open, in order."""
    warnings: tuple[str, ...] = ()
    generated: Mapping[str, Entry] = attrs.field(factory=dict, converter=_in_order)
    """Those of `paths` that no package has, sorted, with what runtime rules make of them."""
    suspects: tuple[Suspected, ...] = ()
    """What rules only suspect, sorted; looked for only when asked to."""


def chain(closure: Closure, path: str) -> tuple[tuple[str, Reason], ...]:
    """Return the way from a seed or include to `path`; nothing for a path not in the closure."""
    steps: dict[str, Reason] = {}
    step: str | None = path
    while step is not None and step in closure.paths and step not in steps:
        steps[step] = closure.paths[step]
        step = steps[step].needed_by
    return tuple(reversed(steps.items()))
