"""Whether everything in a root filesystem would load there.

Tracing chose the files in the union of all packages; this asks the question
again where it counts, in what is shipped.  Every program must find its
libraries, with the versions and the symbols it needs.  Every other library must
find its own; symbols that it leaves open have to be defined by one of the
programs, or by another library that such a program may have loaded before.  So
it is with libraries that it needs and cannot find itself: what is loaded
already is not searched for, if its soname is the name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from imagesmith.elf import binding, findings
from imagesmith.elf.binding import Bindings
from imagesmith.elf.closure import LoaderClosure, Missing, Root, Unloadable, load_in
from imagesmith.elf.findings import Undefined
from imagesmith.elf.hint import PROGRAMS
from imagesmith.model.facts import Elf
from imagesmith.model.tree import File, Tree
from imagesmith.trace.program import program
from imagesmith.trace.reasons import describe_error, describe_missing


@attrs.frozen
class Checked:
    """What is wrong in a root filesystem; problems keep something from loading."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check(root: Root, seeds: Sequence[str]) -> Checked:
    """Load every program and library of a root filesystem, which must be a `Tree`."""
    tree = root.filesystem
    assert isinstance(tree, Tree), "a root filesystem is assembled before it is checked"
    checking = _Check(Bindings(root, lambda: programs(root)), has_programs=any(programs(root)))
    for path in seeds:
        checking.add(program(root, path, check=checking.bindings.checked))
    for path in programs(root):
        if path not in checking.loaded:
            checking.add(checking.bindings.checked(load_in(root, path)))
    for path, elf in _objects(tree):
        if path not in checking.loaded and elf.dynamic:
            checking.add_library(load_in(root, path), elf)
    checking.warn_of_late()
    return Checked(tuple(checking.problems), tuple(checking.warnings))


def programs(root: Root) -> Iterator[str]:
    """Yield the programs of a tree, or of the usual directories where not all can be listed."""
    tree = root.filesystem
    if isinstance(tree, Tree):
        yield from (path for path, elf in _objects(tree) if elf.interp is not None)
        return
    paths = (f"{directory}/{name}" for directory in PROGRAMS for name in root.names(directory))
    for path in paths:
        entry = tree.entry(path)
        facts = entry.facts if isinstance(entry, File) else None
        if isinstance(facts, Elf) and facts.interp is not None:
            yield path


def _objects(tree: Tree) -> Iterator[tuple[str, Elf]]:
    for path, entry in tree:
        if isinstance(entry, File) and isinstance(entry.facts, Elf):
            yield path, entry.facts


@attrs.define
class _Check:
    """What was loaded so far, and what came of it."""

    bindings: Bindings
    has_programs: bool
    loaded: set[str] = attrs.field(factory=set)
    """Real paths."""
    problems: dict[str, None] = attrs.field(factory=dict)
    warnings: dict[str, None] = attrs.field(factory=dict)
    late: dict[tuple[str, str], list[str]] = attrs.field(factory=dict)
    """Libraries that need a name they cannot find, and the path of what has that soname."""

    def add(self, closure: LoaderClosure) -> None:
        """Note what a program loads."""
        self.loaded.update(each.real for each in (*closure.objects, *closure.extras))
        self.problems.update(dict.fromkeys(map(describe_missing, closure.missing)))
        self.problems.update(dict.fromkeys(map(describe_error, closure.errors)))
        self.warnings.update(dict.fromkeys(closure.warnings))

    def add_library(self, closure: LoaderClosure, elf: Elf) -> None:
        """Note what a library loads that no program names."""
        wrong = self.bindings.findings(closure)
        errors = [each for each in wrong if each.fatal and not isinstance(each, Undefined)]
        unloadable = [Unloadable(each.path, each.problem) for each in errors]
        missing = tuple(each for each in closure.missing if not self._is_late(each, elf))
        self.add(
            attrs.evolve(closure, missing=missing, errors=(*closure.errors, *unloadable)),
        )
        undefined = (each for each in wrong if isinstance(each, Undefined))
        for several in binding.grouped(undefined):
            self._add_open(closure, several)

    def _is_late(self, missing: Missing, elf: Elf) -> bool:
        """Say whether a library of the image has the name that is missing, and note who needs it.

        Java's are such: whatever needs libjvm is loaded by it, and lies in another directory.
        """
        root = self.bindings.root
        paths = (
            path
            for path, each in _objects(_tree(root))
            if each.soname == missing.name and _machine(each) == _machine(elf)
        )
        provider = next(paths, None)
        if provider is None or missing.needed_by is None:
            return False
        self.late.setdefault((missing.name, provider), []).append(missing.needed_by)
        return True

    def warn_of_late(self) -> None:
        """Say once for each such name who needs it."""
        for (name, provider), requesters in self.late.items():
            first, *others = dict.fromkeys(requesters)
            who = f"{first} and {len(others)} more" if others else first
            what = f"{name}: {who} would not find it; their program has to load {provider} first"
            self.warnings[what] = None

    def _add_open(self, closure: LoaderClosure, wanted: tuple[Undefined, ...]) -> None:
        """Note symbols that a library leaves open, unless somebody defines them."""
        if self.bindings.host_of(closure, wanted) is not None:
            return
        left = self.bindings.undefined_everywhere(wanted, _all(self.bindings.root))
        fatal = [each for each in left if each.fatal]
        if fatal and self.has_programs:
            what = f"undefined symbols {findings.listed(fatal)}, which nothing in the image defines"
            self.problems[f"{wanted[0].path}: {what}"] = None
        elif left:
            said = binding.called if self.has_programs else binding.left_open
            self.warnings[said(left)] = None


def _all(root: Root) -> Iterator[str]:
    return (path for path, elf in _objects(_tree(root)) if elf.dynamic)


def _tree(root: Root) -> Tree:
    assert isinstance(root.filesystem, Tree), "see check"
    return root.filesystem


def _machine(elf: Elf) -> tuple[int, int, str]:
    return elf.machine, elf.bits, elf.endian
