"""Symbols: what an object defines and wants, on any machine, however its table is counted."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from builders.elf import make_elf
from builders.symbols import (
    ABS,
    GNU_HASH,
    GOTSYM,
    HIDDEN,
    INTERNAL,
    LOCAL,
    PROTECTED,
    RELACOUNT,
    RELASZ,
    SECTION,
    SYMTABNO,
    TLS,
    UNIQUE,
    VERSYM,
    WEAK,
    HashStyle,
    Symbol,
    make_object,
    wanted,
)

from imagesmith.elf import symbols
from imagesmith.elf.object import facts
from imagesmith.elf.symbols import NONE, Symbols
from imagesmith.elf.symtab import MAX_SYMBOLS
from imagesmith.model.arch import ARCHES
from imagesmith.model.facts import Elf, MalformedElf


def read(content: bytes) -> Symbols:
    """Read the symbols of a file that has some."""
    found = symbols.read(memoryview(content), facts_of(content))
    assert isinstance(found, Symbols), found
    return found


def problem(content: bytes, *, of: bytes | None = None) -> str:
    """Say what is wrong with the symbols of a file, whose facts may be another's."""
    elf = facts_of(content if of is None else of)
    found = symbols.read(memoryview(content), elf)
    assert isinstance(found, MalformedElf)
    return found.problem


def facts_of(content: bytes) -> Elf:
    """Return the facts of a well-formed file."""
    elf = facts(memoryview(content))
    assert isinstance(elf, Elf), elf
    return elf


def moments(content: bytes) -> dict[bytes, str]:
    """Return when names are looked up."""
    found = symbols.references(memoryview(content), facts_of(content))
    assert not isinstance(found, MalformedElf)
    return dict(found)


MIXED = (
    wanted("a", "V2"),
    wanted("b"),
    wanted("weak", binding=WEAK),
    Symbol("old", "V1", hidden=True),
    Symbol("older", "V2", hidden=True),
    Symbol("new", "V2"),
    Symbol("bare"),
)
READ = {
    "versioned": {b"a\0V2"},
    "unversioned": {b"b"},
    "shown": {b"new", b"bare"},
    "early": {b"old"},
    "plain": {b"bare"},
    "exact": {b"old\0V1", b"older\0V2", b"new\0V2"},
}


def named(found: Symbols) -> dict[str, set[bytes]]:
    """Return every set of names."""
    return {name: set(getattr(found, name)) for name in READ}


@pytest.mark.parametrize("style", ["sysv", "gnu"])
@pytest.mark.parametrize("arch", ARCHES)
def test_symbols_are_sorted_out_on_every_machine(arch: str, style: HashStyle) -> None:
    """Class, byte order and the width of DT_HASH's words make no difference."""
    content = make_object(MIXED, arch=ARCHES[arch], versions=["V1", "V2"], hash_style=style)

    assert named(read(content)) == READ


def test_without_version_tables_every_name_is_shown_and_plain() -> None:
    """Such a definition answers references with and without a version."""
    found = read(make_object([Symbol("a"), wanted("b")]))

    assert found.shown == found.plain == {b"a"}
    assert found.unversioned == {b"b"}
    assert not found.exact | found.versioned


def test_a_file_that_names_only_itself_has_versions() -> None:
    """DT_VERDEF with nothing but the base version makes symbols bare, not unversioned."""
    found = read(make_object([Symbol("a"), Symbol("b", hidden=True)], versions=[]))

    assert found.shown == found.plain == {b"a"}
    assert found.early == {b"b"}


def test_version_numbers_without_versions_mean_nothing() -> None:
    """DT_VERSYM alone is ignored, as by the loader."""
    found = read(make_object([Symbol("a", hidden=True)], extra=[(VERSYM, 0)]))

    assert found.shown == {b"a"}


@pytest.mark.parametrize(
    ("symbol", "is_defined"),
    [
        (Symbol("x"), True),
        (Symbol("x", binding=WEAK), True),
        (Symbol("x", binding=UNIQUE), True),
        (Symbol("x", visibility=PROTECTED), True),
        (Symbol("x", type=TLS, value=0), True),
        (Symbol("x", section=ABS, value=0), True),
        (Symbol("x", value=0), False),
        (Symbol("x", binding=LOCAL), False),
        (Symbol("x", visibility=HIDDEN), False),
        (Symbol("x", visibility=INTERNAL), False),
        (Symbol("x", type=SECTION), False),
    ],
)
def test_what_defines_a_name(symbol: Symbol, is_defined: bool) -> None:  # noqa: FBT001 - a table
    """Binding, type, visibility and value decide whether others can use a definition."""
    assert (b"x" in read(make_object([symbol])).shown) == is_defined


@pytest.mark.parametrize(
    "symbol",
    [
        wanted("x", binding=WEAK),
        wanted("x", binding=LOCAL),
        Symbol("x", section=0, value=0, visibility=HIDDEN, use="load"),
        Symbol("x", section=0, value=0, type=13, use="load"),
        Symbol("", section=0, value=0),
    ],
)
def test_what_nobody_misses(symbol: Symbol) -> None:
    """Weak, local, hidden, processor-specific and nameless references may stay open."""
    found = read(make_object([symbol]))

    assert not found.versioned | found.unversioned


def test_a_program_that_exports_nothing_is_counted_by_its_relocations() -> None:
    """DT_GNU_HASH is empty then, and nothing else says how long the table is."""
    found = read(make_object([wanted("a"), wanted("b", use="call")], hash_style="gnu"))

    assert found.unversioned == {b"a", b"b"}


def test_without_any_hash_table_only_relocations_count() -> None:
    """What no relocation names is never looked up."""
    found = read(make_object([wanted("a"), wanted("b", use=None)], hash_style="none"))

    assert found.unversioned == {b"a"}


def test_mips_says_how_many_symbols_there_are() -> None:
    """DT_MIPS_SYMTABNO counts them all."""
    content = make_object(
        [wanted("a", use=None)],
        arch=ARCHES["mips64el"],
        hash_style="none",
        extra=[(SYMTABNO, 2)],
    )

    assert read(content).unversioned == {b"a"}


def test_there_is_a_limit_to_symbols() -> None:
    """A table that claims millions is refused before anything is read of it."""
    content = make_object(arch=ARCHES["mips64el"], extra=[(SYMTABNO, MAX_SYMBOLS + 1)])

    assert problem(content) == f"more than {MAX_SYMBOLS} symbols"


@pytest.mark.parametrize("content", [make_elf(dynamic=False), make_elf()])
def test_no_symbols_are_no_symbols(content: bytes) -> None:
    """A static program, and a library with nothing but the empty first symbol."""
    assert named(read(content)) == named(NONE)


@pytest.mark.parametrize("arch", ["amd64", "s390x", "i386", "armhf", "mips64el", "riscv64"])
@pytest.mark.parametrize("rel", [False, True])
def test_relocations_say_when_a_name_is_looked_up(arch: str, rel: bool) -> None:  # noqa: FBT001 - a table
    """DT_JMPREL waits for the call, the others do not; what none names is not looked up."""
    content = make_object(
        [wanted("a", "V"), wanted("b", use="call"), wanted("c", use=None)],
        arch=ARCHES[arch],
        needs={"x": ["V"]},
        rel=rel,
    )

    assert moments(content) == {b"a\0V": "load", b"b": "call"}


@pytest.mark.parametrize("extra", [(24, 0), (30, 8), (0x6FFFFFFB, 1)])
def test_an_object_bound_at_once_waits_for_no_call(extra: tuple[int, int]) -> None:
    """DT_BIND_NOW, DF_BIND_NOW and DF_1_NOW say the same."""
    assert moments(make_object([wanted("b", use="call")], extra=[extra])) == {b"b": "load"}


def test_relative_relocations_are_skipped() -> None:
    """DT_RELACOUNT of them come first and name nothing."""
    assert moments(make_object([wanted("a")], extra=[(RELACOUNT, 1)])) == {}


def test_a_table_that_contains_the_other_is_not_counted_twice() -> None:
    """Some linkers include DT_JMPREL in DT_RELASZ; its symbols still wait for the call."""
    content = make_object([wanted("a"), wanted("b", use="call")], extra=[(RELASZ, 48)])

    assert moments(content) == {b"a": "load", b"b": "call"}


def test_the_global_offset_table_of_mips_is_filled_without_relocations() -> None:
    """Symbols from DT_MIPS_GOTSYM on are looked up; those with a stub when it is called."""
    stub = Symbol("stub", section=0, value=0x40)
    content = make_object(
        [wanted("before", use=None), wanted("data", use=None), stub],
        arch=ARCHES["mipsel"],
        extra=[(GOTSYM, 2)],
    )

    assert moments(content) == {b"data": "load", b"stub": "call"}


def test_the_global_offset_table_of_mips_can_be_bound_at_once() -> None:
    """DF_1_NOW counts for stubs as well."""
    stub = Symbol("stub", section=0, value=0x40)
    content = make_object([stub], arch=ARCHES["mipsel"], extra=[(GOTSYM, 1)], now=True)

    assert moments(content) == {b"stub": "load"}


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([(4, 1 << 40)], "DT_HASH lies in no loadable segment"),
        ([(GNU_HASH, 1 << 40)], "DT_GNU_HASH lies in no loadable segment"),
        ([(GNU_HASH, 0)], "DT_GNU_HASH reaches beyond its segment"),
        ([(6, 1 << 40)], "DT_SYMTAB lies in no loadable segment"),
        ([(RELASZ, 1 << 40)], "DT_RELASZ reaches beyond its segment"),
        ([(RELACOUNT, 9)], "DT_RELACOUNT reaches beyond DT_RELASZ"),
        ([(VERSYM, 1 << 40)], "DT_VERSYM lies in no loadable segment"),
    ],
)
def test_tables_that_do_not_fit_are_a_problem(extra: list[tuple[int, int]], said: str) -> None:
    """Every address and size is held against the file."""
    content = make_object([wanted("a", "V")], needs={"x": ["V"]}, hash_style="none", extra=extra)

    assert problem(content) == said


def test_names_must_end_inside_the_string_table() -> None:
    """A name that runs out of DT_STRSZ is no name."""
    good = make_object([wanted("somewhat-long")])
    bad = good.replace(b"somewhat-long\0", b"somewhat-long!")

    assert problem(bad) == "the name of a symbol does not end inside DT_STRSZ"


def test_names_that_overlap_without_end_are_refused() -> None:
    """A small file cannot make the reader copy gigabytes."""
    good = make_object([Symbol("x" * 20_000), *(Symbol(f"y{n}") for n in range(99))])
    start = good.index(struct.pack("<IBBHQQ", 1, 0x12, 0, 7, 0x100, 0))
    bad = bytearray(good)
    for place in range(start, start + 100 * 24, 24):
        bad[place : place + 4] = good[start : start + 4]

    assert problem(bytes(bad), of=good) == "the names of symbols overlap"


def test_other_bytes_than_those_of_the_facts_are_a_problem() -> None:
    """The headers are walked again, so a file exchanged since is found out or harmless."""
    good = make_object([wanted("a")])

    assert problem(good[:40], of=good) == "file too short"
    wild = good[:32] + b"\xff" * 8 + good[40:]
    assert problem(wild, of=good) == "program headers reach beyond the end of the file"
    many = good[:56] + b"\xff\xff" + good[58:]
    assert problem(many, of=good) == "program headers cannot be read"
    assert symbols.references(memoryview(good[:40]), facts_of(good)) == MalformedElf(
        "file too short"
    )
    cut = good[:-8]
    assert problem(cut, of=good) == "a segment reaches beyond the end of the file"


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs binutils")
@pytest.mark.parametrize("name", ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"])
def test_readelf_sees_the_same_symbols(name: str) -> None:
    """Names and versions of real libraries are those that binutils prints."""
    path = Path("/lib/x86_64-linux-gnu") / name
    if not path.exists():
        pytest.skip(f"the host has no {path}")
    found = read(path.read_bytes())
    command = ["readelf", "-W", "--dyn-syms", str(path)]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    rows = [line.split() for line in lines if line.strip()[:1].isdigit()]
    globals_ = [row for row in rows if row[4] in ("GLOBAL", "UNIQUE") and len(row) > 7]
    wants = {row[7].replace("@", "\0").encode() for row in globals_ if row[6] == "UND"}
    weak = {row[7] for row in rows if len(row) > 7 and row[4] == "WEAK" and row[6] != "UND"}
    defined = {row[7] for row in globals_ if row[6] != "UND"} | weak

    assert found.versioned | found.unversioned == wants
    pairs = [key.decode().split("\0") for key in found.exact]
    assert {f"{name}@{version}" for name, version in pairs if name != version} == {
        row.replace("@@", "@") for row in defined if "@" in row
    }
