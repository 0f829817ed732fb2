"""glibc's index of charset conversions: gconv-modules, gconv-modules.d, gconv-modules.cache.

The text is read as iconv/gconv_conf.c does (glibc, "iconv design", also described at
the top of gconv-modules); the cache, which iconvconfig(8) makes of it, as
iconv/gconv_cache.c does.  A charset is written in capitals and without the slashes
that end it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

Files = Mapping[str, tuple[str, ...]]
"""The modules that convert a charset to glibc's internal form and back, by its every name."""

_INTERNAL: Final = "INTERNAL"
_MAGIC: Final = 0x20010324
_HEADER: Final = "I5H"
"""iconvconfig.h, struct gconvcache_header: magic, then offset of strings, offset and size of the
hash table, offset of modules and of other conversions."""
_MODULE: Final = "6H"
"""struct module_entry: canonical name, directory and file that read, and that write; extras."""
_MAX_NAME: Final = 4_096
"""Bytes of a name or directory in a cache: PATH_MAX."""


def charset(name: str) -> str:
    """Return a charset's name as it is compared."""
    return name.rstrip("/").upper()


def configured(directory: str, lines: Iterable[str]) -> Files:
    """Read the lines of the files in a gconv directory; files are named relative to it."""
    modules: dict[str, dict[str, str]] = {}
    aliases: dict[str, str] = {}
    for line in lines:
        match line.split():
            case ["alias", name, meant, *_]:
                aliases.setdefault(charset(name), charset(meant))
            case ["module", source, target, file, *_]:
                path = _path(directory, file)
                modules.setdefault(charset(source), {})[path] = charset(target)
                modules.setdefault(charset(target), {})[path] = charset(source)
            case _:
                continue
    modules.pop(_INTERNAL, None)
    return _Text(modules, {alias: name for alias, name in aliases.items() if name in modules})


def _path(directory: str, file: str) -> str:
    path = file if file.startswith("/") else f"{directory}/{file}"
    return path if path.endswith(".so") else f"{path}.so"


@attrs.frozen(eq=False)
class _Text(Mapping[str, tuple[str, ...]]):
    """What the lines say; ways are looked for only from the charsets that are asked for."""

    modules: Mapping[str, Mapping[str, str]]
    """By charset, the module files that read or write it, and the charset at their other end."""
    aliases: Mapping[str, str]

    def __getitem__(self, name: str) -> tuple[str, ...]:
        """Return the modules on the way from a charset to the internal form, or through others.

        Short cuts between two charsets are passed over: glibc does without them.
        """
        paths: set[str] = set()
        pending, seen = [name if name in self.modules else self.aliases[name]], {_INTERNAL}
        while pending:
            step = pending.pop()
            if step in seen:
                continue
            seen.add(step)
            steps = self.modules.get(step, {})
            direct = [path for path, other in steps.items() if other == _INTERNAL]
            paths.update(direct or steps)
            pending += () if direct else steps.values()
        return tuple(sorted(paths))

    def __iter__(self) -> Iterator[str]:
        """Yield the charsets that have a module, by all their names."""
        yield from {**self.modules, **self.aliases}

    def __len__(self) -> int:
        """Count the names."""
        return len({**self.modules, **self.aliases})


def cached(content: bytes) -> Files:
    """Read a cache; one that cannot be read answers nothing, as in glibc."""
    for order in "<>":
        size = struct.calcsize(order + _HEADER)
        if len(content) >= size and struct.unpack_from(f"{order}I", content)[0] == _MAGIC:
            header = struct.unpack_from(order + _HEADER, content)
            try:
                return _Cache(content, order, *header[1:5]).files()
            except (struct.error, ValueError):
                return {}
    return {}


@attrs.frozen
class _Cache:
    content: bytes
    order: str
    strings: int
    hash: int
    buckets: int
    modules: int

    def files(self) -> Files:
        """Return what each name of the hash table leads to."""
        found: dict[str, tuple[str, ...]] = {}
        for bucket in range(self.buckets):
            name, module = struct.unpack_from(
                f"{self.order}2H", self.content, self.hash + 4 * bucket
            )
            if name:
                found[charset(self._string(name))] = self._module(module)
        return found

    def _module(self, index: int) -> tuple[str, ...]:
        """Return the files of one entry; built-in conversions have none."""
        place = self.modules + index * struct.calcsize(self.order + _MODULE)
        entry = struct.unpack_from(self.order + _MODULE, self.content, place)
        _, reads_in, reads, writes_in, writes, _ = entry
        pairs = [(reads_in, reads), (writes_in, writes)]
        named = {self._string(above) + self._string(file) for above, file in pairs if file}
        return tuple(sorted(path for path in named if path.startswith("/")))

    def _string(self, offset: int) -> str:
        start = self.strings + offset
        end = self.content.index(b"\0", start, start + _MAX_NAME)
        return self.content[start:end].decode("utf-8", "surrogateescape")
