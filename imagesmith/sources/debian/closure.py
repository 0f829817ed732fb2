"""Which packages a set of names needs.

Promises: what `apt-get install --no-install-recommends` of the same names
(sorted) would install on an empty system: Pre-Depends and Depends, the first
alternative that can be had, what is already chosen before anything new.  The
result is a function of the names, the indexes and their order; the order of the
names does not matter.  Essential packages come only where something asks for
them, as with apt.  A complete, conflict-free set or an error that names the
package at fault and who asked for it.  Follows Debian policy 7.2 and 7.4, and
for choices apt's `pkgDepCache::MarkInstall`.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType

from imagesmith.errors import ImagesmithError, PackageConflict, PackageNotFound, UsageError
from imagesmith.sources.debian import relations
from imagesmith.sources.debian.offers import Offers
from imagesmith.sources.debian.packages import Index, Package
from imagesmith.sources.debian.relations import Relation
from imagesmith.sources.debian.search import Eviction, Failure, Missing, Outdated, Search

_NOTHING: Mapping[str, str] = MappingProxyType({})


def closure(
    names: Sequence[str],
    indexes: Sequence[Index],
    *,
    arch: str,
    prefer: Mapping[str, str] = _NOTHING,
) -> tuple[Package, ...]:
    """Return the packages that `names` need, themselves included, sorted by name.

    A name is `NAME` or `NAME=VERSION`.  `prefer` keeps a version by name, as long as it is
    still offered and nothing needs another; otherwise the highest of all indexes wins.
    PackageNotFound, PackageConflict, IntegrityError or DocumentError if there is no answer.
    """
    pinned = _pins(names)
    kept = {name: version for name, version in prefer.items() if not pinned.get(name)}
    avoided: list[str] = []
    spared: set[str] = set()
    while True:
        offers = Offers(indexes, arch, pinned, kept)
        search = Search(offers, frozenset(avoided), frozenset(spared))
        obstacle = search.run(pinned)
        if obstacle is None:
            return tuple(sorted(search.chosen.values(), key=lambda package: package.name))
        if isinstance(obstacle, Eviction):
            avoided.append(obstacle.name)
        elif isinstance(obstacle, Outdated):
            kept = _without(kept, obstacle.names)
        elif stale := _stale(search, obstacle):
            kept = _without(kept, stale)
        elif avoided:
            spared.add(avoided.pop())
        else:
            raise _explain(search, obstacle)


def _without(kept: Mapping[str, str], names: Container[str]) -> dict[str, str]:
    return {name: version for name, version in kept.items() if name not in names}


def _stale(search: Search, failure: Failure) -> set[str]:
    """Return the packages that are kept at a version, and might not fail like this at another."""
    indexes = search.offers.indexes
    names = {name for link in search.chain(failure) for name in link.names}
    names |= {p.name for index in indexes for name in names for p in index.providing(name)}
    return names & search.offers.kept.keys()


def _explain(search: Search, failure: Failure) -> ImagesmithError:
    """Return what `failure` comes down to as an error for people."""
    *_, failure = search.chain(failure)
    if isinstance(failure, Missing):
        hints = (_hint(search.offers, relation) for relation in failure.clause)
        return PackageNotFound(
            name=relations.render(failure.clause),
            requested_by=str(failure.by) if failure.by else "",
            hint="; ".join(filter(None, hints)) or None,
        )
    asked = (
        f"{name} is needed by {search.asked[name]}"
        for name in sorted(failure.names & search.asked.keys())
    )
    return PackageConflict(
        package=str(failure.owner),
        other=str(failure.target),
        relation=str(failure.relation),
        hint="; ".join(asked) or None,
    )


def _hint(offers: Offers, relation: Relation) -> str:
    """Return what there is instead of `relation`."""
    there = offers.all(relation.name)
    if there:
        return f"{relation.name} is there as {', '.join(package.version for package in there)}"
    providers = offers.providers(Relation(relation.name))
    if providers:
        return f"{relation.name} is provided by {', '.join(p.name for p in providers)}"
    known = {name for index in offers.indexes for name in index.names}
    close = difflib.get_close_matches(relation.name[:64], sorted(known))
    return f"close to {relation.name}: {', '.join(close)}" if close else ""


def _pins(names: Iterable[str]) -> dict[str, str]:
    """Return the versions asked for by name, empty where any will do."""
    pins: dict[str, str] = {}
    for wanted in sorted(set(names)):
        name, equals, version = wanted.partition("=")
        if not relations.NAME.match(name) or (equals and not version):
            raise UsageError(problem=f"not a package name: {wanted!r}", hint="NAME or NAME=VERSION")
        if pins.get(name):
            raise UsageError(
                problem=f"{name} is wanted in two versions, {pins[name]} and {version}"
            )
        pins[name] = version
    return pins
