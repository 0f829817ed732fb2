"""musl's search for a shared object.

ldso/dynlink.c: `load_library`, `path_open`, `fixup_rpath`.  It differs from
glibc in nearly everything: LD_LIBRARY_PATH comes first, RPATH and RUNPATH are
one thing and both inherited, DT_SONAME counts for nothing, there are no cache,
no hwcaps and no filters, and the first file that opens is used, whatever it is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from imagesmith.elf import machine
from imagesmith.elf.root import Root, Unusable, is_too_long
from imagesmith.elf.search import (
    Absent,
    Candidate,
    Environment,
    Loaded,
    Notes,
    Outcome,
    Unloadable,
    elf_at,
    foreign,
)
from imagesmith.model.facts import Dependency, Elf, Loader
from imagesmith.model.resolve import NotFound
from imagesmith.model.tree import parent

RESERVED: Final = re.compile(r"lib(?:c|pthread|rt|m|dl|util|xnet)\.")
"""Names that are the loader itself, whatever follows the dot."""

_TOKEN: Final = re.compile(r"\$(?:\{ORIGIN\}|ORIGIN)")
_LOADER_NAME: Final = re.compile(r"ld-musl-([\w.-]+)\.so\.1")
_EXEC, _DYN = 2, 3

Stage = tuple[str, str, str]
"""A rule, who or what it comes from, and a search path as musl splits it."""


@attrs.frozen(eq=False)
class Musl:
    """The rules of one musl loader for one program."""

    root: Root
    host: Elf
    loader: Loader
    environment: Environment
    interp: Loaded
    main: Loaded
    secure: bool
    notes: Notes

    def dependencies(self, elf: Elf) -> tuple[Dependency, ...]:
        """Return the DT_NEEDED entries: musl has no filters."""
        return tuple(entry for entry in elf.dependencies if entry.kind == "needed")

    def preloads(self) -> tuple[str, ...]:
        """Return nothing: musl reads no preload file."""
        return ()

    def is_loader(self, name: str) -> bool:
        """Recognise the names of the C library's parts, and the path of the loader."""
        return name == self.interp.path or RESERVED.match(name) is not None

    def names(self, loaded: Loaded, name: str | None) -> tuple[str, ...]:
        """Return the short name: the file name of the first path, once a search led to it."""
        if name is None or "/" in name or loaded.names:
            return ()
        return (posixpath.basename(loaded.path),)

    def expand(self, name: str, requester: Loaded) -> str | None:  # noqa: ARG002 - part of `Rules`
        """Return the name: musl knows no tokens in it."""
        return name

    def refuses(self, elf: Elf) -> str | None:
        """Say why an opened file cannot be mapped."""
        if elf.type not in (_EXEC, _DYN):
            return "only ET_DYN and ET_EXEC can be loaded"
        if not elf.dynamic:
            return "object file has no dynamic section"
        # musl does not look, maps the file and runs into it: the worst way to find out.
        same = (elf.machine, elf.bits, elf.endian) == (
            self.host.machine,
            self.host.bits,
            self.host.endian,
        )
        return None if same else foreign(elf, self.host)

    def search(self, name: str, requester: Loaded) -> Outcome:
        """Use the first path that opens; some errors end the whole search."""
        if "/" in name:
            opened = self._open(name, "path", "") if name.startswith("/") else None
            return opened or Absent((name,))
        searched: dict[str, None] = {}
        if is_too_long(name):
            return Absent(())
        for rule, detail, text in self._stages(requester):
            for directory in self._elements(text, detail):
                searched[directory] = None
                result = self._open(f"{directory}/{name}", rule, detail)
                if isinstance(result, Absent):
                    return Absent(tuple(searched), hint=result.hint)
                if isinstance(result, Candidate):
                    return attrs.evolve(result, searched=tuple(searched))
                if result is not None:
                    return result
        return Absent(tuple(searched))

    def _open(self, path: str, rule: str, detail: str) -> Outcome | None:
        """Open a path; None to go on with the next one."""
        found = self.root.lookup(path)
        if isinstance(found, NotFound) and found.errno == "ELOOP":
            return Absent((path,), hint=f"{path} is a loop of symbolic links")
        if isinstance(found, NotFound | Unusable):
            return None
        elf = elf_at(path, found)
        if isinstance(elf, Unloadable):
            return elf
        return Candidate(path, found, elf, rule, detail)

    def _stages(self, requester: Loaded) -> Iterator[Stage]:
        if self.environment.library_path and not self.secure:
            yield "library-path", "LD_LIBRARY_PATH", self.environment.library_path
        holder: Loaded | None = requester
        while holder is not None:
            tag = "rpath" if holder.elf.runpath is None else "runpath"
            text = holder.elf.rpath if holder.elf.runpath is None else holder.elf.runpath
            if text is not None and (expanded := self._expand(text, holder)) is not None:
                yield tag, holder.path, expanded
            holder = holder.requester
        yield self._system()

    def _expand(self, text: str, holder: Loaded) -> str | None:
        """Replace $ORIGIN; any other token disables the whole string."""
        if "$" not in text:
            return text
        if _TOKEN.sub("", text).count("$"):
            what = f"{holder.path}: {text!r} has tokens that musl does not know"
            self.notes.warnings[f"{what}; ignored"] = None
            return None
        if holder is not self.main:
            return _TOKEN.sub(lambda _: holder.path.rpartition("/")[0], text)
        if self.secure:
            return None
        return _TOKEN.sub(lambda _: holder.found.path.rpartition("/")[0], text)

    def _elements(self, text: str, detail: str) -> Iterator[str]:
        for element in re.split("[:\n]", text):
            if element.startswith("/"):
                yield element
            elif element:
                what = f"{detail}: element {element!r} is relative to the working directory"
                self.notes.warnings[f"{what}; ignored"] = None

    def _system(self) -> Stage:
        """Return sys_path: the content of the path file, or the default without one."""
        path = self._path_file()
        found = self.root.lookup(path)
        if isinstance(found, NotFound) and found.errno == "ENOENT":
            return "default", "", ":".join(self.loader.system_dirs)
        content = self.root.content(path)
        if content is not None:
            self.notes.consulted.setdefault(path, "path")
        return "default", path, (content or b"").decode("utf-8", "surrogateescape")

    def _path_file(self) -> str:
        """Return PREFIX/etc/ld-musl-ARCH.path, PREFIX being two levels above PT_INTERP."""
        prefix = parent(parent(self.interp.path)).rstrip("/")
        named = (_LOADER_NAME.fullmatch(posixpath.basename(p)) for p in self._loader_paths())
        arch = next((match[1] for match in named if match), None)
        if arch is None:
            arch = next(iter(machine.abi(self.host).musl), "unknown")
        return f"{prefix}/etc/ld-musl-{arch}.path"

    def _loader_paths(self) -> Iterable[str]:
        return (self.interp.path, *self.interp.links, self.interp.found.path)
