"""Reading and writing ld.so.cache."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Literal

import pytest
from builders import loaders
from builders.elf import GLIBC_INTERP, make_cache, make_elf
from builders.roots import Content, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf.ldcache import CacheEntry, LdCache, MalformedCache, parse, to_bytes
from imagesmith.model.arch import ARCHES

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


names = st.sampled_from(("liba.so", "liba.so.1", "lib\udcff.so", "a", "/odd", ""))
drawn = st.builds(
    CacheEntry,
    names,
    st.one_of(names.map(lambda name: f"/opt/x/{name}"), names.map(lambda name: f"/é/{name}")),
    st.sampled_from((1, 3, 0x303, 0x1203)),
    st.sampled_from((None, V2, V3, "")),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(drawn, max_size=6), st.sampled_from(("little", "big")))
def test_what_is_written_is_read_back(
    entries: list[CacheEntry], endian: Literal["little", "big"]
) -> None:
    """Every entry, each name's in the order given, in either byte order."""
    cache = read(to_bytes(entries, endian))
    found = [entry for group in cache.by_name.values() for entry in group]

    assert sorted(entries, key=lambda entry: entry.name) == sorted(
        found, key=lambda entry: entry.name
    )


def test_the_bytes_are_these() -> None:
    """The layout of dl-cache.h: header, entries, strings, then the extensions."""
    entries = [
        CacheEntry("liba.so", "/x/liba.so", 0x403, "z13"),
        CacheEntry("b", "/y", 0x403, None),
    ]
    strings = b"/x/liba.so\0/y\0b\0z13\0"
    expected = b"glibc-ld.so.cache1.1" + struct.pack(">IIB3xI12x", 2, len(strings), 3, 116)
    expected += struct.pack(">iIIIQ", 0x403, 99, 96, 0, 1 << 62)
    expected += struct.pack(">iIIIQ", 0x403, 110, 107, 0, 0)
    expected += strings.ljust(20 + 0, b"\0")
    expected += struct.pack(">II", 0xEAA42174, 2) + struct.pack(">IIII", 1, 0, 156, 4)
    expected += struct.pack(">IIII", 0, 0, 160, 10) + struct.pack(">I", 112) + b"imagesmith"

    assert expected == to_bytes(entries, "big")


def test_the_generator_does_not_depend_on_our_version() -> None:
    """The same libraries give the same bytes, whoever packs them."""
    assert to_bytes([], "little").endswith(b"imagesmith")


LEVELED = (
    CacheEntry("libb.so.1", "/opt/b", 0x303, None),
    CacheEntry("liba.so.1", "/opt/glibc-hwcaps/odd/liba.so.1", 0x303, "odd"),
    CacheEntry("liba.so.1", "/opt/liba.so.1", 0x303, None),
    CacheEntry("liba.so.1", "/opt/i386/liba.so.1", 3, None),
)


def test_the_loader_finds_through_it(tmp_path: Path) -> None:
    """Libraries in directories that nothing else names; levels and flags are told apart."""
    content: dict[str, Content] = {
        GLIBC_INTERP: loaders.host_loader(GLIBC_INTERP),
        "/app/prog": make_elf(interp=GLIBC_INTERP, needed=["liba.so.1", "libb.so.1"]),
        **{entry.path: make_elf() for entry in LEVELED},
        "/etc/ld.so.cache": to_bytes(LEVELED, "little"),
    }
    write_tree(content, tmp_path)
    listing = loaders.glibc(tmp_path, "/app/prog")

    assert listing == loaders.Listing(("/opt/liba.so.1", "/opt/b"), (), "")


def test_the_loader_of_another_machine_finds_through_it(tmp_path: Path) -> None:
    """aarch64 under emulation; big-endian machines have their turn with real packages."""
    emulator = shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("there is no qemu-aarch64-static")
    arm, interp = ARCHES["arm64"], "/lib/ld-linux-aarch64.so.1"
    entry = CacheEntry("liba.so.1", "/opt/liba.so.1", 0xA03, None)
    content: dict[str, Content] = {
        interp: loaders.host_loader(f"/usr/aarch64-linux-gnu{interp}"),
        "/qemu": Path(emulator).read_bytes(),
        "/app/prog": make_elf(arch=arm, interp=interp, needed=["liba.so.1"]),
        entry.path: make_elf(arch=arm),
        "/etc/ld.so.cache": to_bytes([entry], "little"),
    }
    write_tree(content, tmp_path)
    listing = loaders.listed(tmp_path, "/qemu", interp, "--list", "/app/prog")

    assert listing.missing == ()
    assert entry.path in listing.paths
