"""Proof: where musl looks, and how little it looks at (loader.md 3)."""

from __future__ import annotations

import pytest
from builders.elf import GLIBC_INTERP, MUSL_INTERP, make_cache
from builders.proof import LOADER, PROGRAM, Case, musl, prove, told
from builders.roots import Content
from builders.toolchain import E_TYPE, Linked, library, static
from builders.toolchain import program as any_program

LIB = library()
PATH_FILE = "/etc/ld-musl-x86_64.path"


def program(
    *needed: str,
    interp: str = MUSL_INTERP,
    rpath: str | None = None,
    runpath: str | None = None,
) -> Linked:
    """Ask for a program with musl's loader."""
    return any_program(*needed, interp=interp, rpath=rpath, runpath=runpath)


def path_file(content: Content, *loads: str, rule: str) -> Case:
    """Return the case of a path file, with the same library in many directories."""
    directories = ("/one", "/two", "/lib", "/usr/lib", "/usr/local/lib")
    return Case(
        rule=f"3.3 {rule}",
        root={
            PROGRAM: program("liba.so"),
            PATH_FILE: content,
            **{f"{directory}/liba.so": LIB for directory in directories},
        },
        loads=loads,
        missing=() if loads else ["liba.so"],
    )


CASES = (
    Case(
        rule="3.2 LD_LIBRARY_PATH comes first, before RPATH",
        root={PROGRAM: program("liba.so", rpath="/r"), "/r/liba.so": LIB, "/env/liba.so": LIB},
        library_path="/env",
        loads=["/env/liba.so"],
    ),
    Case(
        rule="3.2 LD_LIBRARY_PATH is split at colons, not at semicolons",
        root={
            PROGRAM: program("liba.so"),
            "/two/liba.so": LIB,
            "/one;/two/liba.so": LIB,
        },
        library_path="/none:/one;/two",
        loads=["/one;/two/liba.so"],
    ),
    Case(
        rule="3.2 RPATH comes before the system path",
        root={PROGRAM: program("liba.so", rpath="/r"), "/r/liba.so": LIB, "/lib/liba.so": LIB},
        loads=["/r/liba.so"],
    ),
    Case(
        rule="3.2 RUNPATH is inherited as RPATH is",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/liba.so": library("libb.so"),
            "/r/libb.so": library("libx.so"),
            "/r/libx.so": LIB,
        },
        loads=["/r/liba.so", "/r/libb.so", "/r/libx.so"],
    ),
    Case(
        rule="3.2 a requester's RUNPATH does not end the walk to its ancestors",
        root={
            PROGRAM: program("liba.so", rpath="/r"),
            "/r/liba.so": library("libb.so", runpath="/none"),
            "/r/libb.so": LIB,
        },
        loads=["/r/liba.so", "/r/libb.so"],
    ),
    Case(
        rule="3.2 the nearest path comes first",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/liba.so": library("libb.so", rpath="/near"),
            "/r/libb.so": LIB,
            "/near/libb.so": LIB,
        },
        loads=["/r/liba.so", "/near/libb.so"],
    ),
    Case(
        rule="3.2 RUNPATH wins if one object has both",
        root={
            PROGRAM: program("liba.so", rpath="/r", runpath="/y"),
            "/r/liba.so": LIB,
            "/y/liba.so": LIB,
        },
        loads=["/y/liba.so"],
    ),
    Case(
        rule="3.2 inheritance follows who asked first",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libx.so"),
            "/lib/libb.so": library("libx.so", rpath="/r"),
            "/lib/libx.so": library("liby.so"),
            "/r/liby.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib/libx.so"],
        missing=["liby.so"],
    ),
    Case(
        rule="3.2 load order is breadth first",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libd.so"),
            "/lib/libb.so": library("libe.so"),
            "/lib/libd.so": library("libf.so"),
            "/lib/libe.so": LIB,
            "/lib/libf.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib/libd.so", "/lib/libe.so", "/lib/libf.so"],
    ),
    *(
        Case(
            rule=f"3.3 the default path, from its directory {place + 1} on",
            root={
                PROGRAM: program("liba.so"),
                **{
                    f"{directory}/liba.so": LIB
                    for directory in ("/lib", "/usr/local/lib", "/usr/lib")[place:]
                },
            },
            loads=[f"{directory}/liba.so"],
        )
        for place, directory in enumerate(("/lib", "/usr/local/lib", "/usr/lib"))
    ),
    Case(
        rule="3.3 no other directory is searched",
        root={
            PROGRAM: program("liba.so"),
            "/lib64/liba.so": LIB,
            "/lib/x86_64-linux-gnu/liba.so": LIB,
            "/lib/x86_64-linux-musl/liba.so": LIB,
            "/app/liba.so": LIB,
        },
        missing=["liba.so"],
    ),
    path_file(b"/two\n/one\n", "/two/liba.so", rule="the path file, split at newlines"),
    path_file(b"/none:/one:/two", "/one/liba.so", rule="the path file, split at colons"),
    path_file(b"/none\n/gone", rule="the path file replaces the default entirely"),
    path_file(b"", rule="an empty path file finds nothing"),
    path_file(b"\n\n/one", "/one/liba.so", rule="empty lines of the path file are skipped"),
    path_file(b"/one # not\n/two", "/two/liba.so", rule="the path file has no comments"),
    path_file("gone", "/lib/liba.so", rule="a path file that is a dangling link is absent"),
    path_file("ld-musl-x86_64.path", rule="a path file that cannot be opened counts as empty"),
    Case(
        rule="3.3 a path file for another architecture is not read",
        root={
            PROGRAM: program("liba.so"),
            "/etc/ld-musl-aarch64.path": b"/one",
            "/one/liba.so": LIB,
        },
        missing=["liba.so"],
    ),
    Case(
        rule="3.3 the path file serves dependencies of libraries",
        root={
            PROGRAM: program("liba.so"),
            PATH_FILE: b"/one:/two",
            "/two/liba.so": library("libb.so"),
            "/one/libb.so": LIB,
        },
        loads=["/two/liba.so", "/one/libb.so"],
    ),
    Case(
        rule="3.1 names of the C library's parts are the loader itself, whatever their suffix",
        root={
            PROGRAM: program("libc.so", "libpthread.so.0", "libm.so.6", "libdl.x", "liba.so"),
            "/lib/libc.so": LIB,
            "/lib/libm.so.6": LIB,
            "/lib/liba.so": library("librt.so.1", "libutil.so", "libxnet.so"),
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.1 names that only begin like them are others",
        root={
            PROGRAM: program("libcc.so", "libm2.so", "libc-2.so"),
            "/lib/libcc.so": LIB,
            "/lib/libm2.so": LIB,
        },
        loads=["/lib/libcc.so", "/lib/libm2.so"],
        missing=["libc-2.so"],
    ),
    Case(
        rule="3.1 the loader's own path is the loader",
        root={PROGRAM: program(MUSL_INTERP, "liba.so"), "/lib/liba.so": LIB},
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.4 $ORIGIN of the program",
        root={PROGRAM: program("liba.so", runpath="$ORIGIN/../l"), "/l/liba.so": LIB},
        loads=["/app/../l/liba.so"],
    ),
    Case(
        rule="3.4 ${ORIGIN} of a library",
        root={
            PROGRAM: program("liba.so"),
            "/usr/lib/liba.so": library("libb.so", runpath="${ORIGIN}/x"),
            "/usr/lib/x/libb.so": LIB,
        },
        loads=["/usr/lib/liba.so", "/usr/lib/x/libb.so"],
    ),
    Case(
        rule="3.4 only the prefix is compared: $ORIGINX expands",
        root={PROGRAM: program("liba.so", runpath="$ORIGINX"), "/appX/liba.so": LIB},
        loads=["/appX/liba.so"],
    ),
    Case(
        rule="3.4 any other token disables the whole string",
        root={
            PROGRAM: program("liba.so", runpath="/r:/opt/$LIB"),
            "/r/liba.so": LIB,
            "/usr/lib/liba.so": LIB,
        },
        loads=["/usr/lib/liba.so"],
    ),
    Case(
        rule="3.4 so does a dollar alone, and $ORIGIN beside it is lost too",
        root={
            PROGRAM: program("liba.so", runpath="$ORIGIN:/opt/$"),
            "/app/liba.so": LIB,
        },
        missing=["liba.so"],
    ),
    Case(
        rule="3.4 tokens in LD_LIBRARY_PATH are text",
        root={PROGRAM: program("liba.so"), "/$ORIGIN/liba.so": LIB, "/app/liba.so": LIB},
        library_path="/$ORIGIN",
        loads=["/$ORIGIN/liba.so"],
    ),
    Case(
        rule="3.4 tokens in a DT_NEEDED are text",
        root={PROGRAM: program("/opt/$ORIGIN/liba.so"), "/opt/$ORIGIN/liba.so": LIB},
        loads=["/opt/$ORIGIN/liba.so"],
    ),
    Case(
        rule="3.4 there are no glibc-hwcaps",
        root={
            PROGRAM: program("liba.so"),
            "/lib/glibc-hwcaps/x86-64-v2/liba.so": LIB,
            "/lib/liba.so": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.4 there is no cache",
        root={
            PROGRAM: program("liba.so"),
            "/opt/liba.so": LIB,
            "/etc/ld.so.cache": make_cache([("liba.so", "/opt/liba.so", 0x303, None)]),
        },
        missing=["liba.so"],
    ),
    Case(
        rule="3.4 there is no ld.so.preload",
        root={PROGRAM: program(), "/lib/liba.so": LIB, "/etc/ld.so.preload": b"/lib/liba.so\n"},
    ),
    Case(
        rule="3.4 DF_1_NODEFLIB counts for nothing",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library("libb.so", options=("-znodefaultlib",)),
            "/lib/libb.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so"],
    ),
    Case(
        rule="3.4 DT_AUXILIARY and DT_FILTER count for nothing",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--auxiliary=libx.so", "--filter=libgone.so")),
            "/lib/libx.so": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.4 DT_AUDIT counts for nothing",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library(options=("--audit=libgone.so",)),
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.5 empty elements are skipped",
        root={
            PROGRAM: program("liba.so", runpath=":/r"),
            "/liba.so": LIB,
            "/r/liba.so": LIB,
        },
        loads=["/r/liba.so"],
    ),
    Case(
        rule="3.5 a dangling link is not there",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": "gone", "/usr/lib/liba.so": LIB},
        loads=["/usr/lib/liba.so"],
    ),
    Case(
        rule="3.5 ELOOP ends the whole search",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/liba.so": "liba.so",
            "/lib/liba.so": LIB,
        },
        missing=["liba.so"],
    ),
    Case(
        rule="3.5 ENOTDIR and ENAMETOOLONG do not",
        root={
            PROGRAM: program("liba.so", "b" * 256, "libc1.so", runpath="/file:/r"),
            "/file": LIB,
            "/r/liba.so": LIB,
            "/lib/libc1.so": LIB,
        },
        loads=["/r/liba.so", "/lib/libc1.so"],
        missing=["b" * 256],
    ),
    Case(
        rule="3.5 what is no ELF file is fatal",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": b"/* GNU ld script */" + b" " * 99,
            "/usr/lib/liba.so": LIB,
        },
        fatal="liba.so",
    ),
    Case(
        rule="3.5 an object file is fatal",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": library(patch={E_TYPE: b"\x01"})},
        fatal="liba.so",
    ),
    Case(
        rule="3.5 a directory is fatal",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": None, "/usr/lib/liba.so": LIB},
        fatal="liba.so",
    ),
    Case(
        rule="3.5 a file without PT_DYNAMIC is fatal",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": static("-static")},
        fatal="liba.so",
    ),
    Case(
        rule="3.5 a program can be a dependency",
        root={PROGRAM: program("liba.so"), "/lib/liba.so": program("libb.so"), "/lib/libb.so": LIB},
        loads=["/lib/liba.so", "/lib/libb.so"],
    ),
    Case(
        rule="3.6 DT_SONAME is ignored",
        root={
            PROGRAM: program("/opt/any.so", "libz.so.1"),
            "/opt/any.so": library(soname="libz.so.1"),
            "/lib/libz.so.1": LIB,
        },
        loads=["/opt/any.so", "/lib/libz.so.1"],
    ),
    Case(
        rule="3.6 the file name that was found is the identity",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": LIB,
            "/lib/libb.so": library("liba.so", runpath="/r"),
            "/r/liba.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so"],
    ),
    Case(
        rule="3.6 hard links are one object",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": LIB,
            "/lib/libb.so": "=/lib/liba.so",
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.6 a link and its target are one object",
        root={
            PROGRAM: program("liba.so", "liba.so.1"),
            "/lib/liba.so": "liba.so.1",
            "/lib/liba.so.1": LIB,
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.6 a path gives no name until a search leads there",
        root={
            PROGRAM: program("/opt/liba.so", "libb.so"),
            "/opt/liba.so": LIB,
            "/lib/libb.so": library("liba.so"),
            "/lib/liba.so": library("libx.so"),
            "/lib/libx.so": LIB,
        },
        loads=["/opt/liba.so", "/lib/libb.so", "/lib/liba.so", "/lib/libx.so"],
    ),
    Case(
        rule="3.2 a name with a slash is opened as it is",
        root={PROGRAM: program("/opt/liba.so", rpath="/r"), "/opt/liba.so": LIB, "/r/liba.so": LIB},
        loads=["/opt/liba.so"],
    ),
    Case(
        rule="3.2 a listing goes on after a name that is missing",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libgone.so"),
            "/lib/libb.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so"],
        missing=["libgone.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_musl_does_what_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case, musl, loader=MUSL_INTERP)


ELSEWHERE = "/opt/lib/ld-musl-x86_64.so.1"
GCOMPAT: dict[str, Content | Linked] = {MUSL_INTERP: LOADER, GLIBC_INTERP: f"..{MUSL_INTERP}"}

STARTED = (
    Case(
        rule="3.3 the path file lies beside the directory of PT_INTERP",
        root={
            PROGRAM: program("liba.so", interp=ELSEWHERE),
            ELSEWHERE: LOADER,
            "/opt/etc/ld-musl-x86_64.path": b"/one",
            PATH_FILE: b"/two",
            "/one/liba.so": LIB,
            "/two/liba.so": LIB,
        },
        loads=["/one/liba.so"],
    ),
    Case(
        rule="3.8 gcompat: what PT_INTERP leads to decides, not its name",
        root={
            **GCOMPAT,
            PROGRAM: program("liba.so", "libc.so.6", interp=GLIBC_INTERP, rpath="/r"),
            "/r/liba.so": LIB,
            "/env/liba.so": LIB,
            "/r/libc.so.6": LIB,
        },
        library_path="/env",
        loads=["/env/liba.so"],
    ),
    Case(
        rule="3.8 gcompat: the path file is musl's",
        root={
            **GCOMPAT,
            PROGRAM: program("liba.so", interp=GLIBC_INTERP),
            PATH_FILE: b"/one",
            "/one/liba.so": LIB,
            "/lib/liba.so": LIB,
        },
        loads=["/one/liba.so"],
    ),
    Case(
        rule="3.4 $ORIGIN of a program is where its links end",
        root={
            PROGRAM: "../real/prog",
            "/real/prog": program("liba.so", runpath="$ORIGIN/l"),
            "/real/l/liba.so": LIB,
            "/app/l/liba.so": LIB,
        },
        loads=["/real/l/liba.so"],
    ),
    Case(
        rule="3.2 AT_SECURE: LD_LIBRARY_PATH does not count",
        root={PROGRAM: program("liba.so"), "/env/liba.so": LIB, "/lib/liba.so": LIB},
        library_path="/env",
        modes={PROGRAM: 0o4755},
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="3.4 AT_SECURE: $ORIGIN of the program disables its path",
        root={PROGRAM: program("liba.so", rpath="/r:$ORIGIN"), "/r/liba.so": LIB},
        modes={PROGRAM: 0o4755},
        missing=["liba.so"],
    ),
)


@pytest.mark.parametrize("case", STARTED, ids=str)
def test_the_kernel_starts_musl(case: Case) -> None:
    """Started as users start it, the program says itself what was loaded."""
    prove(case, told, loader=MUSL_INTERP)
