"""The closure: every path that must be in the image, and why.

The first reason found for a path is the one that is kept; seeds come before
includes, each in the order given, so the reasons are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from imagesmith.elf.closure import LoaderClosure
from imagesmith.model.tree import sort_key


@attrs.frozen
class Reason:
    """Why a path is in the image."""

    rule: str
    """`seed`, `interp`, `needed`, `symlink`, `shebang`, `include`, `hwcaps`, …"""
    needed_by: str | None
    """A path of the same closure, or None where the recipe or a generator asked for it."""
    detail: str = ""
    """What was asked for and how it was found: a name and its search rule, a pattern, a line."""


def _sorted(paths: Mapping[str, Reason]) -> Mapping[str, Reason]:
    return MappingProxyType({path: paths[path] for path in sorted(paths, key=sort_key)})


@attrs.frozen(kw_only=True)
class Closure:
    """What tracing found."""

    paths: Mapping[str, Reason] = attrs.field(converter=_sorted)
    """By real path, sorted: files, every symlink crossed, and directories that were named."""
    loads: tuple[LoaderClosure, ...] = ()
    """One for each seed, then one for each included ELF file, in order."""
    warnings: tuple[str, ...] = ()


def chain(closure: Closure, path: str) -> tuple[tuple[str, Reason], ...]:
    """Return the way from a seed or include to `path`; nothing for a path not in the closure."""
    steps: dict[str, Reason] = {}
    step: str | None = path
    while step is not None and step in closure.paths and step not in steps:
        steps[step] = closure.paths[step]
        step = steps[step].needed_by
    return tuple(reversed(steps.items()))
