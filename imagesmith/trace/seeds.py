"""Tracing: seeds and includes in, the closure out.

A seed is a program to run, or a file to ship: a script or an ELF file is
followed down to the last library, anything else is shipped as it is.  Includes
add what programs open by name, and so do recorded paths and runtime rules.
Excludes take paths out of these again, and never what a program needs.

What would not start is an error here: an image is built from a complete closure
or not at all.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import attrs

from imagesmith.elf.closure import BARE, Environment, Root
from imagesmith.elf.root import Lend, Read
from imagesmith.errors import ClosureIncomplete, PathNotFound
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, Filesystem, Tree, is_executable, parent, sort_key
from imagesmith.trace import patterns
from imagesmith.trace.closure import Closure, Reason
from imagesmith.trace.program import program
from imagesmith.trace.reasons import Reasons
from imagesmith.trace.rules.apply import apply
from imagesmith.trace.shipping import Shipping


def trace(  # noqa: PLR0913 - what a manifest says of tracing, and the three things it is traced in
    filesystem: Filesystem,
    seeds: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    recorded: Sequence[str] = (),
    runtime: RuntimeSection = RuntimeSection(),
    rules: int = 0,
    promised: frozenset[str] = frozenset(),
    suspecting: bool = False,
    environment: Environment = BARE,
    read: Read,
    lend: Lend | None = None,
    paths: Iterable[str] | None = None,
) -> Closure:
    """Return the closure of `seeds`, what the patterns add, and what runtime rules do.

    `recorded` are paths that a run was seen to open; `rules` is the version of the rule set, 0 for
    none; `promised` are paths that the image will have besides; `suspecting` also looks for what
    rules only suspect.  `read` gives a file's bytes by its
    real path, `lend` those of programs and libraries without a copy; `paths` are all paths of the
    filesystem, needed for patterns only, and known if it is a `Tree`.  PathNotFound for what names
    nothing, ClosureIncomplete for what would not start.
    """
    reasons = Reasons(Root(filesystem, read, lend))
    known = _Paths(filesystem, paths)
    for seed in seeds:
        _add_seed(reasons, seed, environment, known)
    excluded = _excluded(filesystem, exclude, known)
    shipping = Shipping(reasons, environment, known.all, excluded)
    gathered = _included(shipping, include, known)
    _add_recorded(shipping, recorded, gathered)
    for path, reason in gathered.items():
        shipping.ship(path, reason, optional=reason.rule == "recorded")  # as it was in the run
    applied = apply(shipping, runtime, rules, promised=promised, suspecting=suspecting)
    _check_excluded(reasons, excluded, promised)
    if reasons.problems:
        missing = dict.fromkeys(each.name for load in reasons.loads for each in load.missing)
        raise ClosureIncomplete(problems=tuple(reasons.problems), missing=tuple(missing))
    return Closure(
        paths=reasons.paths,
        loads=tuple(reasons.loads),
        warnings=tuple(reasons.warnings),
        generated=applied.generated,
        suspects=tuple(applied.suspects),
    )


def _check_excluded(
    reasons: Reasons, excluded: Mapping[str, str], promised: frozenset[str]
) -> None:
    """Note a problem for each path that is excluded and got in all the same: something needs it."""
    for path in sorted(promised.intersection(excluded), key=sort_key):
        reasons.problems[f"{path}: excluded by {excluded[path]}, but [rootfs] puts it there"] = None
    needed = (path for path in reasons.paths if path in excluded)
    for path in sorted(needed, key=sort_key):
        by = reasons.paths[path].needed_by
        problem = f"{path}: excluded by {excluded[path]}, but needed{f' by {by}' if by else ''}"
        reasons.problems[problem] = None


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


def _included(shipping: Shipping, include: Sequence[str], known: _Paths) -> dict[str, Reason]:
    """Return what the includes name and the excludes leave, and where symlinks among it lead."""
    found: dict[str, Reason] = {}
    for pattern in include:
        match = patterns.match(shipping.filesystem, pattern, known.all)
        if not match.paths:
            raise _not_found(pattern, "include", known)
        shipping.gather(match.paths, Reason("include", None, pattern), found)
        for link in match.links:
            found.setdefault(link, Reason("include", None, pattern))
    return found


def _add_recorded(shipping: Shipping, recorded: Sequence[str], gathered: dict[str, Reason]) -> None:
    """Add recorded paths, all of them real; without one of them the record is out of date."""
    for path in recorded:
        if shipping.filesystem.entry(path) is None:
            hint = "the packages have changed: record again"
            raise PathNotFound(path=path, what="recorded path", hint=hint)
        if path not in shipping.excluded:
            gathered.setdefault(path, Reason("recorded", None))


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
