"""Proof: where glibc looks for a name, in which order, and on whose behalf (loader.md 2.1)."""

from __future__ import annotations

import pytest
from builders.elf import make_cache
from builders.proof import PROGRAM, Case, prove
from builders.toolchain import library, program

LIB = library()
T = "x86_64-linux-gnu"
SYSTEM = (f"/lib/{T}", f"/usr/lib/{T}", "/lib", "/usr/lib")


def cache(*paths: str) -> bytes:
    """Return a cache of these libraries for this machine."""
    return make_cache([(path.rpartition("/")[2], path, 0x303, None) for path in paths])


CASES = (
    Case(
        rule="2.1 load order is breadth first",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libc1.so"),
            "/lib/libb.so": library("libd.so"),
            "/lib/libc1.so": library("libe.so"),
            "/lib/libd.so": LIB,
            "/lib/libe.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib/libc1.so", "/lib/libd.so", "/lib/libe.so"],
    ),
    Case(
        rule="2.1 what two objects need is loaded where the first one asks",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libz.so"),
            "/lib/libb.so": library("libz.so", "liba.so"),
            "/lib/libz.so": library("libb.so"),
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib/libz.so"],
    ),
    Case(
        rule="2.1 a circle of needs ends",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library("liba.so", "libb.so"),
            "/lib/libb.so": library("liba.so"),
        },
        loads=["/lib/liba.so", "/lib/libb.so"],
    ),
    Case(
        rule="2.1 the loader stands where something needs it first",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("ld-linux-x86-64.so.2"),
            "/lib/libb.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib64/ld-linux-x86-64.so.2"],
    ),
    Case(
        rule="2.1 stage 1, RPATH, comes before stage 2, LD_LIBRARY_PATH",
        root={PROGRAM: program("liba.so", rpath="/r"), "/r/liba.so": LIB, "/env/liba.so": LIB},
        library_path="/env",
        loads=["/r/liba.so"],
    ),
    Case(
        rule="2.1 stage 2, LD_LIBRARY_PATH, comes before stage 3, RUNPATH",
        root={PROGRAM: program("liba.so", runpath="/r"), "/r/liba.so": LIB, "/env/liba.so": LIB},
        library_path="/env",
        loads=["/env/liba.so"],
    ),
    Case(
        rule="2.1 stage 3, RUNPATH, comes before stage 4, the cache",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/liba.so": LIB,
            "/opt/liba.so": LIB,
            "/etc/ld.so.cache": cache("/opt/liba.so"),
        },
        loads=["/r/liba.so"],
    ),
    Case(
        rule="2.1 stage 4, the cache, comes before stage 5, the system directories",
        root={
            PROGRAM: program("liba.so"),
            "/opt/liba.so": LIB,
            "/lib/liba.so": LIB,
            "/etc/ld.so.cache": cache("/opt/liba.so"),
        },
        loads=["/opt/liba.so"],
    ),
    *(
        Case(
            rule=f"2.5 system directory {place + 1} of Debian comes before those after it",
            root={
                PROGRAM: program("liba.so"),
                **{f"{directory}/liba.so": LIB for directory in SYSTEM[place:]},
            },
            loads=[f"{SYSTEM[place]}/liba.so"],
        )
        for place in range(4)
    ),
    Case(
        rule="2.1 no other directory is a system directory",
        root={
            PROGRAM: program("liba.so"),
            "/lib64/liba.so": LIB,
            "/usr/lib64/liba.so": LIB,
            "/usr/local/lib/liba.so": LIB,
            "/liba.so": LIB,
            "/app/liba.so": LIB,
        },
        missing=["liba.so"],
    ),
    Case(
        rule="2.1 RPATH is inherited from who loaded the requester",
        root={
            PROGRAM: program("liba.so", rpath="/r"),
            "/r/liba.so": library("libb.so"),
            "/r/libb.so": library("libc1.so"),
            "/r/libc1.so": LIB,
        },
        loads=["/r/liba.so", "/r/libb.so", "/r/libc1.so"],
    ),
    Case(
        rule="2.1 the nearest RPATH comes first",
        root={
            PROGRAM: program("liba.so", rpath="/r"),
            "/r/liba.so": library("libb.so", rpath="/near"),
            "/r/libb.so": LIB,
            "/near/libb.so": LIB,
        },
        loads=["/r/liba.so", "/near/libb.so"],
    ),
    Case(
        rule="2.1 an RPATH is not lent to siblings",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libx.so", rpath="/r"),
            "/lib/libb.so": library("liby.so"),
            "/r/libx.so": LIB,
            "/r/liby.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/r/libx.so"],
        missing=["liby.so"],
    ),
    Case(
        rule="2.1 inheritance follows who loaded an object first, not every parent",
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
        rule="2.1 RUNPATH is not inherited",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/liba.so": library("libb.so"),
            "/r/libb.so": LIB,
        },
        loads=["/r/liba.so"],
        missing=["libb.so"],
    ),
    Case(
        rule="2.1 RUNPATH of a library serves its own needs",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": library("libb.so", runpath="/r"),
            "/r/libb.so": LIB,
        },
        loads=["/lib/liba.so", "/r/libb.so"],
    ),
    Case(
        rule="2.1 a requester with RUNPATH gets no RPATH of anybody",
        root={
            PROGRAM: program("liba.so", rpath="/r"),
            "/r/liba.so": library("libb.so", runpath="/none"),
            "/r/libb.so": LIB,
        },
        loads=["/r/liba.so"],
        missing=["libb.so"],
    ),
    Case(
        rule="2.1 an ancestor with RUNPATH lends nothing and does not stop the walk",
        root={
            PROGRAM: program("liba.so", rpath="/r"),
            "/r/liba.so": library("libb.so", runpath="/y"),
            "/y/libb.so": library("libc1.so"),
            "/y/libc1.so": LIB,
            "/r/libc1.so": LIB,
        },
        loads=["/r/liba.so", "/y/libb.so", "/r/libc1.so"],
    ),
    Case(
        rule="2.1 of an object with both tags RPATH is dropped",
        root={
            PROGRAM: program("liba.so", rpath="/r", runpath="/y"),
            "/r/liba.so": LIB,
            "/y/liba.so": LIB,
        },
        loads=["/y/liba.so"],
    ),
    Case(
        rule="2.1 RPATH beside RUNPATH is not inherited either",
        root={
            PROGRAM: program("liba.so", rpath="/r", runpath="/y"),
            "/y/liba.so": library("libb.so"),
            "/r/libb.so": LIB,
        },
        loads=["/y/liba.so"],
        missing=["libb.so"],
    ),
    Case(
        rule="2.1 LD_LIBRARY_PATH serves every requester",
        root={
            PROGRAM: program("liba.so"),
            "/env/liba.so": library("libb.so"),
            "/env/libb.so": LIB,
        },
        library_path="/env",
        loads=["/env/liba.so", "/env/libb.so"],
    ),
    Case(
        rule="2.1 LD_LIBRARY_PATH is split at colons and semicolons",
        root={
            PROGRAM: program("liba.so", "libb.so", "libc1.so"),
            "/one/liba.so": LIB,
            "/two/libb.so": LIB,
            "/three/libc1.so": LIB,
        },
        library_path="/one;/two:/three",
        loads=["/one/liba.so", "/two/libb.so", "/three/libc1.so"],
    ),
    Case(
        rule="2.1 RUNPATH is split at colons only",
        root={
            PROGRAM: program("liba.so", "libb.so", runpath="/one;/two:/three"),
            "/one;/two/liba.so": LIB,
            "/two/libb.so": LIB,
            "/three/libb.so": LIB,
        },
        loads=["/one;/two/liba.so", "/three/libb.so"],
    ),
    Case(
        rule="2.1 without a cache ld.so.conf is not consulted",
        root={
            PROGRAM: program("liba.so"),
            "/opt/liba.so": LIB,
            "/etc/ld.so.conf": b"/opt\ninclude /etc/ld.so.conf.d/*.conf\n",
            "/etc/ld.so.conf.d/opt.conf": b"/opt\n",
        },
        missing=["liba.so"],
    ),
    Case(
        rule="2.1 a name with a slash is opened as it is, without a search",
        root={
            PROGRAM: program("/opt/liba.so", rpath="/r"),
            "/opt/liba.so": LIB,
            "/r/liba.so": LIB,
        },
        loads=["/opt/liba.so"],
    ),
    Case(
        rule="2.1 a name with a slash that is not there is missing",
        root={PROGRAM: program("/opt/liba.so"), "/lib/liba.so": LIB},
        missing=["/opt/liba.so"],
    ),
    Case(
        rule="2.1 a relative name with a slash is missing where the directory has no such file",
        root={PROGRAM: program("opt/liba.so", runpath="/"), "/lib/opt/liba.so": LIB},
        missing=["opt/liba.so"],
    ),
    Case(
        rule="2.9 a listing goes on after a name that is missing",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libgone.so"),
            "/lib/libb.so": library("libc1.so"),
            "/lib/libc1.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/lib/libc1.so"],
        missing=["libgone.so"],
    ),
    Case(
        rule="2.9 a name can fail for one requester and then succeed for another",
        root={
            PROGRAM: program("liba.so", "libb.so"),
            "/lib/liba.so": library("libx.so"),
            "/lib/libb.so": library("libx.so", runpath="/r"),
            "/r/libx.so": LIB,
        },
        loads=["/lib/liba.so", "/lib/libb.so", "/r/libx.so"],
        missing=["libx.so"],
    ),
    Case(
        rule="2.1 /etc/ld.so.preload comes first of all, in the default search",
        root={
            PROGRAM: program("liba.so", rpath="/r"),
            "/lib/liba.so": LIB,
            "/lib/libpre.so": library("libneed.so"),
            "/lib/libneed.so": LIB,
            "/opt/libpath.so": LIB,
            "/etc/ld.so.preload": b"libpre.so:/opt/libpath.so # libnot.so\n",
        },
        loads=["/lib/libpre.so", "/opt/libpath.so", "/lib/liba.so", "/lib/libneed.so"],
    ),
    Case(
        rule="2.1 merged /usr: the path is the one of the search, not the real one",
        root={"/usr/lib/liba.so": LIB, "/lib": "usr/lib", PROGRAM: program("liba.so")},
        loads=["/lib/liba.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_looks_where_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case)
