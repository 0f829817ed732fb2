"""glibc's search for a shared object.

ld.so(8) and elf/dl-load.c: `_dl_map_new_object` has the stages, `open_path` the
walk through a list of directories.  Debian's and Ubuntu's loaders are
recognised by their multiarch system directories: with them `$LIB` is
lib/TRIPLET, and foreign files are passed over (see `candidate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from imagesmith.elf import hwcaps, machine, paths
from imagesmith.elf.candidate import ET_EXEC, Opened, attempt
from imagesmith.elf.hwcaps import Cpu
from imagesmith.elf.ldcache import LdCache, MalformedCache
from imagesmith.elf.root import LD_SO_CACHE, Root, Unusable
from imagesmith.elf.search import (
    Absent,
    Candidate,
    Environment,
    Loaded,
    Notes,
    Outcome,
    PassedOver,
    Unloadable,
)
from imagesmith.model.facts import Dependency, Elf, Loader
from imagesmith.model.resolve import NotFound
from imagesmith.model.tree import parent

LD_SO_PRELOAD: Final = "/etc/ld.so.preload"
DF_1_NODEFLIB: Final = 0x800
DF_1_PIE: Final = 0x8000000

Group = tuple[str, Iterable[str]]
"""A directory (or the cache) and the paths to try for it, the best first."""
Stage = tuple[str, str, Iterable[Group]]
"""A rule, who or what it comes from, and its groups in order."""


@attrs.frozen(eq=False)
class Glibc:
    """The rules of one glibc loader for one program."""

    root: Root
    host: Elf
    """The loader's own file: class, byte order, machine and ABI flags."""
    loader: Loader
    environment: Environment
    cpu: Cpu
    """Which subdirectories to look into first."""
    variants: frozenset[str]
    """Every subdirectory that any processor would look into."""
    main: Loaded
    secure: bool
    notes: Notes
    _known: dict[tuple[int, str], tuple[str, ...]] = attrs.field(init=False, factory=dict)
    _subdirectories: dict[str, tuple[str, ...]] = attrs.field(init=False, factory=dict)
    debian: bool = attrs.field(init=False)
    """Whether the loader has Debian's changes."""

    @debian.default
    def _has_triplets(self) -> bool:
        return any("-linux-" in directory for directory in self.loader.system_dirs)

    def dependencies(self, elf: Elf) -> tuple[Dependency, ...]:
        """Return every entry: glibc knows DT_AUXILIARY and DT_FILTER."""
        return elf.dependencies

    def preloads(self) -> tuple[str, ...]:
        """Return the names in /etc/ld.so.preload (elf/rtld.c)."""
        content = self.root.content(LD_SO_PRELOAD)
        if content is None:
            return ()
        self.notes.consulted.setdefault(LD_SO_PRELOAD, "preload")
        text = content.decode("utf-8", "surrogateescape")
        lines = (line.partition("#")[0] for line in text.split("\n"))
        return tuple(name for line in lines for name in line.replace(":", " ").split())

    def is_loader(self, name: str) -> bool:  # noqa: ARG002 - part of `Rules`
        """Return False: for glibc its loader is an object like any other."""
        return False

    def names(self, loaded: Loaded, name: str | None) -> tuple[str, ...]:
        """Return the name asked for (`add_name_to_object`); at first also path and DT_SONAME."""
        if loaded.names and name is not None:
            return (name,)
        path = () if loaded is self.main else (loaded.path,)
        return tuple(each for each in (name, *path, loaded.elf.soname) if each is not None)

    def expand(self, name: str, requester: Loaded) -> str | None:
        """Replace the tokens in a DT_NEEDED; AT_SECURE forbids them."""
        if self.secure and paths.TOKEN.search(name):
            return None
        return self._tokens(requester).expand(name)

    def refuses(self, elf: Elf) -> str | None:
        """Say why an opened file cannot be mapped as a dependency."""
        if elf.type == ET_EXEC:
            return "cannot dynamically load executable"
        if elf.flags_1 & DF_1_PIE:
            return "cannot dynamically load position-independent executable"
        return None if elf.dynamic else "object file has no dynamic section"

    def search(self, name: str, requester: Loaded) -> Outcome:
        """Try the stages in order; a name with a slash is opened as it is."""
        stages: Iterable[Stage] = self._stages(name, requester)
        if "/" in name and not name.startswith("/"):
            return Absent((name,))
        if "/" in name:
            stages = [("path", "", [(name, [name])])]
        searched: dict[str, None] = {}
        passed_over: list[PassedOver] = []
        for rule, detail, groups in stages:
            result = self._walk(groups, searched, passed_over)
            if isinstance(result, Unloadable):
                return result
            if result is not None:
                if rule == "cache":
                    self.notes.consulted.setdefault(LD_SO_CACHE, "cache")
                return Candidate(
                    path=result.path,
                    found=result.found,
                    elf=result.elf,
                    rule=rule,
                    detail=detail,
                    searched=tuple(searched),
                    passed_over=tuple(passed_over),
                )
        return Absent(tuple(searched), tuple(passed_over))

    def _walk(
        self, groups: Iterable[Group], searched: dict[str, None], passed_over: list[PassedOver]
    ) -> Opened | Unloadable | None:
        for place, tries in groups:
            searched[place] = None
            result = None
            for path in tries:
                result = attempt(self.root, path, self.host, debian=self.debian)
                if isinstance(result, Opened | Unloadable):
                    return result
                if isinstance(result, PassedOver):
                    passed_over.append(result)
            # Measured on 2.36: with the directory there, any errno but ENOENT ends the list.
            if isinstance(result, NotFound | Unusable) and result.errno != "ENOENT":
                return None
        return None

    def _stages(self, name: str, requester: Loaded) -> Iterator[Stage]:
        if requester.elf.runpath is None:
            for holder in self._rpath_holders(requester):
                yield "rpath", holder.path, self._groups(self._rpath(holder), name)
        yield "library-path", "", self._groups(self._library_path(), name)
        if requester.elf.runpath is not None:
            yield "runpath", requester.path, self._groups(self._runpath(requester), name)
        no_defaults = bool(requester.elf.flags_1 & DF_1_NODEFLIB)
        cached = self._cached(name, allow_system=not no_defaults)
        yield "cache", "", [(LD_SO_CACHE, tries) for tries in cached]
        if not no_defaults:
            yield "default", "", self._groups(self.loader.system_dirs, name)

    def _rpath_holders(self, requester: Loaded) -> Iterator[Loaded]:
        """Yield who lends its RPATH: the requester and those who loaded it, up to the program."""
        holder: Loaded | None = requester
        while holder is not None:
            if holder.elf.runpath is None and holder.elf.rpath is not None:
                yield holder
            holder = holder.requester

    def _groups(self, directories: Iterable[str], name: str) -> Iterator[Group]:
        for directory in directories:
            yield directory, self._tries(directory, name)

    def _tries(self, directory: str, name: str) -> Iterator[str]:
        """Yield the paths for a name in one directory, the preferred subdirectories first."""
        if directory not in self._subdirectories:
            self.notes.variants.update(hwcaps.present(self.root, directory, self.variants))
            found = hwcaps.subdirectories(self.root, directory, self.cpu)
            self._subdirectories[directory] = tuple(found)
        for each in self._subdirectories[directory]:
            yield f"{each}/{name}"

    def _cached(self, name: str, *, allow_system: bool) -> Iterator[tuple[str, ...]]:
        """Yield the answer of ld.so.cache; DF_1_NODEFLIB rules out the system directories."""
        cache = self.root.ld_cache()
        if isinstance(cache, MalformedCache):
            self.notes.warnings[f"{LD_SO_CACHE}: {cache.problem}; ignored"] = None
        if not isinstance(cache, LdCache):
            return
        if cache.endian != self.host.endian:
            self.notes.warnings[f"{LD_SO_CACHE}: is {cache.endian}-endian; ignored"] = None
            return
        self.notes.variants.update(entry.level for entry in cache.named(name) if entry.level)
        answer = cache.lookup(name, machine.abi(self.host).cache, self.cpu.levels)
        system = tuple(f"{directory}/" for directory in self.loader.system_dirs)
        usable = answer is not None and (allow_system or not answer.path.startswith(system))
        yield (answer.path,) if answer is not None and usable else ()

    def _rpath(self, holder: Loaded) -> tuple[str, ...]:
        return self._elements(holder, "RPATH", holder.elf.rpath or "", ":")

    def _runpath(self, holder: Loaded) -> tuple[str, ...]:
        return self._elements(holder, "RUNPATH", holder.elf.runpath or "", ":")

    def _library_path(self) -> tuple[str, ...]:
        if self.secure or not self.environment.library_path:
            return ()
        return self._elements(self.main, "LD_LIBRARY_PATH", self.environment.library_path, ":;")

    def _elements(self, holder: Loaded, tag: str, text: str, separators: str) -> tuple[str, ...]:
        """Return the directories of a search path, worked out once per holder and tag."""
        key = (id(holder), tag)
        if key not in self._known:
            kept: dict[str, None] = {}
            # An empty value is no path at all; an empty element is the working directory.
            for element in paths.elements(text, separators, self._tokens(holder)) if text else ():
                if isinstance(element, paths.Dropped):
                    what = f"{holder.path}: {tag} element {element.element!r} {element.problem}"
                    self.notes.warnings[f"{what}; ignored"] = None
                else:
                    kept[element] = None
            self._known[key] = tuple(kept)
        return self._known[key]

    def _tokens(self, holder: Loaded) -> paths.Tokens:
        """Return the token values for one object.

        `$ORIGIN` of the program is its real directory, of a library the directory it was found
        in, links not resolved.
        """
        is_main = holder is self.main
        origin = parent(holder.found.path if is_main else holder.path)
        values = {"ORIGIN": origin, "LIB": self._lib(), "PLATFORM": self.environment.platform}
        trusted = self.loader.system_dirs if is_main else None
        return paths.Tokens(values, secure=self.secure, trusted=trusted)

    def _lib(self) -> str | None:
        """Return the value of `$LIB`: notdir(slibdir), or Debian's lib/TRIPLET."""
        if not self.loader.system_dirs:
            return None
        first = self.loader.system_dirs[0]
        return first.lstrip("/") if self.debian else first.rpartition("/")[2]
