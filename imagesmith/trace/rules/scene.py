"""What a runtime rule may look at: the closure so far, and the tree it is traced in.

Nothing is read before a rule asks, and every file once, however many rules and
rounds ask for it.  All paths handed out are real paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import attrs

from imagesmith.elf import imports
from imagesmith.elf.closure import Root
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.facts import Elf, Loader
from imagesmith.model.resolve import Found
from imagesmith.model.tree import Directory, Entry, File, sort_key
from imagesmith.trace import patterns

MAX_STRINGS = 4_096
"""Matches of one pattern in one file."""
MAX_CONTENT = 1 << 20
"""Bytes of one configuration file; glibc's index of charsets, a large one, has 60,000."""


@attrs.frozen(eq=False)
class Binary:
    """One ELF file of the closure."""

    path: str
    """Its real path."""
    elf: Elf
    is_main: bool
    """Whether it is what a process starts with; otherwise a library or a plugin."""
    loader: Loader | None
    """The loader of the process it was first seen in; None for static programs."""

    @property
    def libc(self) -> str:
        """The kind of C library around it: `glibc`, `musl`, or empty for a static program."""
        return self.loader.kind if self.loader is not None else ""


@attrs.define(eq=False)
class Knowledge:
    """What is known of one root whatever the closure is, kept from round to round."""

    root: Root
    listing: patterns.Listing
    promised: frozenset[str] = frozenset()
    """Paths that the image will have whatever tracing finds: the recipe asks for them."""
    _imports: dict[str, frozenset[bytes]] = attrs.field(init=False, factory=dict)
    _strings: dict[tuple[str, bytes], tuple[str, ...]] = attrs.field(init=False, factory=dict)
    _contents: dict[str, bytes] = attrs.field(init=False, factory=dict)

    def imports(self, path: str, elf: Elf) -> frozenset[bytes]:
        """Return the names a file imports; none if its tables cannot be read."""
        if path not in self._imports:
            with self.root.lend(path) as view:
                self._imports[path] = imports.names(view, elf)
        return self._imports[path]

    def content(self, path: str) -> bytes:
        """Return the bytes of a small file."""
        if path not in self._contents:
            self._contents[path] = self.root.read(path)
        return self._contents[path]

    def strings(self, path: str, pattern: re.Pattern[bytes]) -> tuple[str, ...]:
        """Return what a pattern finds in a file, each once, in the order of the file."""
        key = path, pattern.pattern
        if key not in self._strings:
            found: dict[str, None] = {}
            with self.root.lend(path) as view:
                for match in pattern.finditer(view):
                    text = bytes(match[pattern.groups and 1]).decode("utf-8", "surrogateescape")
                    found[text] = None
                    if len(found) == MAX_STRINGS:
                        break
            self._strings[key] = tuple(found)
        return self._strings[key]


@attrs.frozen(eq=False)
class Scene:
    """One round's view of the closure."""

    knowledge: Knowledge
    runtime: RuntimeSection
    binaries: tuple[Binary, ...]
    """Every ELF file of the closure, in the order of the loads that brought them."""
    paths: Mapping[str, object]
    """The real paths of the closure so far."""

    @property
    def root(self) -> Root:
        """The filesystem, as the loaders see it."""
        return self.knowledge.root

    @property
    def promised(self) -> frozenset[str]:
        """The paths that the image will have besides, such as a generated CA bundle."""
        return self.knowledge.promised

    @property
    def mains(self) -> Iterator[Binary]:
        """The binaries that processes start with."""
        return (each for each in self.binaries if each.is_main)

    def named(self, pattern: re.Pattern[str]) -> Iterator[Binary]:
        """Yield the binaries whose soname, or whose file name without one, matches as a whole."""
        for each in self.binaries:
            name = each.elf.soname or each.path.rpartition("/")[2]
            if pattern.fullmatch(name):
                yield each

    def importers(self, *symbols: str) -> Iterator[tuple[Binary, str]]:
        """Yield each binary that imports one of `symbols`, with the first of them it imports."""
        wanted = [(symbol, symbol.encode()) for symbol in symbols]
        for each in self.binaries:
            if not each.elf.dynamic:
                continue
            names = self.knowledge.imports(each.path, each.elf)
            first = next((symbol for symbol, name in wanted if name in names), None)
            if first is not None:
                yield each, first

    def strings(self, binary: Binary, pattern: re.Pattern[bytes]) -> tuple[str, ...]:
        r"""Return the distinct matches (or their first group) in a binary's bytes, bounded.

        End a pattern with `\0` or look around for it where whole strings are meant; patterns run
        over untrusted bytes, so they must be linear.
        """
        return self.knowledge.strings(binary.path, pattern)

    def lookup(self, path: str) -> Found | None:
        """Follow an absolute path; None where nothing lies."""
        found = self.root.lookup(path)
        return found if isinstance(found, Found) else None

    def exists(self, path: str) -> bool:
        """Say whether an absolute path leads to something."""
        return self.lookup(path) is not None

    def real(self, path: str) -> str:
        """Return where an absolute path leads; itself where nothing lies."""
        found = self.lookup(path)
        return path if found is None else found.path

    def entry(self, path: str) -> Entry | None:
        """Return what an absolute path leads to."""
        found = self.lookup(path)
        return None if found is None else found.entry

    def content(self, path: str) -> bytes | None:
        """Return the bytes of the file a path leads to; None for none, and for a huge one."""
        found = self.lookup(path)
        if found is None or not isinstance(found.entry, File) or found.entry.size > MAX_CONTENT:
            return None
        return self.knowledge.content(found.path)

    def lines(self, path: str, comment: str = "#") -> tuple[str, ...]:
        """Return the lines of a configuration file without comments, blanks and empty ones."""
        text = (self.content(path) or b"").decode("utf-8", "surrogateescape")
        stripped = (line.partition(comment)[0].strip() for line in text.splitlines())
        return tuple(line for line in stripped if line)

    def names(self, directory: str) -> tuple[str, ...]:
        """Return the names in the directory a path leads to, sorted by their bytes."""
        return tuple(sorted(self.root.names(directory), key=sort_key))

    def below(self, directory: str) -> tuple[str, ...]:
        """Return the real paths of everything under the directory a path leads to, sorted."""
        found = self.lookup(directory)
        if found is None or not isinstance(found.entry, Directory):
            return ()
        within = patterns.with_content(self.root.filesystem, [found.path], self.knowledge.listing)
        return tuple(within)[1:]

    def with_libc(self, kind: str, binaries: Iterable[Binary] | None = None) -> Iterator[Binary]:
        """Yield the binaries that run with one kind of C library."""
        chosen = self.binaries if binaries is None else binaries
        return (each for each in chosen if each.libc == kind)
