"""Reading and writing ld.so.cache.

The format is glibc's `glibc-ld.so.cache1.1` with the hwcaps extension
(sysdeps/generic/dl-cache.h), alone or after the block of the old format.  Among
the entries of a name the loader takes the best hwcaps level it may use, then
the plain entry (elf/dl-cache.c, search_cache).  What this module refuses, the
loader ignores as a whole.

What is written is the new format alone, in the byte order of its readers, and
the same for the same entries: `ldconfig` says which, this module only how.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

import attrs

MAGIC: Final = b"glibc-ld.so.cache1.1"
OLD_MAGIC: Final = b"ld.so-1.7.0\0"
EXTENSION_MAGIC: Final = 0xEAA42174
TAG_GENERATOR: Final = 0
TAG_GLIBC_HWCAPS: Final = 1
GENERATOR: Final = b"imagesmith"
"""Whom `ldconfig -p` names; without a version, which would change bytes and mean nothing."""
MAX_EXTENSIONS: Final = 64
"""glibc writes two."""

_OLD_HEADER, _OLD_ENTRY, _HEADER, _ENTRY = 16, 12, 48, 24
_LEVEL: Final = 1 << 30
"""DL_CACHE_HWCAP_EXTENSION: the high half of `hwcap` marks the low half as a level's index."""
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")


@attrs.frozen
class CacheEntry:
    """One library known to the cache."""

    name: str
    path: str
    flags: int
    level: str | None
    """A glibc-hwcaps level, or None for every processor."""


@attrs.frozen
class MalformedCache:
    """A cache the loader would ignore, or could not survive."""

    problem: str


@attrs.frozen
class LdCache:
    """The entries by name, each name's in file order."""

    by_name: Mapping[str, tuple[CacheEntry, ...]]
    endian: Literal["little", "big"] = "little"
    """Of its numbers: a loader of the other byte order ignores the cache."""

    def lookup(self, name: str, flags: Sequence[int], levels: Sequence[str]) -> CacheEntry | None:
        """Return the answer for `name`, with `levels` allowed, the best first."""
        usable = [entry for entry in self.named(name) if entry.flags in flags]
        for level in (*levels, None):
            for entry in usable:
                if entry.level == level:
                    return entry
        return None

    def named(self, name: str) -> tuple[CacheEntry, ...]:
        """Return every entry of `name`, for any machine."""
        return self.by_name.get(_key(name), ())


def to_bytes(entries: Sequence[CacheEntry], endian: Literal["little", "big"]) -> bytes:
    """Write a cache of `entries`, in the order given."""
    order, mark = {"little": ("<", 2), "big": (">", 3)}[endian]
    levels = sorted({entry.level for entry in entries if entry.level is not None})
    strings = _StringTable(_HEADER + _ENTRY * len(entries))
    table = b""
    for entry in entries:
        hwcap = 0 if entry.level is None else _LEVEL << 32 | levels.index(entry.level)
        path = strings.add(entry.path)
        # Most paths end in the name, and so do their bytes.
        name = strings.tail(entry.path, entry.name) or strings.add(entry.name)
        table += struct.pack(f"{order}iIIIQ", entry.flags, name, path, 0, hwcap)
    words = b"".join(struct.pack(f"{order}I", strings.add(level)) for level in levels)
    extensions = strings.end + -strings.end % 4
    sections = [(TAG_GENERATOR, GENERATOR)] + ([(TAG_GLIBC_HWCAPS, words)] if levels else [])
    header = struct.pack(f"{order}IIB3xI12x", len(entries), strings.size, mark, extensions)
    body = MAGIC + header + table + bytes(strings.content)
    return body.ljust(extensions, b"\0") + _extensions(sections, extensions, order)


def _extensions(sections: Sequence[tuple[int, bytes]], start: int, order: str) -> bytes:
    """Write the directory of the extensions and their content; words lie on multiples of four."""
    place = start + 8 + 16 * len(sections)
    directory, content = struct.pack(f"{order}II", EXTENSION_MAGIC, len(sections)), b""
    for tag, section in sorted(sections, reverse=True):
        directory += struct.pack(f"{order}IIII", tag, 0, place + len(content), len(section))
        content += section
    return directory + content


@attrs.define
class _StringTable:
    """NUL-terminated strings, each once, by their offset in the file."""

    start: int
    content: bytearray = attrs.field(factory=bytearray)
    _places: dict[str, int] = attrs.field(factory=dict)

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def end(self) -> int:
        return self.start + self.size

    def add(self, text: str) -> int:
        """Return where `text` lies, appended if it was nowhere."""
        if text not in self._places:
            self._places[text] = self.end
            self.content += text.encode("utf-8", "surrogateescape") + b"\0"
        return self._places[text]

    def tail(self, text: str, name: str) -> int | None:
        """Return where `name` lies as the last part of `text`, or None if it is not that."""
        if not text.endswith(f"/{name}"):
            return None
        whole, part = (len(each.encode("utf-8", "surrogateescape")) for each in (text, name))
        return self._places[text] + whole - part


def parse(content: bytes) -> LdCache | MalformedCache:
    """Read a cache file."""
    try:
        return _parse(content)
    except (struct.error, ValueError) as error:
        return MalformedCache(str(error))


def _key(name: str) -> str:
    """Spell runs of digits as the loader compares them: as numbers."""
    return _LEADING_ZEROS.sub("", name)


def _parse(content: bytes) -> LdCache:
    start = _start(content)
    cache = memoryview(content)[start:]
    order = _order(cache)
    count, strings, extensions = struct.unpack_from(f"{order}II4xI", cache, 20)
    if _HEADER + count * _ENTRY + strings > len(cache):
        raise ValueError("entries reach beyond the end of the file")
    levels = _levels(content, start, order, extensions) if extensions else ()
    found: dict[str, list[CacheEntry]] = {}
    table = cache[_HEADER : _HEADER + count * _ENTRY]
    for flags, key, value, _os, hwcap in struct.iter_unpack(f"{order}iIIIQ", table):
        if hwcap and (hwcap >> 32) & ~0x3FF != _LEVEL:
            continue  # a legacy hwcaps entry: its meaning depends on the processor's kernel bits
        if hwcap and hwcap & 0xFFFFFFFF >= len(levels):
            raise ValueError("an entry has a hwcaps level that is not listed")
        level = levels[hwcap & 0xFFFFFFFF] if hwcap else None
        name = _string(content, start + key)
        entry = CacheEntry(name, _string(content, start + value), flags, level)
        found.setdefault(_key(name), []).append(entry)
    by_name = {name: tuple(entries) for name, entries in found.items()}
    return LdCache(MappingProxyType(by_name), "little" if order == "<" else "big")


def _start(content: bytes) -> int:
    """Return where the header of the new format lies."""
    if content.startswith(MAGIC):
        return 0
    if not content.startswith(OLD_MAGIC):
        raise ValueError("not an ld.so.cache")
    for order in "<>":  # the old header does not say
        (count,) = struct.unpack_from(f"{order}I", content, 12)
        start: int = (_OLD_HEADER + count * _OLD_ENTRY + 7) // 8 * 8
        if content.startswith(MAGIC, start):
            return start
    raise ValueError("nothing after the block of the old format")


def _order(cache: memoryview) -> str:
    """Return the byte order, as a prefix of struct formats."""
    if len(cache) < _HEADER:
        raise ValueError("file too short")
    match cache[28] & 3:
        case 2:
            return "<"
        case 3:
            return ">"
        case 0:  # before glibc 2.33 nothing is said, and only one order fits the file
            (count,) = struct.unpack_from("<I", cache, 20)
            return "<" if _HEADER + count * _ENTRY <= len(cache) else ">"
        case _:
            raise ValueError("unknown byte order")


def _levels(content: bytes, start: int, order: str, offset: int) -> tuple[str, ...]:
    """Return the names of the hwcaps levels, in the order entries refer to them."""
    magic, count = struct.unpack_from(f"{order}II", content, start + offset)
    if magic != EXTENSION_MAGIC:
        raise ValueError("bad magic of the extensions")
    for index in range(min(count, MAX_EXTENSIONS)):
        place = start + offset + 8 + 16 * index
        tag, _flags, where, size = struct.unpack_from(f"{order}IIII", content, place)
        if tag == TAG_GLIBC_HWCAPS:
            names = content[start + where : start + where + size]
            if len(names) != size or size % 4:
                raise ValueError("hwcaps levels reach beyond the end of the file")
            words = struct.iter_unpack(f"{order}I", names)
            return tuple(_string(content, start + word) for (word,) in words)
    return ()


def _string(content: bytes, start: int) -> str:
    end = content.find(b"\0", start)
    if end < 0:
        raise ValueError("a string is not NUL-terminated")
    return content[start:end].decode("utf-8", "surrogateescape")
