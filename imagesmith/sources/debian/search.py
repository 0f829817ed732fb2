"""One search for a set of packages that fits together.

Promises: depth first, dependencies in the order of the stanza, and of the ways
to satisfy one the first that can be had; what fails is undone.  The stack is
explicit, because the archive decides how deep it goes.  A newcomer that cannot
stand an earlier choice ends the search with an `Eviction`, unless that choice is
forced, and a kept version that is in the way with `Outdated`: `closure` then
searches again without it.  Order and evictions are those of apt's
`pkgDepCache::MarkInstall`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from imagesmith.sources.debian.offers import Offers
from imagesmith.sources.debian.packages import Package
from imagesmith.sources.debian.relations import Clause, Relation

_TRIES = 3
"""How often a package may fail on a clash, which the next time may not be there.

Without a limit the search could take exponential time; apt grants one try.
"""


@attrs.frozen
class Missing:
    """A clause that nothing satisfies, or nothing that could be taken."""

    clause: Clause
    by: Package | None
    """None where it was asked for by name."""

    @property
    def names(self) -> set[str]:
        """The packages that would have to be others for this not to happen."""
        names = {relation.name for relation in self.clause}
        return names | {self.by.name} if self.by else names


@attrs.frozen
class Clash:
    """Two packages of which one cannot stand the other."""

    owner: Package
    """Whose Conflicts or Breaks it is."""
    target: Package
    relation: Relation

    @property
    def names(self) -> set[str]:
        """The packages that would have to be others for this not to happen."""
        return {self.owner.name, self.target.name}


@attrs.frozen
class Eviction:
    """A package that should make room for one that is needed as well."""

    name: str


@attrs.frozen
class Outdated:
    """Packages whose kept version is in the way, where the highest would not be."""

    names: frozenset[str]


Failure = Missing | Clash
Obstacle = Failure | Eviction | Outdated


@attrs.define
class _Frame:
    """A chosen package whose dependencies are being satisfied."""

    package: Package
    mark: int
    """How many packages were chosen before it."""
    clauses: Iterator[Clause]
    clause: Clause = ()
    options: Iterator[Package] = attrs.field(factory=lambda: iter(()))


@attrs.define(eq=False)
class Search:
    """The state of one search."""

    offers: Offers
    avoided: frozenset[str]
    """Packages not to choose."""
    spared: frozenset[str]
    """Packages that make no room for others."""
    chosen: dict[str, Package] = attrs.field(factory=dict, init=False)
    """In the order of choice."""
    asked: dict[str, Package] = attrs.field(factory=dict, init=False)
    """Who asked for a package, the last time it was tried."""
    _forced: set[str] = attrs.field(factory=set, init=False)
    """What `_is_forced` found, empty until it is asked."""
    _provided: dict[str, list[Package]] = attrs.field(factory=dict, init=False)
    """The chosen packages by the names they provide."""
    _refused: dict[str, list[tuple[Package, Relation]]] = attrs.field(factory=dict, init=False)
    """What chosen packages cannot stand, by name."""
    _reasons: dict[str, Failure] = attrs.field(factory=dict, init=False)
    """Why packages were not taken, the last time they were tried."""
    _spent: dict[str, int] = attrs.field(factory=dict, init=False)
    """Tries by package that failed on its dependencies; with `_TRIES` of them it is out."""

    def run(self, pinned: Mapping[str, str]) -> Obstacle | None:
        """Choose what `pinned` names and all it needs; return what prevents that, if anything.

        `pinned` maps names to versions, which are empty where any will do.
        """
        for name, version in sorted(pinned.items()):
            package = self.offers.candidate(name)
            if package is None or (version and package.version != version):
                return Missing((Relation(name, "", "=" if version else "", version),), None)
            if clash := self._clash(package):
                return clash[0]
            self._take(package)
        for root in tuple(self.chosen.values()):
            if failure := self._complete(root):
                return failure
        return None

    def chain(self, failure: Failure) -> Iterator[Failure]:
        """Yield `failure` and what caused it, down to the root of the trouble."""
        seen: set[str] = set()
        while True:
            yield failure
            clause = failure.clause if isinstance(failure, Missing) else ()
            refused = (p.name for p in self.offers.solutions(clause) if p.name in self._reasons)
            name = next((name for name in refused if name not in seen), None)
            if name is None:
                return
            seen.add(name)
            failure = self._reasons[name]

    def _complete(self, root: Package) -> Obstacle | None:
        stack = [_frame(root, 0)]
        while stack:
            frame = stack[-1]
            if not frame.clause or self._holds(frame.clause):
                frame.clause = next(frame.clauses, ())
                frame.options = self.offers.solutions(frame.clause)
                if not frame.clause:
                    stack.pop()
                elif outdated := self._outdated(frame.clause):
                    return Outdated(outdated)
                continue
            option = next(frame.options, None)
            if option is None:
                failure = Missing(frame.clause, frame.package)
                stack.pop()
                if not stack:
                    return failure
                self._discard(frame, failure)
            elif obstacle := self._try(option, stack):
                return obstacle
        return None

    def _try(self, option: Package, stack: list[_Frame]) -> Eviction | Outdated | None:
        """Choose `option` for the frame on top, or note what is in its way."""
        if option.name in self.avoided or self._spent.get(option.name, 0) >= _TRIES:
            return None
        self.asked[option.name] = stack[-1].package
        found = self._clash(option)
        if found is None:
            stack.append(_frame(option, len(self.chosen)))
            self._take(option)
            return None
        clash, blocker = found
        self._reasons[option.name] = clash
        if outdated := frozenset(filter(self.offers.is_behind, clash.names)):
            return Outdated(outdated)
        held = self.spared.union(frame.package.name for frame in stack)
        return None if blocker in held or self._is_forced(blocker) else Eviction(blocker)

    def _outdated(self, clause: Clause) -> frozenset[str]:
        return frozenset() if self._holds(clause) else self.offers.outdated(clause)

    def _holds(self, clause: Clause) -> bool:
        return any(
            self.offers.meets(package, relation)
            for relation in clause
            for package in self._called(relation.name)
        )

    def _called(self, name: str) -> Iterable[Package]:
        """Yield the chosen packages that are called `name` or provide it."""
        if name in self.chosen:
            yield self.chosen[name]
        yield from self._provided.get(name, ())

    def _clash(self, newcomer: Package) -> tuple[Clash, str] | None:
        """Return what keeps `newcomer` from the chosen packages, and the name of the one it is."""
        for relation in _refusals(newcomer):
            for other in self._called(relation.name):
                if other.name != newcomer.name and self.offers.meets(other, relation):
                    return Clash(newcomer, other, relation), other.name
        for name in (newcomer.name, *(provided.name for provided in newcomer.provides)):
            for owner, relation in self._refused.get(name, ()):
                if owner.name != newcomer.name and self.offers.meets(newcomer, relation):
                    return Clash(owner, newcomer, relation), owner.name
        return None

    def _is_forced(self, name: str) -> bool:
        """Tell whether `name` was asked for, or is all that a forced package's clause can have."""
        if not self._forced:
            pending = [name for name in self.chosen if name not in self.asked]
            while pending:
                package = self.offers.candidate(pending.pop())
                if package is None or package.name in self._forced:
                    continue
                self._forced.add(package.name)
                for clause in (*package.pre_depends, *package.depends):
                    options = self.offers.options(clause) - self.avoided
                    pending += options if len(options) == 1 else ()
        return name in self._forced

    def _take(self, package: Package) -> None:
        self.chosen[package.name] = package
        for provided in package.provides:
            self._provided.setdefault(provided.name, []).append(package)
        for relation in _refusals(package):
            self._refused.setdefault(relation.name, []).append((package, relation))

    def _discard(self, frame: _Frame, failure: Missing) -> None:
        """Undo the choice of a package and of everything chosen since."""
        while len(self.chosen) > frame.mark:
            _, package = self.chosen.popitem()
            for provided in package.provides:
                self._provided[provided.name].pop()
            for relation in _refusals(package):
                self._refused[relation.name].pop()
        name = frame.package.name
        self._reasons[name] = failure
        *_, last = self.chain(failure)
        self._spent[name] = self._spent.get(name, 0) + (1 if isinstance(last, Clash) else _TRIES)


def _frame(package: Package, mark: int) -> _Frame:
    return _Frame(package, mark, iter((*package.pre_depends, *package.depends)))


def _refusals(package: Package) -> Iterator[Relation]:
    """Yield what `package` cannot stand."""
    for clause in (*package.conflicts, *package.breaks):
        yield from clause
