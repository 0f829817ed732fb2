"""Proof: which names and files are one object (loader.md 2.4)."""

from __future__ import annotations

import pytest
from builders.proof import LOADER, PROGRAM, Case, prove, started
from builders.toolchain import library, program

LIB = library()

CASES = (
    Case(
        rule="2.4 hard links are one object",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": LIB,
            "/lib/libb.so": "=/lib/liba.so",
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.4 a link and its target are one object",
        root={
            PROGRAM: program("liba.so", "liba.so.1"),
            "/lib/liba.so": "liba.so.1",
            "/lib/liba.so.1": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.4 two links in two directories are one object",
        root={
            PROGRAM: program("liba.so", "/usr/lib/liba.so"),
            "/lib/liba.so": "/opt/a",
            "/usr/lib/liba.so": "../../opt/a",
            "/opt/a": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.4 equal bytes in two files are two objects",
        root={
            PROGRAM: program("/lib/liba.so", "/usr/lib/liba.so"),
            "/lib/liba.so": LIB,
            "/usr/lib/liba.so": LIB,
        },
        loads=["/lib/liba.so", "/usr/lib/liba.so"],
    ),
    Case(
        rule="2.4 a DT_SONAME answers a later request without a search",
        root={
            PROGRAM: program("/opt/any.so", "libz.so.1"),
            "/opt/any.so": library(soname="libz.so.1"),
            "/lib/libz.so.1": LIB,
        },
        loads=["/opt/any.so"],
    ),
    Case(
        rule="2.4 but not an earlier one",
        root={
            PROGRAM: program("libz.so.1", "/opt/any.so"),
            "/opt/any.so": library(soname="libz.so.1"),
            "/lib/libz.so.1": LIB,
        },
        loads=["/lib/libz.so.1", "/opt/any.so"],
    ),
    Case(
        rule="2.4 of one DT_SONAME in two objects the first answers",
        root={
            PROGRAM: program("liba.so", "libb.so", "libz.so"),
            "/lib/liba.so": library("libx.so", soname="libz.so"),
            "/lib/libb.so": library(soname="libz.so"),
            "/lib/libx.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib/libx.so"],
    ),
    Case(
        rule="2.4 a name that was asked for answers again, whatever the search path",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": LIB,
            "/lib/libb.so": library("liba.so", runpath="/r"),
            "/r/liba.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so"],
    ),
    Case(
        rule="2.4 a path that was found answers for that path",
        root={
            PROGRAM: program("liba.so", "/lib/liba.so"),
            "/lib/liba.so": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.4 the file name of an object asked for by path is no name of it",
        root={
            PROGRAM: program("/opt/liba.so", "liba.so"),
            "/opt/liba.so": LIB,
            "/lib/liba.so": library(),
            "/lib/other": None,
        },
        loads=["/opt/liba.so", "/lib/liba.so"],
    ),
    Case(
        rule="2.4 the program's own DT_SONAME answers too",
        root={
            PROGRAM: program("liba.so", options=("-soname=libself.so",)),
            "/lib/liba.so": library("libself.so"),
            "/lib/libself.so": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.4 the loader answers to its DT_SONAME, whatever lies on the search path",
        root={
            PROGRAM: program("ld-linux-x86-64.so.2", "liba.so", rpath="/r"),
            "/r/ld-linux-x86-64.so.2": LIB,
            "/r/liba.so": library("/lib64/ld-linux-x86-64.so.2"),
        },
        loads=["/lib64/ld-linux-x86-64.so.2", "/r/liba.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_knows_its_objects_as_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case)


STARTED = (
    Case(
        rule="2.8 PT_INTERP is opened by the kernel, under that exact path",
        root={
            PROGRAM: program("liba.so", interp="/opt/loader"),
            "/lib/ld-2.so": LOADER,
            "/opt/loader": "../lib/ld-2.so",
            "/lib/liba.so": library("ld-linux-x86-64.so.2"),
        },
        loads=["/lib/liba.so", "/opt/loader"],
    ),
    Case(
        rule="2.8 in a merged /usr the loader keeps the path of PT_INTERP",
        root={
            "/usr/lib64/ld-linux-x86-64.so.2": LOADER,
            "/usr/lib/liba.so": library("/lib64/ld-linux-x86-64.so.2"),
            "/lib64": "usr/lib64",
            "/lib": "usr/lib",
            PROGRAM: program("liba.so"),
        },
        loads=["/lib/liba.so", "/lib64/ld-linux-x86-64.so.2"],
    ),
    Case(
        rule="2.8 the loader under another path is a second copy",
        root={
            "/usr/lib64/ld-linux-x86-64.so.2": LOADER,
            "/lib64": "usr/lib64",
            PROGRAM: program("/usr/lib64/ld-linux-x86-64.so.2"),
        },
        loads=["/usr/lib64/ld-linux-x86-64.so.2"],
    ),
)


@pytest.mark.parametrize("case", STARTED, ids=str)
def test_the_kernel_names_the_loader(case: Case) -> None:
    """Started as users start it, the loader is known by the path in the program."""
    prove(case, started)
