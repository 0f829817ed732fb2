"""What a set of indexes offers: one candidate a name, and solutions in order.

Promises: the version and the order that apt would take for an empty system,
as functions of the indexes and their order alone.  The candidate is the highest
version (apt_preferences(5), all sources equal); among several providers of a
name the order is apt's too (`_rank`).  Leaves to `closure` what fits together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

from imagesmith.errors import IntegrityError
from imagesmith.sources.debian import deb822, version
from imagesmith.sources.debian.packages import Index, Package
from imagesmith.sources.debian.relations import Clause, Relation

_PRIORITIES = {"": 0, "required": 1, "important": 2, "standard": 3, "optional": 4}
"""Policy 2.5; anything else, `extra` among it, comes last, and no priority at all first."""
_MENTIONS = (
    *("package", "pre-depends", "depends", "conflicts", "breaks"),
    *("recommends", "suggests", "replaces", "enhances", "provides"),
)
"""The fields that mention packages, in the order apt reads them."""
_MENTION_FIELDS = frozenset(name.encode() for name in _MENTIONS)


@attrs.define(eq=False)
class Offers:
    """The candidates of some indexes for one architecture."""

    indexes: Sequence[Index]
    arch: str
    pinned: Mapping[str, str] = attrs.field(factory=dict)
    """Versions to take instead of the highest, by name; one that is not there is not taken."""
    kept: Mapping[str, str] = attrs.field(factory=dict)
    """The same, of names that are not pinned; these are wishes (`outdated`)."""
    _candidates: dict[str, Package | None] = attrs.field(factory=dict, init=False)

    def candidate(self, name: str) -> Package | None:
        """Return the package that `name` stands for, or None if nothing is called so."""
        if name not in self._candidates:
            self._candidates[name] = self._choose(name)
        return self._candidates[name]

    def all(self, name: str) -> tuple[Package, ...]:
        """Return every package called `name`, highest version first."""
        found = [
            package
            for index in self.indexes
            for package in index.named(name)
            if package.architecture in (self.arch, "all")
        ]
        _agree(found)
        found.sort(key=lambda package: package.architecture == "all")
        found.sort(key=lambda package: version.key(package.version), reverse=True)
        return tuple(found)

    def solutions(self, clause: Clause) -> Iterator[Package]:
        """Yield the candidates that would satisfy `clause`, the one to take first.

        Alternatives in their order, for each the package of that name before its providers.
        """
        for relation in clause:
            real = self.candidate(relation.name)
            if real is not None and self.meets(real, relation):
                yield real
            yield from self.providers(relation)

    def providers(self, relation: Relation) -> list[Package]:
        """Return the candidates that provide what `relation` asks for, the one to take first."""
        found = self._providing(relation)
        return sorted(found.values(), key=self._rank) if len(found) > 1 else list(found.values())

    def options(self, clause: Clause) -> frozenset[str]:
        """Return the names of the solutions of `clause`; without ranking them, so it is cheap."""
        names = set[str]()
        for relation in clause:
            real = self.candidate(relation.name)
            if real is not None and self.meets(real, relation):
                names.add(real.name)
            names |= self._providing(relation).keys()
        return frozenset(names)

    def outdated(self, clause: Clause) -> frozenset[str]:
        """Return the names whose highest version satisfies `clause`, but not the kept one."""
        return frozenset(
            name
            for relation in (clause if self.kept else ())
            for name in self._called(relation.name)
            if self.is_behind(name)
            and self.meets(self.all(name)[0], relation)
            and not any(option.name == name for option in self.solutions((relation,)))
        )

    def is_behind(self, name: str) -> bool:
        """Tell whether a version of `name` is kept that is not the highest."""
        return name in self.kept and self.candidate(name) != next(iter(self.all(name)), None)

    def _called(self, name: str) -> set[str]:
        """Return `name`, if anything is called so, and who provides it in any version."""
        return {
            package.name
            for index in self.indexes
            for package in (*index.named(name), *index.providing(name))
            if package.architecture in (self.arch, "all")
        }

    def meets(self, package: Package, relation: Relation) -> bool:
        """Tell whether `package`, by name or by what it provides, is what `relation` says."""
        if package.name == relation.name:
            return self._qualifies(package, relation) and relation.admits(package.version)
        return any(
            provided.name == relation.name
            and provided.arch == relation.arch
            and (not relation.operator or _admits(relation, provided))
            for provided in package.provides
        )

    def _providing(self, relation: Relation) -> dict[str, Package]:
        return {
            package.name: package
            for index in self.indexes
            for package in index.providing(relation.name)
            if package.name != relation.name
            and package == self.candidate(package.name)
            and self.meets(package, relation)
        }

    def _qualifies(self, package: Package, relation: Relation) -> bool:
        if relation.arch == "any":
            return package.multi_arch == "allowed"
        return relation.arch in ("", "native", self.arch)

    def _choose(self, name: str) -> Package | None:
        found = self.all(name)
        wanted = self.pinned.get(name) or self.kept.get(name)
        return next((p for p in found if p.version == wanted), found[0] if found else None)

    def _rank(self, package: Package) -> tuple[int, ...]:
        """Return what apt sorts providers by (depcache.cc, CompareProviders).

        Essential and important are traits of the name, whichever version says so.  Where
        all else is equal apt takes the package whose name it read last, so the first
        mention of each name decides, later ones winning.
        """
        versions = self.all(package.name)
        priority = _PRIORITIES.get(package.priority, len(_PRIORITIES))
        mention = min(
            (number, *place)
            for number, index in enumerate(self.indexes)
            if (place := _mention(index, package.name)) is not None
        )
        return (
            not any(version.essential for version in versions),
            not any(version.important for version in versions),
            priority,
            *(-place for place in mention),
        )


def _agree(packages: Sequence[Package]) -> None:
    """Raise IntegrityError if one version of a package has two contents."""
    seen: dict[tuple[str, str], Package] = {}
    for package in packages:
        first = seen.setdefault((package.version, package.architecture), package)
        if first.digest != package.digest:
            raise IntegrityError(
                what=f"{package.name}_{package.version}_{package.architecture}",
                expected=f"{first.digest} as in source {first.source_id!r}",
                got=f"{package.digest} in source {package.source_id!r}",
            )


def _admits(relation: Relation, provided: Relation) -> bool:
    """Tell whether a versioned Provides meets a constraint; an unversioned one never does."""
    return bool(provided.version) and relation.admits(provided.version)


def _mention(index: Index, name: str) -> tuple[int, int, int] | None:
    """Return where `index` first mentions `name`: stanza, field in apt's order, offset in it."""
    needle = name.encode()
    word = re.compile(rf"(?<![A-Za-z0-9+._-]){re.escape(name)}(?![A-Za-z0-9+._:-])")
    place = index.content.find(needle)
    while place >= 0:
        line = index.content[index.content.rfind(b"\n", 0, place) + 1 : place]
        field, colon, _ = line.partition(b":")
        if line.startswith((b" ", b"\t")) or (colon and field.lower() in _MENTION_FIELDS):
            start, stanza = index.stanza(place)
            fields = deb822.fields(stanza, document=index.document, place=name)
            for order, mentioning in enumerate(_MENTIONS):
                match = word.search(fields.get(mentioning, ""))
                if match is not None:
                    return start, order, match.start()
        place = index.content.find(needle, place + 1)
    return None
