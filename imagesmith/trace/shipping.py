"""What shipping a path brings along: content of directories, ends of links, libraries of plugins.

Includes, recorded paths and runtime rules name paths that no loader asked for.
The ELF files among them are plugins, so what they need is loaded too; their
scripts are not run.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

import attrs

from imagesmith.elf.closure import Environment, LoaderClosure, load_in
from imagesmith.model.facts import Elf, MalformedElf
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import File, Filesystem, Hardlink, Symlink
from imagesmith.trace import patterns
from imagesmith.trace.closure import Reason
from imagesmith.trace.patterns import Listing
from imagesmith.trace.reasons import Reasons, describe_error


@attrs.define
class Shipping:
    """Paths on their way into a closure."""

    reasons: Reasons
    environment: Environment
    listing: Listing
    excluded: Container[str]

    @property
    def filesystem(self) -> Filesystem:
        """What the paths are paths of."""
        return self.reasons.root.filesystem

    def gather(self, paths: Iterable[str], reason: Reason, found: dict[str, Reason]) -> None:
        """Add real paths to `found` that are not excluded, and where symlinks among them lead."""
        pending = [(path, reason) for path in reversed(list(paths))]
        while pending:
            path, why = pending.pop()
            if path not in found and path not in self.excluded:
                found[path] = why
                pending += reversed(list(self._followed(path, reason.rule)))

    def _followed(self, path: str, rule: str) -> Iterator[tuple[str, Reason]]:
        """Yield what a symlink crosses and where it ends, with the content of a directory."""
        if not isinstance(self.filesystem.entry(path), Symlink):
            return
        found = resolve(self.filesystem, path)
        if not isinstance(found, Found):
            return
        for link in found.links[1:]:
            yield link, Reason("symlink", path, path)
        for below in patterns.with_content(self.filesystem, [found.path], self.listing):
            yield below, Reason(rule, path, "target of an included symlink")

    def ship(self, path: str, reason: Reason, *, optional: bool = False) -> None:
        """Note a real path, and load it if it is a program or a library.

        What is optional and would not load is left out, with a warning.
        """
        loaded = self._loaded(path)
        if optional and loaded is not None and not loaded.complete:
            self.reasons.warnings[f"{path}: left out: {unable(loaded)}"] = None
            return
        self.reasons.add(path, reason)
        if loaded is not None:
            self.reasons.add_load(loaded)

    def _loaded(self, path: str) -> LoaderClosure | None:
        """Return what a program or library loads; None for anything else."""
        entry = self.filesystem.entry(path)
        if isinstance(entry, Hardlink):
            entry = self.filesystem.entry(entry.target)
        facts = entry.facts if isinstance(entry, File) else None
        if isinstance(facts, MalformedElf):
            self.reasons.warnings[f"{path}: {facts.problem}; shipped, not traced"] = None
        if isinstance(facts, Elf) and (facts.interp is not None or facts.dynamic):
            return load_in(self.reasons.root, path, self.environment)
        return None


def unable(closure: LoaderClosure) -> str:
    """Say what keeps a library from being loaded."""
    names = dict.fromkeys(each.name for each in closure.missing)
    if names:
        return f"{', '.join(names)} cannot be found"
    return describe_error(closure.errors[0])
