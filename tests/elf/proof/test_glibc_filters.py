"""Proof: DT_AUXILIARY, DT_FILTER and DT_AUDIT (loader.md 2.8)."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from builders import loaders
from builders.elf import AUXILIARY, FILTER, GLIBC_INTERP
from builders.proof import PROGRAM, Case, made, prove, told
from builders.roots import make_tree, reader, write_tree
from builders.toolchain import library, program

from imagesmith.elf.closure import Environment, load

LIB = library()

CASES = (
    Case(
        rule="2.8 DT_AUXILIARY stands before its object",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library("libn.so", options=("--auxiliary=libx.so",)),
            "/lib/libx.so": library("libxn.so"),
            "/lib/libn.so": LIB,
            "/lib/libxn.so": LIB,
        },
        loads=["/lib/libx.so", "/lib/liba.so", "/lib/libn.so", "/lib/libxn.so"],
    ),
    Case(
        rule="2.8 DT_FILTER stands before its object",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library(options=("--filter=libx.so",)),
            "/lib/libb.so": LIB,
            "/lib/libx.so": LIB,
        },
        loads=["/lib/libx.so", "/lib/liba.so", "/lib/libb.so"],
    ),
    Case(
        rule="2.8 several of them keep the order of the dynamic section",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(
                "libx.so",
                "libn.so",
                "liby.so",
                "libz.so",
                retag={"libx.so": AUXILIARY, "liby.so": FILTER, "libz.so": AUXILIARY},
            ),
            **{f"/lib/lib{name}.so": LIB for name in "xnyz"},
        },
        loads=["/lib/libx.so", "/lib/liby.so", "/lib/libz.so", "/lib/liba.so", "/lib/libn.so"],
    ),
    Case(
        rule="2.8 what is loaded already moves before the object that filters by it",
        root={
            PROGRAM: program("liba.so", "liblate.so"),
            "/lib/liba.so": library(options=("--filter=liblate.so",)),
            "/lib/liblate.so": library("libm1.so"),
            "/lib/libm1.so": LIB,
        },
        loads=["/lib/liblate.so", "/lib/liba.so", "/lib/libm1.so"],
    ),
    Case(
        rule="2.8 what stands earlier stays there",
        root={
            PROGRAM: program("libearly.so", "liba.so"),
            "/lib/liba.so": library(options=("--filter=libearly.so",)),
            "/lib/libearly.so": LIB,
        },
        loads=["/lib/libearly.so", "/lib/liba.so"],
    ),
    Case(
        rule="2.8 a filter may have filters",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--filter=libx.so",)),
            "/lib/libx.so": library(options=("--auxiliary=liby.so",)),
            "/lib/liby.so": library("libn.so"),
            "/lib/libn.so": LIB,
        },
        loads=["/lib/liby.so", "/lib/libx.so", "/lib/liba.so", "/lib/libn.so"],
    ),
    Case(
        rule="2.8 filters are searched for as their object's needs are",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(runpath="/r", options=("--filter=libx.so",)),
            "/r/libx.so": LIB,
            "/lib/libx.so": LIB,
        },
        loads=["/r/libx.so", "/lib/liba.so"],
    ),
    Case(
        rule="2.8 DT_FILTER is required",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--filter=libgone.so",)),
        },
        loads=["/lib/liba.so"],
        missing=["libgone.so"],
    ),
    Case(
        rule="2.2 tokens in DT_AUXILIARY and DT_FILTER",
        root={
            PROGRAM: program("liba.so"),
            "/opt/libx.so": LIB,
            "/lib/x/liby.so": LIB,
            "/lib/liba.so": library(
                options=("--auxiliary=$ORIGIN/../opt/libx.so", "--filter=${ORIGIN}/x/liby.so")
            ),
        },
        loads=["/lib/x/liby.so", "/lib/../opt/libx.so", "/lib/liba.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_filters_as_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case)


RUNNING = (
    Case(
        rule="2.8 DT_AUXILIARY is optional",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--auxiliary=libgone.so",)),
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.8 a DT_AUXILIARY by a path that is not there is optional too",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--auxiliary=$ORIGIN/gone.so",)),
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.8 a DT_AUXILIARY that is no library is optional as well",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--auxiliary=libx.so",)),
            "/lib/libx.so": b"#" * 64,
        },
        loads=["/lib/liba.so"],
    ),
)


@pytest.mark.parametrize("case", RUNNING, ids=str)
def test_a_program_runs_without_its_auxiliaries(case: Case) -> None:
    """A listing calls them missing (2.9); the program itself says what was loaded."""
    found = prove(case, told)

    assert [warning for warning in found.warnings if "goes on without it" in warning]


AUDITED = (
    Case(
        rule="2.8 DT_AUDIT of the program",
        root={PROGRAM: program("liba.so", options=("--audit=libone.so:libtwo.so",))},
    ),
    Case(
        rule="2.8 DT_DEPAUDIT of the program",
        root={PROGRAM: program("liba.so", options=("--depaudit=libone.so",))},
    ),
    Case(
        rule="2.8 DT_AUDIT of a library counts for nothing",
        root={
            PROGRAM: program("libb.so"),
            "/lib/libb.so": library("liba.so", options=("--audit=libone.so",)),
        },
    ),
    Case(
        rule="2.1 the search for an audit module knows the program's RUNPATH",
        root={
            PROGRAM: program("liba.so", runpath="/r", options=("--audit=libone.so",)),
            "/r/libone.so": library("libneed.so"),
        },
    ),
)


@pytest.mark.parametrize("case", AUDITED, ids=str)
def test_audit_modules_are_needed_besides(case: Case, tmp_path: Path) -> None:
    """Each is loaded in a namespace of its own, with what it needs, as the loader itself says."""
    loaders.host_loader(GLIBC_INTERP)
    modules = {
        "/lib/libone.so": library("libneed.so", "liba.so"),
        "/lib/libtwo.so": library("libneed.so"),
        "/lib/libneed.so": LIB,
        "/lib/liba.so": LIB,
    }
    root = made(attrs.evolve(case, root={**modules, **case.root}), GLIBC_INTERP)
    write_tree(root, tmp_path)
    opened = loaders.namespaces(tmp_path, PROGRAM)
    tree = make_tree(root)
    found = load(tree, PROGRAM, Environment(hwcaps=()), read=reader(tree))
    mapped = tuple(each.path for each in found.objects if each.rule not in {"seed", "interp"})
    besides = {path for number, paths in opened.items() if number for path in paths}

    assert mapped == opened[0]
    assert {each.path for each in found.extras} == besides - {*mapped}
