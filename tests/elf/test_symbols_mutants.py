"""Reading symbols of damaged files: names or a problem, never an exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from builders.symbols import Symbol, make_object, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf import symbols
from imagesmith.elf.object import facts
from imagesmith.elf.symbols import Symbols
from imagesmith.model.arch import ARCHES
from imagesmith.model.facts import Elf, MalformedElf

ROWS = (
    wanted("a", "V"),
    wanted("b", use="call"),
    Symbol("c", "W"),
    Symbol("d", "W", hidden=True),
    Symbol("e"),
)
SAMPLES = tuple(
    make_object(
        ROWS,
        arch=ARCHES[arch],
        needed=["x.so"],
        soname="me.so",
        needs={"x.so": ["V"]},
        versions=["W"],
        hash_style="gnu" if arch in ("amd64", "armhf") else "sysv",
        rel=arch == "armhf",
        extra=[(0x70000013, 1)] if arch == "mips64el" else [],
    )
    for arch in ("amd64", "s390x", "armhf", "mips64el")
)


def look(content: bytes, elf: Elf | None = None) -> None:
    """Read all there is; facts of the very bytes unless those of others are given."""
    view = memoryview(content)
    found = elf or facts(view)
    if isinstance(found, Elf):
        assert isinstance(symbols.read(view, found), Symbols | MalformedElf)
        assert isinstance(symbols.references(view, found), dict | MalformedElf)
    else:
        assert found is None or isinstance(found, MalformedElf)


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.integers(0, 2400),
)
def test_mutants_give_symbols_or_a_problem(
    sample: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    """Whatever bytes are changed or cut, no exception escapes."""
    mutant = bytearray(sample)
    for place, value in changes:
        mutant[place % len(mutant)] = value
    look(bytes(mutant[:length] if length % 3 == 0 else mutant))


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SAMPLES), st.integers(16, 2000), st.binary(min_size=8, max_size=8))
def test_mutants_of_other_facts_give_symbols_or_a_problem(
    sample: bytes, place: int, word: bytes
) -> None:
    """The bytes need not be those that the facts were read from."""
    elf = facts(memoryview(sample))
    assert isinstance(elf, Elf)
    look(sample[:place] + word + sample[place + 8 :], elf)


@pytest.mark.parametrize("name", ["/bin/true", "/lib/x86_64-linux-gnu/libz.so.1"])
def test_mutants_of_real_files_give_symbols_or_a_problem(name: str) -> None:
    """Damage to headers, the dynamic section and the tables it names, from a fixed seed."""
    if not Path(name).exists():
        pytest.skip(f"the host has no {name}")
    sample = Path(name).read_bytes()
    chance = random.Random(name)  # noqa: S311 - a repeatable choice
    tail = sample.rindex(b"\x05\0\0\0\0\0\0\0")  # DT_STRTAB, in the dynamic section
    for _ in range(300):
        mutant = bytearray(sample)
        for _ in range(chance.randint(1, 8)):
            area = chance.choice([(16, 8192), (max(tail - 512, 16), tail + 512)])
            mutant[chance.randint(*area) % len(mutant)] = chance.randrange(256)
        look(bytes(mutant))
