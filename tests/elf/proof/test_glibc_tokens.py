"""Proof: tokens in search paths and names, and what elements are (loader.md 2.2)."""

from __future__ import annotations

import re
import subprocess

import pytest
from builders.elf import GLIBC_INTERP
from builders.proof import PROGRAM, Case, prove, started
from builders.roots import Content
from builders.toolchain import Linked, library, program

LIB = library()
T = "x86_64-linux-gnu"


def element(text: str, found: str, rule: str, place: str = "") -> Case:
    """Return the case of one RUNPATH: the library is found in a directory, or under its path."""
    root = {PROGRAM: program("liba.so", runpath=text), f"{place or found}/liba.so": LIB}
    return Case(rule=f"2.2 {rule}", root=root, loads=[f"{found}/liba.so"])


LINKED_DIRECTORY: dict[str, Content | Linked] = {
    "/app/l": "/opt/l",
    "/opt/l/liba.so": library("libb.so", runpath="$ORIGIN/../m"),
    "/app/m/libb.so": LIB,
    "/opt/m/libb.so": LIB,
}

CASES = (
    element("$ORIGIN/l", "/app/l", "$ORIGIN of the program is its directory"),
    element("${ORIGIN}/l", "/app/l", "a token may stand in braces"),
    element("$ORIGIN", "/app", "a token may be the whole element"),
    element("$ORIGIN/../l", "/app/../l", "an element keeps its dots", "/l"),
    element("/opt/$LIB", f"/opt/lib/{T}", "$LIB is lib/TRIPLET on Debian"),
    element("/opt${ORIGIN}/${LIB}/x", f"/opt/app/lib/{T}/x", "several tokens in one element"),
    element("$ORIGIN$LIB", f"/applib/{T}", "tokens side by side"),
    element("/opt/$ORIGINX", "/opt/$ORIGINX", "the longest identifier counts: $ORIGINX is text"),
    element("/opt/$ORIGIN_1", "/opt/$ORIGIN_1", "digits and underscores belong to identifiers"),
    element("/opt$ORIGIN-1", "/opt/app-1", "an identifier ends at any other character"),
    element("/opt/$FOO", "/opt/$FOO", "an unknown token is text"),
    element("/opt/${ORIGIN", "/opt/${ORIGIN", "an open brace is text"),
    element("/opt/${ORIGINX}", "/opt/${ORIGINX}", "braces end an identifier, unknown ones too"),
    element("/opt/$", "/opt/$", "a dollar at the end is text"),
    element("/opt/$$ORIGIN", "/opt/$/app", "a dollar before a token is text"),
    element("/opt/$origin", "/opt/$origin", "tokens are upper case"),
    element("/none/$FOO:/r", "/r", "the next element follows one that is not there"),
    element("/r///", "/r", "slashes at the end are stripped"),
    element("//r", "//r", "slashes at the start are not", "/r"),
    element("/r/./x", "/r/./x", "nothing is normalised", "/r/x"),
    element("::/r", "/r", "an empty element is the working directory, which has no such file"),
    element("l:/r", "/r", "a relative element stays relative, and nothing lies there"),
    Case(
        rule="2.2 an element that comes twice is searched once",
        root={PROGRAM: program("liba.so", runpath="/r:/r/:/r"), "/lib/liba.so": LIB, "/r": None},
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.2 RPATH knows the tokens too, and expands them for its holder",
        root={
            PROGRAM: program("liba.so", rpath="$ORIGIN/l"),
            "/app/l/liba.so": library("libb.so"),
            "/app/l/libb.so": LIB,
            "/app/l/l/libb.so": LIB,
        },
        loads=["/app/l/liba.so", "/app/l/libb.so"],
    ),
    Case(
        rule="2.2 $ORIGIN of a library is the directory it was found in, links not resolved",
        root={PROGRAM: program("liba.so", runpath="$ORIGIN/l"), **LINKED_DIRECTORY},
        loads=["/app/l/liba.so", "/app/l/../m/libb.so"],
    ),
    Case(
        rule="2.2 $ORIGIN of a linked library is the directory of the link",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/liba.so": "/opt/liba.so.1",
            "/opt/liba.so.1": library("libb.so", runpath="$ORIGIN"),
            "/r/libb.so": LIB,
            "/opt/libb.so": LIB,
        },
        loads=["/r/liba.so", "/r/libb.so"],
    ),
    Case(
        rule="2.2 $ORIGIN in LD_LIBRARY_PATH is the program's",
        root={
            PROGRAM: program("liba.so"),
            "/app/l/liba.so": library("libb.so"),
            "/app/l/libb.so": LIB,
        },
        library_path="$ORIGIN/l",
        loads=["/app/l/liba.so", "/app/l/libb.so"],
    ),
    Case(
        rule="2.2 $LIB in LD_LIBRARY_PATH",
        root={PROGRAM: program("liba.so"), f"/opt/lib/{T}/liba.so": LIB},
        library_path="/opt/${LIB}",
        loads=[f"/opt/lib/{T}/liba.so"],
    ),
    Case(
        rule="2.2 $ORIGIN in a DT_NEEDED is the requester's",
        root={
            PROGRAM: program("$ORIGIN/l/liba.so"),
            "/app/l/liba.so": library("${ORIGIN}/libb.so"),
            "/app/l/libb.so": LIB,
        },
        loads=["/app/l/liba.so", "/app/l/libb.so"],
    ),
    Case(
        rule="2.2 $LIB in a DT_NEEDED",
        root={PROGRAM: program("/opt/$LIB/liba.so"), f"/opt/lib/{T}/liba.so": LIB},
        loads=[f"/opt/lib/{T}/liba.so"],
    ),
    Case(
        rule="2.2 an unknown token in a DT_NEEDED is text",
        root={PROGRAM: program("lib$FOO.so"), "/lib/lib$FOO.so": LIB},
        loads=["/lib/lib$FOO.so"],
    ),
    Case(
        rule="2.2 a DT_NEEDED is missing under its expanded name",
        root={PROGRAM: program("$ORIGIN/liba.so"), "/lib/liba.so": LIB},
        missing=["/app/liba.so"],
    ),
    Case(
        rule="2.2 $ORIGIN in a DT_AUXILIARY",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--auxiliary=$ORIGIN/x/libx.so",)),
            "/lib/x/libx.so": LIB,
        },
        loads=["/lib/x/libx.so", "/lib/liba.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_reads_elements_as_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case)


def test_the_platform_is_the_one_of_the_processor() -> None:
    """2.2 $PLATFORM: given what AT_PLATFORM is here, both find the same directory."""
    said = subprocess.run(
        [GLIBC_INTERP, "--list-diagnostics"], capture_output=True, check=True, text=True
    )
    platform = re.search(r'^dl_platform="(\w+)"', said.stdout, re.MULTILINE)
    if platform is None:
        pytest.skip("this processor has no AT_PLATFORM")

    prove(
        Case(
            rule="2.2 $PLATFORM is AT_PLATFORM, in paths and in names",
            root={
                PROGRAM: program("liba.so", "/opt/lib${PLATFORM}.so", runpath="/opt/$PLATFORM"),
                f"/opt/{platform[1]}/liba.so": LIB,
                f"/opt/lib{platform[1]}.so": LIB,
            },
            platform=platform[1],
            loads=[f"/opt/{platform[1]}/liba.so", f"/opt/lib{platform[1]}.so"],
        )
    )


STARTED = (
    Case(
        rule="2.2 $ORIGIN of a program is where its links end",
        root={
            PROGRAM: "../real/prog",
            "/real/prog": program("liba.so", runpath="$ORIGIN/l"),
            "/real/l/liba.so": LIB,
            "/app/l/liba.so": LIB,
        },
        loads=["/real/l/liba.so"],
    ),
    Case(
        rule="2.2 $ORIGIN of a program in a linked directory is the real one",
        root={
            "/app": "real",
            "/real/prog": program("liba.so", rpath="$ORIGIN/l"),
            "/real/l/liba.so": library("libb.so", rpath="$ORIGIN/../m"),
            "/real/m/libb.so": LIB,
        },
        loads=["/real/l/liba.so", "/real/l/../m/libb.so"],
    ),
    Case(
        rule="2.2 $ORIGIN in LD_LIBRARY_PATH follows the program's links as well",
        root={PROGRAM: "/real/prog", "/real/prog": program("liba.so"), "/real/liba.so": LIB},
        library_path="$ORIGIN",
        loads=["/real/liba.so"],
    ),
)


@pytest.mark.parametrize("case", STARTED, ids=str)
def test_the_kernel_says_where_a_program_is(case: Case) -> None:
    """What /proc/self/exe says decides; `ld.so PROGRAM` would not know."""
    prove(case, started)
