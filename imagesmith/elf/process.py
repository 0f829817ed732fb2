"""A process being put together: what is mapped, in the loader's order.

elf/dl-deps.c, `_dl_map_object_deps`, and musl's `load_deps`: breadth first over
the dynamic entries in file order.  DT_AUXILIARY and DT_FILTER objects move in
front of the object that names them.  One file is one object, however many names
lead to it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

import attrs

from imagesmith.elf import hint
from imagesmith.elf.result import Missing
from imagesmith.elf.root import Root
from imagesmith.elf.search import Absent, Candidate, Loaded, Opening, Rules, Unloadable
from imagesmith.model.facts import Loader

Kind = Literal["needed", "auxiliary", "filter", "preload", "audit"]


@attrs.define(eq=False)
class Process:
    """One namespace of one program."""

    root: Root
    loader: Loader
    rules: Rules
    main: Loaded
    interp: Loaded
    chain: list[Loaded] = attrs.field(init=False, factory=list)
    """What is mapped, in search order; the loader from where something needs it."""
    missing: dict[tuple[str, str], Missing] = attrs.field(init=False, factory=dict)
    errors: dict[str, Unloadable] = attrs.field(init=False, factory=dict)
    warnings: dict[str, None] = attrs.field(init=False, factory=dict)
    edges: list[tuple[Loaded, str, Loaded]] = attrs.field(init=False, factory=list)
    """Who asked for what, and the answer."""
    _names: dict[str, Loaded] = attrs.field(init=False, factory=dict)
    _files: dict[Hashable, Loaded] = attrs.field(init=False, factory=dict)
    _chained: set[int] = attrs.field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        """Start with the program and its loader mapped, as the kernel leaves them."""
        self._learn(self.main, None)
        self._learn(self.interp, None)
        # Neither loader knows the files the kernel mapped: another name for one of them gives a
        # second copy (measured). musl recognises its own, by the symbols in it.
        if self.loader.kind == "musl":
            self._files[self.root.identity(self.interp.found)] = self.interp
        self._append(self.main)

    def load(self) -> None:
        """Map the preloaded objects, then everything needed, breadth first."""
        for name in self.rules.preloads():
            self._append(self._request(name, self.main, "preload"))
        self._map_all()

    def open(self, opening: Opening) -> None:
        """Map what a loaded object opens by name, and what that needs (dlopen(3))."""
        asking = (each for each in self.chain if each.found.path == opening.requester)
        requester = next(asking, None)
        if requester is None:  # another processor's variant of it was loaded
            return
        found = self._request(opening.name, requester, "needed")
        if found is not None:
            self.edges.append((requester, opening.name, found))
            self._append(found)
            self._map_all()

    def load_auditor(self, name: str) -> None:
        """Map an audit module and what it needs, in this namespace."""
        self._append(self._request(name, self.main, "audit"))
        self._map_all()

    def _map_all(self) -> None:
        done: set[int] = set()
        place = 0
        while place < len(self.chain):
            each = self.chain[place]
            if id(each) not in done:
                done.add(id(each))
                self._map_dependencies(each, place)
            # A filter may now stand where `each` stood; it has its turn first.
            if id(self.chain[place]) in done:
                place += 1

    def _map_dependencies(self, each: Loaded, place: int) -> None:
        for dependency in self.rules.dependencies(each.elf):
            found = self._request(dependency.name, each, dependency.kind)
            if found is not None:
                self.edges.append((each, dependency.name, found))
            if dependency.kind == "needed":
                self._append(found)
            elif found is not None and self._insert(found, place):
                place += 1

    def _append(self, found: Loaded | None) -> None:
        if found is not None and id(found) not in self._chained:
            self._chained.add(id(found))
            self.chain.append(found)

    def _insert(self, found: Loaded, place: int) -> bool:
        """Put a filter before the object at `place`, unless it stands earlier already."""
        if id(found) in self._chained:
            present = next(i for i, each in enumerate(self.chain) if each is found)
            if present <= place:
                return False
            del self.chain[present]
        self._chained.add(id(found))
        self.chain.insert(place, found)
        return True

    def _learn(self, loaded: Loaded, name: str | None) -> None:
        names = self.rules.names(loaded, name)
        loaded.names.update(names)
        for each in names:
            self._names.setdefault(each, loaded)

    def _request(self, name: str, requester: Loaded, kind: Kind) -> Loaded | None:
        """Return the object for a name, mapped if it was not yet."""
        expanded = self.rules.expand(name, requester)
        if expanded is None:
            absent = Absent((), hint="a token in the name has no value that is known")
            self._miss(name, requester, kind, absent)
            return None
        if self.rules.is_loader(expanded):
            return self.interp
        if expanded in self._names:
            return self._names[expanded]
        match self.rules.search(expanded, requester):
            case Candidate() as candidate:
                return self._map(candidate, expanded, requester, kind)
            case Unloadable(path, problem):
                self._fail(path, hint.unloadable(self.root, path, problem), requester, kind)
            case Absent() as absent:
                self._miss(expanded, requester, kind, absent)
        return None

    def _map(self, candidate: Candidate, name: str, requester: Loaded, kind: Kind) -> Loaded | None:
        """Take the candidate, as a further name of a known file or as a new object."""
        identity = self.root.identity(candidate.found)
        loaded = self._files.get(identity)
        if loaded is None:
            problem = self.rules.refuses(candidate.elf)
            if problem is not None:
                self._fail(candidate.path, problem, requester, kind)
                return None
            loaded = Loaded(
                path=candidate.path,
                found=candidate.found,
                elf=candidate.elf,
                rule=candidate.rule if kind == "needed" else kind,
                requester=requester,
                name=name,
                detail=candidate.detail,
                searched=candidate.searched,
                passed_over=candidate.passed_over,
            )
            self._files[identity] = loaded
        elif candidate.found.path != loaded.found.path:
            loaded.aliases[candidate.found.path] = None
        loaded.links.update(dict.fromkeys(candidate.found.links))
        self._learn(loaded, name)
        return loaded

    def _fail(self, path: str, problem: str, requester: Loaded, kind: Kind) -> None:
        if kind in _OPTIONAL:
            self.warnings[f"{path}: {problem}; the loader goes on without it"] = None
        else:
            self.errors.setdefault(path, Unloadable(path, problem, requester.path))

    def _miss(self, name: str, requester: Loaded, kind: Kind, absent: Absent) -> None:
        if kind in _OPTIONAL:
            what = f"{name}: needed by {requester.path} ({kind}) and not found"
            self.warnings[f"{what}; the loader goes on without it"] = None
            return
        advice = hint.library(self.root, name, absent, self.loader, self.chain)
        missing = Missing(name, requester.path, absent.searched, advice)
        self.missing.setdefault((name, requester.path), missing)


_OPTIONAL = ("auxiliary", "preload", "audit")
"""Kinds of request whose failure the loader survives (preload and audit: with a message)."""
