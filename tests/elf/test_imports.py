"""Names that a file imports."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builders.elf import make_elf
from builders.roots import facts_of
from builders.symbols import WEAK, Symbol, make_object, wanted

from imagesmith.elf import imports
from imagesmith.model.facts import Elf


def names(content: bytes) -> frozenset[bytes]:
    """Return what a file imports."""
    elf = facts_of(content)
    assert isinstance(elf, Elf)
    return imports.names(memoryview(content), elf)


@pytest.mark.parametrize("style", ["sysv", "gnu", "none"])
def test_names_are_imported_without_their_versions(style: str) -> None:
    """What the file defines is its own affair, and weak references may stay open."""
    symbols = [
        wanted("dlopen", "GLIBC_2.34"),
        wanted("getpwnam"),
        wanted("pthread_exit", binding=WEAK),
        Symbol("main"),
    ]
    content = make_object(symbols, needs={"libc.so.6": ["GLIBC_2.34"]}, hash_style=style)  # type: ignore[arg-type] # one of its choices

    assert names(content) == {b"dlopen", b"getpwnam"}


def test_a_file_without_tables_imports_nothing() -> None:
    """Neither a static program, nor a library without symbols."""
    assert names(make_elf(dynamic=False)) == frozenset()
    assert names(make_elf()) == frozenset()


def test_tables_that_cannot_be_read_import_nothing() -> None:
    """What is wrong with them is said where symbols are checked."""
    content = make_object([wanted("dlopen")], extra=[(6, 1 << 40)])

    assert names(content) == frozenset()


@pytest.mark.skipif(shutil.which("nm") is None, reason="there are no binutils")
@pytest.mark.parametrize("program", ["/bin/bash", "/usr/bin/git", "/usr/bin/python3"])
def test_nm_sees_the_same_names(program: str) -> None:
    """Of programs of this system."""
    if not Path(program).exists():
        pytest.skip(f"there is no {program}")
    ran = subprocess.run(["nm", "-D", "-u", program], capture_output=True, text=True, check=True)
    rows = (line.split() for line in ran.stdout.splitlines())
    strong = {name.partition("@")[0].encode() for kind, name in rows if kind == "U"}

    assert names(Path(program).read_bytes()) == strong
