"""The index of charsets: what its text says, what its cache says, and that they agree."""

from __future__ import annotations

import subprocess
from pathlib import Path

from builders.sandbox import program
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.trace.rules.libc.gconv_modules import cached, charset, configured

TEXT = """\
alias   LATIN1//      ISO-8859-1//
alias   ISO_8859-1//  ISO-8859-1//
module  ISO-8859-1//  INTERNAL      ISO8859-1  1
module  INTERNAL      ISO-8859-1//  ISO8859-1  1
module  KOI-7//       INTERNAL      KOI-7.so
module  INTERNAL      KOI-7//       koi/KOI-7  1
"""
LINES = TEXT.splitlines()


def cache(directory: Path, text: str = TEXT) -> bytes:
    """Have iconvconfig(8) make a cache of an index."""
    tool = program("iconvconfig", "libc-bin")
    (directory / "gconv-modules").write_text(text)
    made = directory / "cache"
    subprocess.run((tool, "--nostdlib", "-o", made, directory), check=True)
    return made.read_bytes()


def test_text_leads_to_the_modules_of_a_charset() -> None:
    """There and back; files are named relative to the directory, with or without .so."""
    found = configured("/g", LINES)

    assert found["ISO-8859-1"] == ("/g/ISO8859-1.so",)
    assert found["KOI-7"] == ("/g/KOI-7.so", "/g/koi/KOI-7.so")
    assert found["LATIN1"] == found["ISO_8859-1"] == found["ISO-8859-1"]
    assert "INTERNAL" not in found


def test_a_cache_says_the_same_as_its_text(tmp_path: Path) -> None:
    """It holds the built-in charsets as well, which need no file."""
    found = cached(cache(tmp_path))

    assert {name: files for name, files in found.items() if files} == configured(
        str(tmp_path), LINES
    )
    assert found["UTF-8"] == ()


def test_a_charset_may_be_reached_through_another_one() -> None:
    """Then both modules are needed; a short cut between charsets is not."""
    lines = [
        "module A// B// AB",
        "module B// INTERNAL B",
        "module B// C// BC",
        "module C// INTERNAL C",
        "alias NONE// GONE//",
        "unheard of",
    ]
    found = configured("/g", lines)

    assert found["A"] == ("/g/AB.so", "/g/B.so")
    assert found["B"] == ("/g/B.so",)
    assert "NONE" not in found


def test_charsets_may_go_round_in_circles() -> None:
    """Such a charset has the modules that can be reached."""
    lines = ["module A// B// /opt/AB.so", "module B// A// BA"]

    assert configured("/g", lines)["A"] == ("/g/BA.so", "/opt/AB.so")


def test_names_are_compared_in_capitals_and_without_slashes() -> None:
    """As glibc's upstr() and strip() do."""
    assert charset("iso-8859-1//") == "ISO-8859-1"
    assert charset("ISO-10646/UTF8/") == "ISO-10646/UTF8"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_cache_is_no_cache(data: st.DataObject) -> None:
    """Whatever its offsets say, reading ends and names nothing outside of it."""
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))

    for path in (path for files in cached(bytes(content[:cut])).values() for path in files):
        assert path.startswith("/")


SMALL = (
    bytes.fromhex("24030120 1000 2c00 0200 3400 4c00")
    + b"\0\0"
    + b"\0L1//\0A//\0/g/\0A.so\0\0\0\0\0\0\0\0\0\0"
    + bytes.fromhex("0100 0100 0600 0000")
    + bytes(12)
    + bytes.fromhex("0600 0a00 0e00 0a00 0e00 0000")
)
"""A cache of one module A, also called L1, laid out by hand: header, strings, names, modules."""


def test_the_layout_of_a_cache() -> None:
    """Little-endian here; the magic number says which."""
    assert cached(SMALL) == {"L1": ("/g/A.so",), "A": ()}
    assert cached(b"") == cached(b"\0" * 64) == {}


def test_ways_are_looked_for_from_the_charsets_that_are_asked_for() -> None:
    """A long chain of charsets is gone along once, not from each of them."""
    lines = [f"module C{place}// C{place + 1}// M{place}" for place in range(20_000)]
    found = configured("/g", lines)

    assert len(found) == len([*found]) == 20_001
    assert len(found["C0"]) == 20_000
    assert "C20001" not in found


def test_names_in_a_cache_have_an_end() -> None:
    """A cache with a longer one is no cache."""
    assert cached(SMALL[:16] + b"x" * 70_000) == {}
