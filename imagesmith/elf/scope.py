"""The scope of a closure: the objects its symbols are looked up in, with their tables.

For glibc these are the objects of the closure in its order, AUXILIARY and
FILTER before their object, and the loader only where something needs it
(elf/dl-deps.c); musl's loader is the C library and always among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from imagesmith.elf import symbols
from imagesmith.elf.result import LoaderClosure, Object
from imagesmith.elf.root import Root
from imagesmith.elf.symbols import NONE, Moment, Symbols
from imagesmith.model.facts import Elf, MalformedElf
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File


@attrs.frozen(eq=False)
class Member:
    """One object of a scope."""

    object: Object
    elf: Elf


@attrs.frozen(eq=False)
class Scope:
    """What one process, or one plugin in its process, looks symbols up in."""

    kind: str
    """`glibc` or `musl`."""
    members: tuple[Member, ...]
    """In search order."""
    further: tuple[Member, ...] = ()
    """Mapped for other processors instead, or for auditing."""
    names: Mapping[str, tuple[Member, ...]] = attrs.field(factory=dict)
    """By every name that leads to an object: what was asked for, its path, its soname."""
    reals: frozenset[str] = frozenset()
    """Real paths of the members."""


def of(root: Root, closure: LoaderClosure, host: LoaderClosure | None = None) -> Scope | None:
    """Return the scope of a closure, after that of its host; None where nothing is looked up."""
    if closure.loader is None:
        return None
    closures = (closure,) if host is None else (host, closure)
    edges = [edge for each in closures for edge in each.edges]
    targets = {edge.target for edge in edges}
    found = _members(root, (each for closure in closures for each in closure.objects))
    further = _members(root, (each for closure in closures for each in closure.extras))
    members = tuple(
        each
        for each in found
        if each.object.rule != "interp"
        or each.object.path in targets
        or closure.loader.kind == "musl"
    )
    by_path: dict[str, list[Member]] = {}
    for each in (*found, *further):
        by_path.setdefault(each.object.path, []).append(each)
    names: dict[str, dict[str, Member]] = {}
    for edge in edges:
        for each in by_path.get(edge.target, ()):
            names.setdefault(edge.name, {})[each.object.real] = each
    for each in (*found, *further):
        for name in (each.object.path, each.object.name, each.elf.soname):
            if name:
                names.setdefault(name, {})[each.object.real] = each
    return Scope(
        kind=closure.loader.kind,
        members=members,
        further=further,
        names={name: tuple(several.values()) for name, several in names.items()},
        reals=frozenset(each.object.real for each in members),
    )


def files(root: Root, paths: Iterable[str]) -> tuple[Member, ...]:
    """Return the ELF files at these real paths, whatever they are for."""
    return _members(root, (Object(path=path, real=path, rule="") for path in paths))


def _members(root: Root, objects: Iterable[Object]) -> tuple[Member, ...]:
    """Return the objects that are ELF files, each file once."""
    known: dict[str, Member] = {}
    for each in objects:
        found = root.lookup(each.real)
        entry = found.entry if isinstance(found, Found) else None
        if isinstance(entry, File) and isinstance(entry.facts, Elf):
            known.setdefault(each.real, Member(each, entry.facts))
    return tuple(known.values())


@attrs.define(eq=False)
class Library:
    """The symbols of the files of one root, each read once, and what is known of them."""

    root: Root
    _symbols: dict[str, Symbols | MalformedElf] = attrs.field(init=False, factory=dict)
    _moments: dict[str, Mapping[bytes, Moment]] = attrs.field(init=False, factory=dict)
    _sufficient: dict[str, frozenset[str]] = attrs.field(init=False, factory=dict)

    def problem(self, member: Member) -> str | None:
        """Say why the symbols of a file cannot be read, if so."""
        found = self._read(member)
        return found.problem if isinstance(found, MalformedElf) else None

    def symbols(self, member: Member) -> Symbols:
        """Return the symbols of a file; none if they cannot be read."""
        found = self._read(member)
        return NONE if isinstance(found, MalformedElf) else found

    def _read(self, member: Member) -> Symbols | MalformedElf:
        real = member.object.real
        if real not in self._symbols:
            with self.root.lend(real) as view:
                self._symbols[real] = symbols.read(view, member.elf)
        return self._symbols[real]

    def moments(self, member: Member) -> Mapping[bytes, Moment]:
        """Return when each wanted name of a file is looked up."""
        real = member.object.real
        if real not in self._moments:
            with self.root.lend(real) as view:
                found = symbols.references(view, member.elf)
            self._moments[real] = {} if isinstance(found, MalformedElf) else found
        return self._moments[real]

    def unresolved(self, member: Member, scope: Scope) -> frozenset[bytes]:
        """Return the names that `member` wants and nothing in `scope` defines."""
        enough = self._sufficient.get(member.object.real)
        if enough is not None and enough <= scope.reals:
            return frozenset()
        wants = self.symbols(member)
        wanted = wants.versioned | wants.unversioned
        left, used = self.left(wanted, _ordered(member, scope), scope.kind)
        if not left:
            self._sufficient[member.object.real] = used
        return left

    def left(
        self, wanted: frozenset[bytes], members: Iterable[Member], kind: str
    ) -> tuple[frozenset[bytes], frozenset[str]]:
        """Return which of `wanted` no member defines, and the real paths of those that do."""
        used: set[str] = set()
        for member in members:
            if not wanted:
                break
            remaining = _without(wanted, self.symbols(member), kind)
            if len(remaining) < len(wanted):
                used.add(member.object.real)
                wanted = remaining
        return wanted, frozenset(used)


def _ordered(member: Member, scope: Scope) -> Iterator[Member]:
    """Yield the members, first those that `member` names: they define nearly all it wants."""
    for dependency in member.elf.dependencies:
        for each in scope.names.get(dependency.name, ()):
            if each.object.real in scope.reals:
                yield each
    yield from scope.members


def _without(wanted: frozenset[bytes], symbols: Symbols, kind: str) -> frozenset[bytes]:
    """Take away what an object defines, by the rules of one loader."""
    if kind == "musl":
        return frozenset(key for key in wanted if key.partition(b"\0")[0] not in symbols.shown)
    wanted = wanted - symbols.exact - symbols.shown - symbols.early
    if not symbols.plain:
        return wanted
    return frozenset(
        key for key in wanted if b"\0" not in key or key.partition(b"\0")[0] not in symbols.plain
    )
