"""Tracing: seeds and includes in, the closure out.

A seed is a program to run, or a file to ship: a script or an ELF file is
followed down to the last library, anything else is shipped as it is.  Includes
add what programs open by name; the ELF files among them are loaded too, for
they are plugins, but their scripts are not run.  Excludes take paths out of the
includes again, and never what a program needs.

What would not start is an error here: an image is built from a complete closure
or not at all.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Literal

import attrs

from imagesmith.elf.closure import BARE, Environment, Root, load_in
from imagesmith.elf.root import Read
from imagesmith.errors import ClosureIncomplete, PathNotFound
from imagesmith.model.facts import Elf, MalformedElf
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import (
    File,
    Filesystem,
    Hardlink,
    Symlink,
    Tree,
    is_executable,
    parent,
    sort_key,
)
from imagesmith.trace import patterns
from imagesmith.trace.closure import Closure, Reason
from imagesmith.trace.program import program
from imagesmith.trace.reasons import Reasons


def trace(  # noqa: PLR0913 - a recipe's trace section, and the three things it is traced in
    filesystem: Filesystem,
    seeds: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    environment: Environment = BARE,
    read: Read,
    paths: Iterable[str] | None = None,
) -> Closure:
    """Return the closure of `seeds` and what the patterns add.

    `read` gives a file's bytes by its real path; `paths` are all paths of the filesystem, needed
    for patterns only, and known if it is a `Tree`.  PathNotFound for what names nothing,
    ClosureIncomplete for what would not start.
    """
    root = Root(filesystem, read)
    known = _Paths(filesystem, paths)
    reasons = Reasons(root)
    for seed in seeds:
        _add_seed(reasons, seed, environment, known)
    excluded = _excluded(filesystem, exclude, known)
    included = _included(filesystem, include, known, excluded)
    for path, reason in included.items():
        _add_included(reasons, path, reason, environment)
    needed = (path for path in reasons.paths if path in excluded)
    for path in sorted(needed, key=sort_key):
        by = reasons.paths[path].needed_by
        problem = f"{path}: excluded by {excluded[path]}, but needed{f' by {by}' if by else ''}"
        reasons.problems[problem] = None
    if reasons.problems:
        missing = dict.fromkeys(each.name for load in reasons.loads for each in load.missing)
        raise ClosureIncomplete(problems=tuple(reasons.problems), missing=tuple(missing))
    return Closure(
        paths=reasons.paths, loads=tuple(reasons.loads), warnings=tuple(reasons.warnings)
    )


@attrs.define
class _Paths:
    """All paths of a filesystem, listed only if something asks for them."""

    filesystem: Filesystem
    given: Iterable[str] | None
    _listed: tuple[str, ...] | None = attrs.field(init=False, default=None)

    def all(self) -> tuple[str, ...]:
        if self._listed is None:
            entries = self.filesystem.entries if isinstance(self.filesystem, Tree) else ()
            given = entries if self.given is None else sorted(self.given, key=sort_key)
            self._listed = tuple(given)
        return self._listed


def _add_seed(reasons: Reasons, seed: str, environment: Environment, known: _Paths) -> None:
    found = reasons.root.lookup(seed)
    if not isinstance(found, Found):
        raise _not_found(seed, "seed", known)
    entry = found.entry
    if isinstance(entry, File) and entry.facts is None:
        reasons.add_found(found, Reason("seed", None), seed)
        if is_executable(entry):
            warning = f"{seed}: executable, but neither a script nor an ELF file"
            reasons.warnings[warning] = None
        return
    reasons.add_load(program(reasons.root, seed, environment))


def _included(
    filesystem: Filesystem, include: Sequence[str], known: _Paths, excluded: Container[str]
) -> dict[str, Reason]:
    """Return what the includes name and the excludes leave, and where symlinks among it lead."""
    found: dict[str, Reason] = {}
    for pattern in include:
        match = patterns.match(filesystem, pattern, known.all)
        if not match.paths:
            raise _not_found(pattern, "include", known)
        pending = [(path, Reason("include", None, pattern)) for path in reversed(match.paths)]
        while pending:
            path, reason = pending.pop()
            if path not in found and path not in excluded:
                found[path] = reason
                pending += reversed(list(_followed(filesystem, path, known)))
        for link in match.links:
            found.setdefault(link, Reason("include", None, pattern))
    return found


def _followed(filesystem: Filesystem, path: str, known: _Paths) -> Iterator[tuple[str, Reason]]:
    """Yield what a symlink crosses and where it ends, with the content of a directory."""
    if not isinstance(filesystem.entry(path), Symlink):
        return
    found = resolve(filesystem, path)
    if not isinstance(found, Found):
        return
    for link in found.links[1:]:
        yield link, Reason("symlink", path, path)
    for below in patterns.with_content(filesystem, [found.path], known.all):
        yield below, Reason("include", path, "target of an included symlink")


def _excluded(filesystem: Filesystem, exclude: Sequence[str], known: _Paths) -> dict[str, str]:
    """Return the paths the excludes name, each with the first pattern that does."""
    found: dict[str, str] = {}
    for pattern in exclude:
        match = patterns.match(filesystem, pattern, known.all)
        if not match.paths:
            raise _not_found(pattern, "exclude", known)
        for path in match.paths:
            found.setdefault(path, pattern)
    return found


def _add_included(reasons: Reasons, path: str, reason: Reason, environment: Environment) -> None:
    """Note one included path; load it if it is a program or a library."""
    reasons.add(path, reason)
    entry = reasons.root.filesystem.entry(path)
    if isinstance(entry, Hardlink):
        entry = reasons.root.filesystem.entry(entry.target)
    facts = entry.facts if isinstance(entry, File) else None
    if isinstance(facts, MalformedElf):
        reasons.warnings[f"{path}: {facts.problem}; shipped, not traced"] = None
    if isinstance(facts, Elf) and (facts.interp is not None or facts.dynamic):
        reasons.add_load(load_in(reasons.root, path, environment))


def _not_found(
    path: str, what: Literal["seed", "include", "exclude"], known: _Paths
) -> PathNotFound:
    """Say what names nothing, with what may have been meant."""
    name, directory = posixpath.basename(path.rstrip("/")), parent(path.rstrip("/"))
    paths = known.all()
    elsewhere = [each for each in paths if name and each.endswith(f"/{name}")]
    beside = [each for each in paths if parent(each) == directory]
    close = elsewhere[:3] or difflib.get_close_matches(path, beside, n=3, cutoff=0.85)
    hint = f"did you mean {' or '.join(close)}" if close else None
    return PathNotFound(path=path, what=what, hint=hint)
