"""Proof: what a file of the right name may be, and what it ends (loader.md 2.3)."""

from __future__ import annotations

import pytest
from builders.elf import make_elf
from builders.proof import PROGRAM, Case, prove
from builders.roots import Content
from builders.toolchain import (
    E_MACHINE,
    E_PHENTSIZE,
    E_TYPE,
    EI_ABIVERSION,
    EI_OSABI,
    EI_PAD,
    EI_VERSION,
    Linked,
    library,
    link,
    program,
)

from imagesmith.model.arch import ARCHES

LIB = library()
SECOND = "/second/liba.so"


def first(what: Content | Linked, rule: str, **more: Content | Linked) -> Case:
    """Return the case of a first find that is passed over, so that the second is loaded."""
    return Case(rule=f"2.3 {rule}", root=_root(what, more), loads=[SECOND])


def fatal(what: Content | Linked, rule: str, **more: Content | Linked) -> Case:
    """Return the case of a first find that ends the program."""
    return Case(rule=f"2.3 {rule}", root=_root(what, more), fatal="/first/liba.so")


def _root(what: Content | Linked, more: dict[str, Content | Linked]) -> dict[str, Content | Linked]:
    named = {f"/first/{name}": content for name, content in more.items()}
    root = {PROGRAM: program("liba.so", runpath="/first:/second"), SECOND: LIB, **named}
    return root if what is ABSENT else {**root, "/first/liba.so": what}


ABSENT = b"absent"

CASES = (
    first(ABSENT, "ENOENT of the directory: the next one is tried"),
    first(ABSENT, "ENOENT of the file: the next directory is tried", other=LIB),
    first("gone", "a dangling link is a file that is not there"),
    first("/second/gone/liba.so", "a link through a directory that is not there"),
    Case(
        rule="2.3 ENOTDIR: a file in a directory's place is no directory",
        root={PROGRAM: program("liba.so", runpath="/first:/second"), "/first": LIB, SECOND: LIB},
        loads=[SECOND],
    ),
    first(library(compile=("-m32",)), "another class is passed over"),
    first(library(patch={E_MACHINE: b"\xb7\0"}), "another machine is passed over"),
    first(make_elf(arch=ARCHES["armhf"]), "another class and machine is passed over"),
    first(make_elf(arch=ARCHES["s390x"]), "another machine and byte order is passed over"),
    fatal(b"/* GNU ld script */\nINPUT(/second/liba.so)\n" + b" " * 64, "a linker script is fatal"),
    fatal(b"\x7fELF\x02\x01\x01", "a file shorter than an ELF header is fatal"),
    fatal(b"", "an empty file is fatal"),
    fatal(b"#!/bin/sh\n" + b"#" * 64, "a script is fatal"),
    fatal(None, "a directory is fatal"),
    fatal("dir", "a link to a directory is fatal", dir=None),
    fatal(library(patch={EI_VERSION: b"\x02"}), "another EI_VERSION is fatal"),
    fatal(library(patch={EI_OSABI: b"\x09"}), "another EI_OSABI is fatal"),
    fatal(library(patch={EI_ABIVERSION: b"\x01"}), "an ABIVERSION of SYSV is fatal"),
    fatal(
        library(patch={EI_OSABI: b"\x03", EI_ABIVERSION: b"\x63"}),
        "an ABIVERSION of GNU beyond what glibc knows is fatal",
    ),
    fatal(library(patch={EI_PAD: b"\x01"}), "nonzero padding of e_ident is fatal"),
    fatal(library(patch={E_PHENTSIZE: b"\x40"}), "another e_phentsize is fatal"),
    fatal(library(patch={E_TYPE: b"\x01"}), "an object file is fatal"),
    fatal(library(patch={E_TYPE: b"\x04"}), "a core file is fatal"),
    *(
        Case(
            rule=f"2.3 {what} program cannot be a dependency",
            root=_root(program("libb.so", kind=kind), {}),
            fatal="liba.so",
        )
        for kind, what in (("-no-pie", "a"), ("-pie", "a position-independent"))
    ),
    Case(
        rule="2.3 an ABIVERSION of GNU that glibc knows is loaded",
        root=_root(library(patch={EI_OSABI: b"\x03", EI_ABIVERSION: b"\x01"}), {}),
        loads=["/first/liba.so"],
    ),
    Case(
        rule="2.3 ELOOP ends this directory list; the later stages still run",
        root={
            PROGRAM: program("liba.so"),
            "/first/liba.so": "liba.so",
            SECOND: LIB,
            "/lib/liba.so": LIB,
        },
        library_path="/first:/second",
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.3 ELOOP in an RPATH ends that RPATH, not the next one",
        root={
            PROGRAM: program("libx.so", rpath="/outer"),
            "/outer/libx.so": library("liba.so", rpath="/first:/second"),
            "/first/liba.so": "liba.so",
            SECOND: LIB,
            "/outer/liba.so": LIB,
        },
        loads=["/outer/libx.so", "/outer/liba.so"],
    ),
    Case(
        rule="2.3 ELOOP in the system directories ends the search",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": "liba.so", "/usr/lib/liba.so": LIB},
        missing=["liba.so"],
    ),
    Case(
        rule="2.3 a loop of directories is a directory that is not there",
        root={
            PROGRAM: program("liba.so", runpath="/first:/second"),
            "/first": "first",
            SECOND: LIB,
        },
        loads=[SECOND],
    ),
    Case(
        rule="2.3 a name with a slash that cannot be a library is fatal too",
        root={PROGRAM: program("/first/liba.so"), "/first/liba.so": b"#" * 64},
        fatal="/first/liba.so",
    ),
    Case(
        rule="2.3 a name with a slash for another machine ends there",
        root={PROGRAM: program("/first/liba.so"), "/first/liba.so": library(compile=("-m32",))},
        missing=["/first/liba.so"],
    ),
    Case(
        rule="2.3 a file of another machine in every directory is a missing name",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(patch={E_MACHINE: b"\xb7\0"}),
            "/usr/lib/liba.so": library(compile=("-m32",)),
        },
        missing=["liba.so"],
    ),
    Case(
        rule="2.3 a name longer than NAME_MAX is not there",
        root={PROGRAM: program("a" * 256, "liba.so"), "/lib/liba.so": LIB},
        loads=["/lib/liba.so"],
        missing=["a" * 256],
    ),
    Case(
        rule="2.3 what is fatal in one directory is not reached behind a good file",
        root={
            PROGRAM: program("liba.so", runpath="/second:/first"),
            SECOND: LIB,
            "/first/liba.so": b"#" * 64,
        },
        loads=[SECOND],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_takes_skips_or_refuses_as_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case)


def test_hash_styles_make_no_difference() -> None:
    """A library with DT_HASH alone, DT_GNU_HASH alone or both is read alike."""
    for style in ("sysv", "gnu", "both"):
        made = library("libb.so", options=(f"--hash-style={style}",))
        root = {PROGRAM: program("liba.so"), "/lib/liba.so": made, "/lib/libb.so": LIB}

        assert link(made) != link(library("libb.so", soname=style))
        prove(Case(rule=style, root=root, loads=["/lib/liba.so", "/lib/libb.so"]))
