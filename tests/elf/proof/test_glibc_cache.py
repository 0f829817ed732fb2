"""Proof: glibc-hwcaps directories and the cache (loader.md 2.5 to 2.7)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import attrs
import pytest
from builders.elf import GLIBC_INTERP, make_cache
from builders.proof import PROGRAM, Case, made, prove, real_loader
from builders.roots import Content, make_tree, reader
from builders.sandbox import program as installed
from builders.toolchain import Linked, library, program

from imagesmith.elf.closure import load
from imagesmith.elf.object import facts
from imagesmith.model.facts import Elf

LIB = library()
V2, V3 = "x86-64-v2", "x86-64-v3"
CACHE = "/etc/ld.so.cache"
AMD64, I386, ARM64, AMD64_LIBC5 = 0x303, 3, 0xA03, 0x300

LEVELED: dict[str, Content | Linked] = {
    "/r/liba.so": LIB,
    f"/r/glibc-hwcaps/{V2}/liba.so": LIB,
    f"/r/glibc-hwcaps/{V3}/liba.so": LIB,
}
BOTH = make_cache(
    [
        ("liba.so", f"/opt/glibc-hwcaps/{V2}/liba.so", AMD64, V2),
        ("liba.so", f"/opt/glibc-hwcaps/{V3}/liba.so", AMD64, V3),
        ("liba.so", "/opt/liba.so", AMD64, None),
    ]
)
CACHED: dict[str, Content | Linked] = {
    PROGRAM: program("liba.so"),
    "/opt/liba.so": LIB,
    f"/opt/glibc-hwcaps/{V2}/liba.so": LIB,
    f"/opt/glibc-hwcaps/{V3}/liba.so": LIB,
    CACHE: BOTH,
}

CASES = (
    Case(
        rule="2.5 the best level of the processor comes first",
        root={PROGRAM: program("liba.so", runpath="/r"), **LEVELED},
        levels=[V3, V2],
        loads=[f"/r/glibc-hwcaps/{V3}/liba.so"],
    ),
    Case(
        rule="2.5 a level that the processor has not is left aside",
        root={PROGRAM: program("liba.so", runpath="/r"), **LEVELED},
        levels=[V2],
        loads=[f"/r/glibc-hwcaps/{V2}/liba.so"],
    ),
    Case(
        rule="2.5 without levels the plain directory is used",
        root={PROGRAM: program("liba.so", runpath="/r"), **LEVELED},
        levels=[],
        loads=["/r/liba.so"],
    ),
    Case(
        rule="2.5 levels of one directory come before the next directory",
        root={
            PROGRAM: program("liba.so", runpath="/s:/r"),
            "/s/liba.so": LIB,
            **LEVELED,
        },
        levels=[V3, V2],
        loads=["/s/liba.so"],
    ),
    Case(
        rule="2.5 levels are looked for under LD_LIBRARY_PATH",
        root={PROGRAM: program("liba.so"), **LEVELED},
        library_path="/r",
        levels=[V3, V2],
        loads=[f"/r/glibc-hwcaps/{V3}/liba.so"],
    ),
    Case(
        rule="2.5 levels are looked for under an inherited RPATH",
        root={
            PROGRAM: program("libb.so", rpath="/r"),
            "/r/libb.so": library("liba.so"),
            **LEVELED,
        },
        levels=[V3, V2],
        loads=["/r/libb.so", f"/r/glibc-hwcaps/{V3}/liba.so"],
    ),
    Case(
        rule="2.5 levels are looked for under the system directories",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": LIB,
            f"/lib/glibc-hwcaps/{V2}/liba.so": LIB,
        },
        levels=[V2],
        loads=[f"/lib/glibc-hwcaps/{V2}/liba.so"],
    ),
    Case(
        rule="2.5 a level directory without the file leads to the next level",
        root={
            PROGRAM: program("liba.so", "libb.so", runpath="/r"),
            f"/r/glibc-hwcaps/{V2}/libb.so": LIB,
            **LEVELED,
        },
        levels=[V3, V2],
        loads=[f"/r/glibc-hwcaps/{V3}/liba.so", f"/r/glibc-hwcaps/{V2}/libb.so"],
    ),
    Case(
        rule="2.5 an unknown level is a directory like any other",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/glibc-hwcaps/x86-64-v9/liba.so": LIB,
            "/r/liba.so": LIB,
        },
        loads=["/r/liba.so"],
    ),
    Case(
        rule="2.5 a file for another machine in a level is passed over",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            f"/r/glibc-hwcaps/{V2}/liba.so": library(compile=("-m32",)),
            "/r/liba.so": LIB,
        },
        levels=[V2],
        loads=["/r/liba.so"],
    ),
    Case(
        rule="2.6 the best level of the cache that is allowed wins",
        root=CACHED,
        levels=[V3, V2],
        loads=[f"/opt/glibc-hwcaps/{V3}/liba.so"],
    ),
    Case(
        rule="2.6 a lower level of the cache where the better one is not allowed",
        root=CACHED,
        levels=[V2],
        loads=[f"/opt/glibc-hwcaps/{V2}/liba.so"],
    ),
    Case(
        rule="2.6 the plain entry of the cache where no level is allowed",
        root=CACHED,
        levels=[],
        loads=["/opt/liba.so"],
    ),
    Case(
        rule="2.6 a stale entry fails to open, and the system directories follow",
        root={
            PROGRAM: program("liba.so"),
            "/lib/liba.so": LIB,
            CACHE: make_cache([("liba.so", "/opt/liba.so", AMD64, None)]),
        },
        loads=["/lib/liba.so"],
    ),
    Case(
        rule="2.6 the cache gives one answer: the other entries of a name do not follow it",
        root={**CACHED, f"/opt/glibc-hwcaps/{V3}/liba.so": "gone"},
        levels=[V3, V2],
        missing=["liba.so"],
    ),
    Case(
        rule="2.6 entries with another machine's flags do not count",
        root={
            PROGRAM: program("liba.so"),
            "/opt/liba.so": LIB,
            "/two/liba.so": LIB,
            CACHE: make_cache(
                [
                    ("liba.so", "/opt/liba.so", ARM64, None),
                    ("liba.so", "/two/liba.so", AMD64, None),
                    ("liba.so", "/opt/liba.so", I386, None),
                ]
            ),
        },
        loads=["/two/liba.so"],
    ),
    Case(
        rule="2.6 an entry without the machine's whole flags does not count",
        root={
            PROGRAM: program("liba.so"),
            "/opt/liba.so": LIB,
            CACHE: make_cache([("liba.so", "/opt/liba.so", AMD64_LIBC5, None)]),
        },
        missing=["liba.so"],
    ),
    Case(
        rule="2.6 an old block may stand before the new cache",
        root={
            **CACHED,
            CACHE: make_cache([("liba.so", "/opt/liba.so", AMD64, None)], old_block=True),
        },
        loads=["/opt/liba.so"],
    ),
    Case(
        rule="2.6 names are found by numbers inside them: libx.so.10 after libx.so.9",
        root={
            PROGRAM: program("libx.so.9", "libx.so.10"),
            "/opt/libx.so.9": LIB,
            "/opt/libx.so.10": LIB,
            CACHE: make_cache(
                [
                    ("libx.so.10", "/opt/libx.so.10", AMD64, None),
                    ("libx.so.9", "/opt/libx.so.9", AMD64, None),
                ]
            ),
        },
        loads=["/opt/libx.so.9", "/opt/libx.so.10"],
    ),
    Case(
        rule="2.6 a cache of the other byte order does not count",
        root={
            **CACHED,
            CACHE: make_cache([("liba.so", "/opt/liba.so", AMD64, None)], endian="big"),
        },
        missing=["liba.so"],
    ),
    Case(
        rule="2.6 a broken cache does not count",
        root={**CACHED, CACHE: b"glibc-ld.so.cache1.1" + b"\0" * 8},
        missing=["liba.so"],
    ),
    Case(
        rule="2.6 what the cache names is checked as any other file",
        root={**CACHED, "/opt/liba.so": b"#" * 64},
        levels=[],
        fatal="/opt/liba.so",
    ),
    Case(
        rule="2.6 the cache is asked for dependencies of libraries too",
        root={
            PROGRAM: program("libb.so", rpath="/r"),
            "/r/libb.so": library("liba.so"),
            "/opt/liba.so": LIB,
            CACHE: make_cache([("liba.so", "/opt/liba.so", AMD64, None)]),
        },
        loads=["/r/libb.so", "/opt/liba.so"],
    ),
    Case(
        rule="2.8 DF_1_NODEFLIB takes the system directories from its own needs only",
        root={
            PROGRAM: program("liba.so", "libb.so", runpath="/r", options=("-znodefaultlib",)),
            "/r/liba.so": library("libb.so"),
            "/lib/libb.so": LIB,
        },
        loads=["/r/liba.so", "/lib/libb.so"],
        missing=["libb.so"],
    ),
    Case(
        rule="2.8 DF_1_NODEFLIB takes the cache's answers in system directories as well",
        root={
            PROGRAM: program("liba.so", "libb.so", options=("-znodefaultlib",)),
            "/lib/liba.so": LIB,
            "/opt/libb.so": LIB,
            CACHE: make_cache(
                [
                    ("libb.so", "/opt/libb.so", AMD64, None),
                    ("liba.so", "/lib/liba.so", AMD64, None),
                ]
            ),
        },
        loads=["/opt/libb.so"],
        missing=["liba.so"],
    ),
    Case(
        rule="2.8 DF_1_NODEFLIB leaves LD_LIBRARY_PATH",
        root={
            PROGRAM: program("liba.so", options=("-znodefaultlib",)),
            "/lib/liba.so": LIB,
        },
        library_path="/lib",
        loads=["/lib/liba.so"],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_chooses_variants_as_the_rule_says(case: Case) -> None:
    """The rule, the real loader and the closure give the same answer."""
    prove(case)


LEGACY = (
    Case(
        rule="2.5 up to 2.36 `tls` comes before the directory itself",
        root={PROGRAM: program("liba.so"), "/lib/tls/liba.so": LIB, "/lib/liba.so": LIB},
        loads=["/lib/tls/liba.so"],
    ),
    Case(
        rule="2.5 up to 2.36 `x86_64` comes before the directory itself",
        root={PROGRAM: program("liba.so"), "/lib/x86_64/liba.so": LIB, "/lib/liba.so": LIB},
        loads=["/lib/x86_64/liba.so"],
    ),
    Case(
        rule="2.5 up to 2.36 of both the combination comes first, then `tls`",
        root={
            PROGRAM: program("liba.so", "libb.so", runpath="/r"),
            "/r/tls/x86_64/liba.so": LIB,
            "/r/tls/liba.so": LIB,
            "/r/tls/libb.so": LIB,
            "/r/x86_64/libb.so": LIB,
        },
        loads=["/r/tls/x86_64/liba.so", "/r/tls/libb.so"],
    ),
    Case(
        rule="2.5 up to 2.36 a level comes before what is older",
        root={
            PROGRAM: program("liba.so", runpath="/r"),
            "/r/tls/x86_64/liba.so": LIB,
            f"/r/glibc-hwcaps/{V2}/liba.so": LIB,
        },
        levels=[V2],
        loads=[f"/r/glibc-hwcaps/{V2}/liba.so"],
    ),
)


@pytest.mark.parametrize("case", LEGACY, ids=str)
def test_glibc_knows_older_subdirectories(case: Case) -> None:
    """Until 2.36, and those that every processor has."""
    content = real_loader(GLIBC_INTERP)
    elf = facts(memoryview(content))
    assert isinstance(elf, Elf)
    assert elf.loader is not None
    if tuple(map(int, elf.loader.version.split("."))) > (2, 36):
        pytest.skip(f"glibc {elf.loader.version} has none of them any more")

    prove(case)


def ldconfig(root: Path) -> None:
    """Make the cache and the links as a package's installation would."""
    command = installed("ldconfig", "libc-bin")
    subprocess.run([command, "-X", "-r", str(root)], check=True, capture_output=True)


CONFIGURED = Case(
    rule="2.7 what ldconfig wrote",
    root={
        PROGRAM: program("liba.so.1", "libb.so.2", "libsame.so"),
        "/opt/one/liba.so.1.5": library(soname="liba.so.1"),
        "/opt/one/liba.so.1": "liba.so.1.5",
        f"/opt/one/glibc-hwcaps/{V2}/liba.so.1": library(soname="liba.so.1"),
        "/opt/two/libb.so.2": library("liba.so.1", soname="libb.so.2"),
        "/opt/one/libsame.so": LIB,
        "/lib/libsame.so": LIB,
        "/etc/ld.so.conf": b"include /etc/ld.so.conf.d/*.conf\n",
        "/etc/ld.so.conf.d/a.conf": b"/opt/two\n",
        "/etc/ld.so.conf.d/b.conf": b"/opt/one\n",
    },
    prepare=ldconfig,
)


def test_the_cache_of_ldconfig_is_read_as_the_loader_reads_it() -> None:
    """2.7: configured directories come first, levels are allowed or not."""
    rest = ["/opt/two/libb.so.2", "/opt/one/libsame.so"]
    plain, leveled = "/opt/one/liba.so.1", f"/opt/one/glibc-hwcaps/{V2}/liba.so.1"

    prove(attrs.evolve(CONFIGURED, levels=[], loads=[plain, *rest]))
    prove(attrs.evolve(CONFIGURED, levels=[V2], loads=[leveled, *rest]))


def test_every_level_ships_where_none_is_named() -> None:
    """2.5: for an unknown processor, what each level would load is needed besides."""
    variants: dict[str, Content | Linked] = {
        PROGRAM: program("liba.so", runpath="/r"),
        **LEVELED,
        f"/r/glibc-hwcaps/{V3}/liba.so": library("libv3.so"),
        "/lib/libv3.so": LIB,
    }
    case = Case(rule="2.5 levels", root=variants)
    found = {
        level: prove(attrs.evolve(case, levels=levels, loads=loads)).objects
        for level, levels, loads in (
            ("none", [], ["/r/liba.so"]),
            (V2, [V2], [f"/r/glibc-hwcaps/{V2}/liba.so"]),
            (V3, [V3, V2], [f"/r/glibc-hwcaps/{V3}/liba.so", "/lib/libv3.so"]),
        )
    }
    tree = make_tree(made(case, GLIBC_INTERP))
    every = load(tree, PROGRAM, read=reader(tree))

    assert every.objects == found["none"]
    assert {each.path for each in every.extras} == {
        each.path for level in (V2, V3) for each in found[level]
    } - {each.path for each in every.objects}
