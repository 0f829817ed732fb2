"""Reading damaged ELF files: facts or a problem, never an exception."""

from __future__ import annotations

import pytest
from builders.elf import (
    AUDIT,
    GLIBC_INTERP,
    NEEDED,
    RUNPATH,
    SONAME,
    STRSZ,
    STRTAB,
    make_elf,
    make_glibc,
    make_musl,
)
from builders.mutants import mutants, samples
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf.object import facts
from imagesmith.model.arch import ARCHES
from imagesmith.model.facts import Elf, MalformedElf


def read(content: bytes) -> object:
    """Read facts from bytes."""
    return facts(memoryview(content))


SAMPLES = (
    make_elf(interp=GLIBC_INTERP, needed=["a", "b"], soname="c", runpath="$ORIGIN"),
    make_elf(arch=ARCHES["s390x"], needed=["a"]),
    make_elf(arch=ARCHES["armhf"], soname="a", rpath="b", audit="x:y"),
    make_glibc(),
    make_musl(),
)


@settings(deadline=None, max_examples=500)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=6),
    st.integers(0, 1200),
)
def test_mutants_give_facts_or_a_problem(
    sample: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    """Whatever bytes are changed or cut, no exception escapes."""
    mutant = bytearray(sample)
    for place, value in changes:
        mutant[place % len(mutant)] = value
    found = read(bytes(mutant[:length] if length % 3 == 0 else mutant))

    assert found is None or isinstance(found, Elf | MalformedElf)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SAMPLES), st.integers(16, 300), st.binary(min_size=8, max_size=8))
def test_wild_words_give_facts_or_a_problem(sample: bytes, place: int, word: bytes) -> None:
    """Eight arbitrary bytes anywhere in headers and tables do no harm."""
    mutant = sample[:place] + word + sample[place + 8 :]

    assert isinstance(read(mutant), Elf | MalformedElf)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 1 << 64), st.sampled_from([NEEDED, STRTAB, STRSZ, SONAME, RUNPATH, AUDIT]))
def test_wild_values_of_tags_give_facts_or_a_problem(value: int, tag: int) -> None:
    """Offsets up to 2^64 are compared, never used unchecked."""
    found = read(make_elf(needed=["a"], tags=[(tag, value % (1 << 64))]))

    assert isinstance(found, Elf | MalformedElf)


FILES = ("library", "program", "big-endian", "32-bit", "true", "loader")


def read_all(name: str, count: int) -> None:
    """Read damaged copies of one real file."""
    if name not in samples():
        pytest.skip(f"the host has no {name}")
    for mutant in mutants(samples()[name], count, seed=name):
        found = read(mutant)

        assert found is None or isinstance(found, Elf | MalformedElf)


@pytest.mark.parametrize("name", FILES)
def test_mutants_of_real_files_give_facts_or_a_problem(name: str) -> None:
    """What gcc links and the host runs, damaged where it matters."""
    read_all(name, 300)


@pytest.mark.e2e
@pytest.mark.parametrize("name", FILES)
def test_ten_thousand_mutants_give_facts_or_a_problem(name: str) -> None:
    """The same, for as long as it takes; `make bench` shows how long the slowest one takes."""
    read_all(name, 10_000)
