"""Versions and symbols of a closure, checked as its loader would while starting it.

glibc: what each object needs of another (elf/dl-version.c,
`_dl_check_map_versions`), then every undefined symbol over the scope
(elf/dl-lookup.c).  musl: symbols only.  That something defines a symbol is all
that counts here; which definition is taken is not.

A library by itself is a plugin: what nothing in its own scope defines, its
program may.  Then it is checked in the scope of its host, or a program that
has all of it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import attrs

from imagesmith.elf import findings, scope
from imagesmith.elf.closure import load_in
from imagesmith.elf.findings import (
    Finding,
    ProviderMissing,
    RelrUnmarked,
    Undefined,
    Unversioned,
    VersionMissing,
)
from imagesmith.elf.result import LoaderClosure, Missing
from imagesmith.elf.root import Root
from imagesmith.elf.scope import Library, Member, Scope
from imagesmith.elf.search import Unloadable

RELR: Final = "GLIBC_ABI_DT_RELR"
PRIVATE: Final = "GLIBC_PRIVATE"
RELR_SINCE: Final = (2, 36)
"""The glibc that learned DT_RELR, and to insist on `RELR`."""


def _none() -> tuple[str, ...]:
    return ()


@attrs.define(eq=False)
class Bindings:
    """The check of any number of closures in one root, each file read once."""

    root: Root
    programs: Callable[[], Iterable[str]] = _none
    """Paths of the programs that plugins may belong to, asked for if one is looked for."""
    library: Library = attrs.field(init=False)
    _mains: tuple[Member, ...] | None = attrs.field(init=False, default=None)
    _hosts: dict[str, Scope] | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Read nothing yet."""
        self.library = Library(self.root)

    def findings(
        self, closure: LoaderClosure, host: LoaderClosure | None = None
    ) -> tuple[Finding, ...]:
        """Return everything that is wrong with the objects of `closure` in its process."""
        found = scope.of(self.root, closure, host)
        if found is None:
            return ()
        known = frozenset(each.real for each in host.objects) if host is not None else frozenset()
        own = [each for each in found.members if each.object.real not in known]
        wrong: list[Finding] = []
        if found.kind == "glibc":
            absent = {each.name for each in closure.missing}
            relr = _version(closure) >= RELR_SINCE
            for each in (*own, *found.further):
                wrong += _versions(each, found, absent)
                if relr and _lacks_relr(each):
                    wrong.append(RelrUnmarked(requester=each.object.path))
        for each in own:
            wrong += self._undefined(each, found)
        wider = attrs.evolve(found, members=(*found.members, *found.further))
        for each in found.further:
            wrong += self._undefined(each, wider)
        return tuple(dict.fromkeys(wrong))

    def checked(self, closure: LoaderClosure, host: LoaderClosure | None = None) -> LoaderClosure:
        """Return a closure with what is wrong added to its errors and warnings."""
        wrong = self.findings(closure, host)
        open_ends = [each for each in wrong if isinstance(each, Undefined)]
        alone = host is None and self.is_plugin(closure)
        errors = [
            Unloadable(each.path, each.problem)
            for each in wrong
            if each.fatal and not (alone and isinstance(each, Undefined))
        ]
        warnings = [
            f"{each.path}: {each.problem}"
            for each in wrong
            if not each.fatal and not isinstance(each, Undefined)
        ]
        late = open_ends if alone else [each for each in open_ends if not each.fatal]
        warnings += self.remarks(closure, late) if alone else map(called, grouped(late))
        unreadable = self._unreadable(closure)
        return attrs.evolve(
            closure,
            missing=_unanswered(closure, host),
            errors=(*closure.errors, *unreadable, *errors),
            warnings=tuple(dict.fromkeys((*closure.warnings, *warnings))),
        )

    def is_plugin(self, closure: LoaderClosure) -> bool:
        """Say whether the seed is a library, which somebody else's program will load."""
        found = scope.of(self.root, attrs.evolve(closure, objects=closure.objects[:1]))
        return found is not None and all(each.elf.interp is None for each in found.members)

    def remarks(self, closure: LoaderClosure, wanted: Iterable[Undefined]) -> Iterator[str]:
        """Say of what a plugin leaves open which program has it."""
        for several in grouped(wanted):
            yield left_open(several, self.host_of(closure, several))

    def host_of(self, closure: LoaderClosure, wanted: Iterable[Undefined]) -> str | None:
        """Return a program in whose scope everything wanted is defined.

        One that defines all of it by itself goes first: others may only link to what it is made of.
        """
        keys = frozenset(each.key for each in wanted)
        assert closure.loader is not None
        kind = closure.loader.kind
        for each in self._programs():
            if not self.library.left(keys, (each,), kind)[0]:
                return each.object.path
        for path, host in self._scopes().items():
            if host.kind == kind and not self.library.left(keys, host.members, kind)[0]:
                return path
        return None

    def undefined_everywhere(
        self, wanted: Iterable[Undefined], paths: Iterable[str]
    ) -> tuple[Undefined, ...]:
        """Return what is wanted and no file at one of these real paths defines."""
        open_ends = tuple(wanted)
        keys = frozenset(each.key for each in open_ends)
        left, _ = self.library.left(keys, scope.files(self.root, paths), "glibc")
        return tuple(each for each in open_ends if each.key in left)

    def _programs(self) -> tuple[Member, ...]:
        if self._mains is None:
            self._mains = scope.files(self.root, self.programs())
        return self._mains

    def _scopes(self) -> dict[str, Scope]:
        if self._hosts is None:
            scopes = (
                (each.object.path, scope.of(self.root, load_in(self.root, each.object.path)))
                for each in self._programs()
            )
            self._hosts = {path: found for path, found in scopes if found is not None}
        return self._hosts

    def _unreadable(self, closure: LoaderClosure) -> Iterator[Unloadable]:
        found = scope.of(self.root, closure)
        for each in found.members if found is not None else ():
            problem = self.library.problem(each)
            if problem is not None:
                yield Unloadable(each.object.path, problem)

    def _undefined(self, member: Member, around: Scope) -> Iterator[Undefined]:
        left = self.library.unresolved(member, around)
        if not left:
            return
        moments = self.library.moments(member)
        for key in sorted(left & moments.keys()):
            symbol, _, version = key.decode("utf-8", "surrogateescape").partition("\0")
            needs = (need.file for need in member.elf.verneed if version in need.versions)
            yield Undefined(
                symbol=symbol,
                version=version or None,
                file=next(needs, None),
                requester=member.object.path,
                moment="load" if around.kind == "musl" else moments[key],
            )


def _unanswered(closure: LoaderClosure, host: LoaderClosure | None) -> tuple[Missing, ...]:
    """Return what is missing and the host has not loaded under that name already."""
    if host is None:
        return closure.missing
    loaded = {edge.name for edge in host.edges} | {each.soname for each in host.objects}
    return tuple(each for each in closure.missing if each.name not in loaded)


def left_open(several: tuple[Undefined, ...], program: str | None = None) -> str:
    """Say that a program has to define what a plugin leaves open, and which does if one does."""
    names = findings.listed(several)
    who = "its program has to define them" if program is None else f"{program} defines them"
    return f"{several[0].requester}: undefined symbols {names}: {who}"


def called(several: tuple[Undefined, ...]) -> str:
    """Say that what nothing defines is looked up only when it is called."""
    names = findings.listed(several)
    return f"{several[0].requester}: undefined symbols {names}: calling one ends the program"


def grouped(wanted: Iterable[Undefined]) -> Iterator[tuple[Undefined, ...]]:
    """Yield what each object wants, together."""
    by_path: dict[str, list[Undefined]] = {}
    for each in wanted:
        by_path.setdefault(each.requester, []).append(each)
    return map(tuple, by_path.values())


def _versions(member: Member, around: Scope, absent: set[str]) -> Iterator[Finding]:
    """Hold what an object needs against what its providers define."""
    requester = member.object.path
    for need in member.elf.verneed:
        providers = around.names.get(need.file, ())
        if not providers and need.file not in absent:
            yield ProviderMissing(versions=need.versions, requester=requester, file=need.file)
        for provider in providers:
            defined, path = provider.elf.verdef, provider.object.path
            if defined is None:
                yield Unversioned(
                    versions=need.versions, requester=requester, file=need.file, provider=path
                )
                continue
            for version in need.versions:
                if version not in defined:
                    yield VersionMissing(
                        version=version,
                        requester=requester,
                        file=need.file,
                        provider=path,
                        newest=findings.newest(version, defined),
                        fatal=version not in need.weak,
                    )


def _lacks_relr(member: Member) -> bool:
    """Say whether the loader refuses an object's DT_RELR (elf/dl-version.c)."""
    elf = member.elf
    if not elf.relr or not elf.verneed or PRIVATE in (elf.verdef or ()):
        return False
    uses_libc = any(
        each.kind == "needed" and each.name.startswith("libc.so.") for each in elf.dependencies
    )
    return uses_libc and not any(RELR in need.versions for need in elf.verneed)


def _version(closure: LoaderClosure) -> tuple[int, ...]:
    text = closure.loader.version if closure.loader is not None else ""
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
