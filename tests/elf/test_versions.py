"""Version tables as facts: what a file needs of others, what it defines, and nonsense."""

from __future__ import annotations

import struct

import pytest
from builders.symbols import RELR, VERDEF, VERNEED, make_object, wanted

from imagesmith.elf.object import facts
from imagesmith.elf.versions import MAX_VERSIONS
from imagesmith.model.arch import ARCHES
from imagesmith.model.facts import Elf, MalformedElf, VersionNeed


def read(content: bytes) -> Elf:
    """Read the facts of a well-formed file."""
    found = facts(memoryview(content))
    assert isinstance(found, Elf), found
    return found


def problem(content: bytes) -> str:
    """Say what is wrong with a file."""
    found = facts(memoryview(content))
    assert isinstance(found, MalformedElf)
    return found.problem


@pytest.mark.parametrize("arch", ARCHES)
def test_needs_and_definitions_are_facts_on_every_machine(arch: str) -> None:
    """Files and versions stay in the order of the tables."""
    content = make_object(
        arch=ARCHES[arch],
        soname="me.so",
        needs={"b.so": ["V2", "V1"], "a.so": ["W"]},
        weak=["V1"],
        versions=["ME_1", "ME_2"],
        extra=[(RELR, 0)],
    )
    found = read(content)

    assert (
        VersionNeed("b.so", ("V2", "V1"), ("V1",)),
        VersionNeed("a.so", ("W",)),
    ) == found.verneed
    assert found.verdef == ("me.so", "ME_1", "ME_2")
    assert found.relr


def test_without_tables_there_are_no_versions() -> None:
    """A file that defines none is not one that defines an empty set."""
    found = read(make_object(soname="me.so"))

    assert (found.verneed, found.verdef, found.relr) == ((), None, False)


def test_needs_of_one_file_are_joined() -> None:
    """Two entries for one file say what one could."""
    once = make_object(needs={"a.so": ["V"], "b.so": ["W"]})
    twice = once.replace(b"b.so\0", b"a.so\0")

    assert (VersionNeed("a.so", ("V", "W")),) == read(twice).verneed


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([(VERNEED, 1 << 40)], "DT_VERNEED lies in no loadable segment"),
        ([(VERDEF, 1 << 40)], "DT_VERDEF lies in no loadable segment"),
        ([(VERNEED, 0)], "unsupported version 17791 of DT_VERNEED"),
        ([(VERDEF, 0)], "unsupported version 17791 of DT_VERDEF"),
    ],
)
def test_tables_elsewhere_are_a_problem(extra: list[tuple[int, int]], said: str) -> None:
    """Addresses are mapped through what is loaded, and lead to tables of format 1."""
    assert said == problem(make_object([wanted("a")], versions=["V"], extra=extra))


def test_a_table_ends_inside_its_segment() -> None:
    """An entry that leads beyond is no entry."""
    good = make_object(versions=["V"])
    entry = struct.pack("<HHHHI", 1, 1, 1, 1, 0)
    place = good.index(entry) + len(entry) + 4
    bad = good[:place] + struct.pack("<I", 1 << 30) + good[place + 4 :]

    assert problem(bad) == "DT_VERDEF reaches beyond its segment"


def test_names_end_inside_the_string_table() -> None:
    """As every name."""
    good = make_object(needs={"a.so": ["V"]})
    entry = struct.pack("<IHHI", 0, 0, 2, 6)
    assert entry in good
    bad = good.replace(entry, struct.pack("<IHHI", 0, 0, 2, 1 << 30))

    assert problem(bad) == "vna_name points beyond DT_STRSZ"


def test_there_is_a_limit_to_versions() -> None:
    """Far above any real table."""
    versions = [f"V{number}" for number in range(MAX_VERSIONS)]

    assert f"more than {MAX_VERSIONS} entries in DT_VERDEF" == problem(
        make_object(versions=versions)
    )
