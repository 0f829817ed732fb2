"""Collecting paths with their reasons, and the problems on the way."""

from __future__ import annotations

from typing import Final

import attrs

from imagesmith.elf.closure import LoaderClosure, Missing, Object, Root, Unloadable
from imagesmith.model.resolve import Found
from imagesmith.trace.closure import Reason

_OWN: Final = ("seed", "interp", "shebang", "env", "preload", "audit", "hwcaps")
"""Rules that are reasons by themselves; every other one says how a needed name was found."""


@attrs.define
class Reasons:
    """What tracing has found so far."""

    root: Root
    paths: dict[str, Reason] = attrs.field(factory=dict)
    problems: dict[str, None] = attrs.field(factory=dict)
    warnings: dict[str, None] = attrs.field(factory=dict)
    loads: list[LoaderClosure] = attrs.field(factory=list)

    def add(self, path: str, reason: Reason) -> None:
        """Note a path; the first reason stays."""
        self.paths.setdefault(path, reason)

    def add_found(self, found: Found, reason: Reason, path: str) -> None:
        """Note where `path` leads, and every symlink crossed on the way."""
        self.add(found.path, reason)
        self.add_links(found.links, found.path, path)

    def add_links(self, links: tuple[str, ...], target: str, path: str) -> None:
        """Note symlinks crossed when `target` is reached as `path`."""
        for link in links:
            self.add(link, Reason("symlink", target, path))

    def add_load(self, closure: LoaderClosure, around: LoaderClosure | None = None) -> None:
        """Note everything one program needs, and what it misses.

        What a process opens later has that process `around` it, whose objects may be requesters.
        """
        self.loads.append(closure)
        objects = (*closure.objects, *closure.extras)
        whole = closure if around is None else around
        real = {each.path: each.real for each in reversed((*whole.objects, *whole.extras))}
        for each in objects:
            reason = _reason(each, real.get(each.needed_by or ""))
            for path in (each.real, *each.aliases):
                self.add(path, reason)
            self.add_links(each.links, each.real, each.path)
        for path, rule in closure.consulted:
            found = self.root.lookup(path)
            if isinstance(found, Found):
                self.add_found(found, Reason(rule, objects[0].real, path), path)
        self.warnings.update(dict.fromkeys(closure.warnings))
        self.problems.update(dict.fromkeys(map(describe_missing, closure.missing)))
        self.problems.update(dict.fromkeys(map(describe_error, closure.errors)))


def _reason(each: Object, needed_by: str | None) -> Reason:
    if each.rule in _OWN:
        return Reason(each.rule, needed_by, each.detail if each.rule != "seed" else "")
    of = f" of {each.detail}" if each.detail else ""
    return Reason("needed", needed_by, f"{each.name} by {each.rule}{of}")


def describe_missing(missing: Missing) -> str:
    """Say on one line what is missing, for whom, and where it was looked for."""
    needed_by = f", needed by {missing.needed_by}" if missing.needed_by else ""
    searched = f", searched {' '.join(missing.searched)}" if missing.searched else ""
    hint = f" ({missing.hint})" if missing.hint else ""
    return f"{missing.name}: not found{needed_by}{searched}{hint}"


def describe_error(unloadable: Unloadable) -> str:
    """Say on one line what cannot be loaded, and why."""
    return f"{unloadable.path}: {unloadable.problem}"
