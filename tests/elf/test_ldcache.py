"""Reading ld.so.cache."""

from __future__ import annotations

import struct
from typing import Literal

import pytest
from builders.elf import make_cache
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf.ldcache import CacheEntry, LdCache, MalformedCache, parse

V2, V3 = "x86-64-v2", "x86-64-v3"
ENTRIES = (
    ("libz.so.1", "/opt/v3/libz.so.1", 0x303, V3),
    ("libz.so.1", "/opt/v2/libz.so.1", 0x303, V2),
    ("libz.so.1", "/opt/libz.so.1", 0x303, None),
    ("libz.so.1", "/lib/i386/libz.so.1", 3, None),
    ("liba.so", "/lib/liba.so", 0x303, None),
)


def read(content: bytes) -> LdCache:
    """Parse a good cache."""
    found = parse(content)
    assert isinstance(found, LdCache), found
    return found


@pytest.mark.parametrize("old_block", [False, True])
@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_layout_reads_the_same(
    endian: Literal["little", "big"], *, mark: bool, old_block: bool
) -> None:
    """Byte order, its mark and the old block in front do not change the entries."""
    cache = read(make_cache(ENTRIES, endian=endian, mark=mark, old_block=old_block))

    assert tuple(CacheEntry(*entry) for entry in ENTRIES[:4]) == cache.named("libz.so.1")


@pytest.mark.parametrize(
    ("name", "flags", "levels", "path"),
    [
        ("libz.so.1", (0x303,), (), "/opt/libz.so.1"),
        ("libz.so.1", (0x303,), (V2,), "/opt/v2/libz.so.1"),
        ("libz.so.1", (0x303,), (V3, V2), "/opt/v3/libz.so.1"),
        ("libz.so.1", (1, 3), (V3, V2), "/lib/i386/libz.so.1"),
        ("libz.so.1", (0xA03,), (), None),
        ("libz.so.01", (0x303,), (), "/opt/libz.so.1"),
        ("libz.so.10", (0x303,), (), None),
        ("libb.so", (0x303,), (), None),
    ],
)
def test_the_best_usable_entry_answers(
    name: str, flags: tuple[int, ...], levels: tuple[str, ...], path: str | None
) -> None:
    """Flags must fit, the best allowed level wins; digits compare as numbers."""
    found = read(make_cache(ENTRIES)).lookup(name, flags, levels)

    assert path == (found.path if found else None)


def test_legacy_hwcaps_entries_are_passed_over() -> None:
    """Their bits mean something only to the kernel of one machine."""
    content = bytearray(make_cache(ENTRIES[2:3]))
    struct.pack_into("<Q", content, 48 + 16, 1 << 50)

    assert read(bytes(content)).named("libz.so.1") == ()


GOOD = make_cache(ENTRIES)
LIST = struct.unpack_from("<I", GOOD, 32)[0]


def changed(place: int, value: int) -> bytes:
    """Return the good cache with one word replaced."""
    content = bytearray(GOOD)
    struct.pack_into("<I", content, place, value)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not an ld.so.cache"),
        (b"ld.so-1.7.0\0" + bytes(40), "nothing after the block of the old format"),
        (GOOD[:30], "file too short"),
        (GOOD[:80], "entries reach beyond the end of the file"),
        (changed(20, 1 << 31), "entries reach beyond the end of the file"),
        (changed(28, 1), "unknown byte order"),
        (changed(LIST, 0), "bad magic of the extensions"),
        (changed(LIST + 20, 1 << 30), "hwcaps levels reach beyond the end of the file"),
        (changed(LIST + 8, 7), "an entry has a hwcaps level that is not listed"),
        (changed(52, 1 << 31), "a string is not NUL-terminated"),
    ],
)
def test_a_broken_cache_is_malformed(content: bytes, problem: str) -> None:
    """Every offset and count is checked."""
    assert MalformedCache(problem) == parse(content)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(GOOD) - 4), st.integers(0, (1 << 32) - 1), st.integers(0, len(GOOD)))
def test_mutants_are_read_or_malformed(place: int, value: int, cut: int) -> None:
    """No change makes the reader raise."""
    assert isinstance(parse(changed(place, value)), LdCache | MalformedCache)
    assert isinstance(parse(GOOD[:cut]), LdCache | MalformedCache)
