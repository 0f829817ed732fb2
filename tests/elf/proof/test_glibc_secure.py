"""Proof: programs with AT_SECURE, and programs without a loader (loader.md 2.8)."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import loaders
from builders.elf import GLIBC_INTERP
from builders.loaders import Listing
from builders.proof import PROGRAM, Case, prove, told
from builders.roots import Content, make_tree, reader, write_tree
from builders.toolchain import library, link, program, static

from imagesmith.elf.closure import load

LIB = library()
SET_UID = {PROGRAM: 0o4755}
LINKED = {
    "/lib/liba.so": library("libb.so", runpath="$ORIGIN/x"),
    "/lib/x/libb.so": LIB,
}

CASES = (
    Case(
        rule="2.8 AT_SECURE: LD_LIBRARY_PATH does not count",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": LIB, "/env/liba.so": LIB},
        library_path="/env",
        modes=SET_UID,
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.8 the same program without the bit reads it",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": LIB, "/env/liba.so": LIB},
        library_path="/env",
        loads=["/env/liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: set-group-ID counts alike",
        root={PROGRAM: program("liba.so"), "/env/liba.so": LIB},
        library_path="/env",
        modes={PROGRAM: 0o2755},
        missing=["liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: an RPATH of plain directories counts",
        root={PROGRAM: program("liba.so", rpath="/r"), "/r/liba.so": LIB},
        modes=SET_UID,
        loads=["/r/liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: $ORIGIN outside the system directories is dropped",
        root={PROGRAM: program("liba.so", runpath="$ORIGIN/l"), "/app/l/liba.so": LIB},
        modes=SET_UID,
        missing=["liba.so"],
    ),
    Case(
        rule="2.8 the same program without the bit finds it there",
        root={PROGRAM: program("liba.so", runpath="$ORIGIN/l"), "/app/l/liba.so": LIB},
        loads=["/app/l/liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: $ORIGIN that leads into a system directory counts",
        root={PROGRAM: program("liba.so", runpath="$ORIGIN/../lib/x"), "/lib/x/liba.so": LIB},
        modes=SET_UID,
        loads=["/app/../lib/x/liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: $ORIGIN that is not the leading element is dropped",
        root={PROGRAM: program("liba.so", runpath="/opt$ORIGIN"), "/opt/app/liba.so": LIB},
        modes=SET_UID,
        missing=["liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: $LIB counts",
        root={
            PROGRAM: program("liba.so", runpath="/opt/$LIB"),
            "/opt/lib/x86_64-linux-gnu/liba.so": LIB,
        },
        modes=SET_UID,
        loads=["/opt/lib/x86_64-linux-gnu/liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: a token in a DT_NEEDED is not allowed",
        root={PROGRAM: program("/opt/$LIB/liba.so"), "/opt/lib/x86_64-linux-gnu/liba.so": LIB},
        modes=SET_UID,
        missing=["/opt/$LIB/liba.so"],
    ),
    Case(
        rule="2.8 AT_SECURE: $ORIGIN of a library in a system directory counts",
        root={PROGRAM: program("liba.so"), **LINKED},
        modes=SET_UID,
        loads=["/lib/liba.so", "/lib/x/libb.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_secure_program_loads_what_the_rule_says(case: Case) -> None:
    """Run as another user, it says itself what was loaded, or dies of what is missing."""
    prove(case, told)


@pytest.mark.parametrize("kind", ["-static", "-static-pie"])
@pytest.mark.parametrize("loader_there", [False, True])
def test_a_static_program_needs_nothing(kind: str, tmp_path: Path, *, loader_there: bool) -> None:
    """2.8: it runs in an empty root, and where there is a loader that one has no part in it."""
    loader = loaders.host_loader(GLIBC_INTERP)
    root: dict[str, Content] = {PROGRAM: link(static(kind))}
    root |= {GLIBC_INTERP: loader} if loader_there else {}
    write_tree(root, tmp_path)
    tree = make_tree(root)
    found = load(tree, PROGRAM, read=reader(tree))

    assert loaders.started(tmp_path, PROGRAM) == Listing((), (), "")
    assert [each.path for each in found.objects] == [PROGRAM]
    assert found.complete
