"""glibc's search rules, one by one."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pytest
from builders.elf import (
    AUXILIARY,
    FILTER,
    GLIBC_INTERP,
    NEEDED,
    NODEFLIB,
    make_cache,
    make_elf,
    make_glibc,
)
from builders.roots import Content, closure_of, found_in

from imagesmith.elf.closure import BARE, Environment

P = "/app/prog"
closure = functools.partial(closure_of, seed=P)
LIB = make_elf()
T = "x86_64-linux-gnu"
UPSTREAM = make_glibc("/lib64", "/usr/lib64")


def program(*needed: str, **more: object) -> bytes:
    """Return a program for glibc."""
    return make_elf(interp=GLIBC_INTERP, needed=needed, **more)  # type: ignore[arg-type]  # keyword arguments of make_elf


def both(*directories: str) -> dict[str, Content]:
    """Return the same library in several directories."""
    return {f"{directory}/a.so": LIB for directory in directories}


ORDER: Sequence[tuple[str, dict[str, Content], Environment, tuple[str, str]]] = (
    (
        "rpath before library-path",
        {P: program("a.so", rpath="/r"), **both("/r", "/env", "/lib")},
        Environment(library_path="/env"),
        ("/r/a.so", "rpath"),
    ),
    (
        "library-path before runpath",
        {P: program("a.so", runpath="/r"), **both("/r", "/env", "/lib")},
        Environment(library_path="/none;/env"),
        ("/env/a.so", "library-path"),
    ),
    (
        "runpath before default",
        {P: program("a.so", runpath="/none:/r"), **both("/r", "/lib")},
        BARE,
        ("/r/a.so", "runpath"),
    ),
    (
        "runpath hides rpath",
        {P: program("a.so", rpath="/r", runpath="/none"), **both("/r", "/lib")},
        BARE,
        ("/lib/a.so", "default"),
    ),
    (
        "cache before default",
        {
            P: program("a.so"),
            **both("/opt", "/lib"),
            "/etc/ld.so.cache": make_cache([("a.so", "/opt/a.so", 0x303, None)]),
        },
        BARE,
        ("/opt/a.so", "cache"),
    ),
    (
        "stale cache",
        {
            P: program("a.so"),
            **both("/lib"),
            "/etc/ld.so.cache": make_cache([("a.so", "/opt/a.so", 0x303, None)]),
        },
        BARE,
        ("/lib/a.so", "default"),
    ),
    (
        "ld.so.conf alone does not count",
        {P: program("a.so"), **both("/opt", "/usr/lib"), "/etc/ld.so.conf": b"/opt\n"},
        BARE,
        ("/usr/lib/a.so", "default"),
    ),
    (
        "multiarch directory first",
        {P: program("a.so"), **both("/lib", f"/usr/lib/{T}")},
        BARE,
        (f"/usr/lib/{T}/a.so", "default"),
    ),
    (
        "origin of the program",
        {P: program("a.so", runpath="$ORIGIN/../l"), **both("/l")},
        BARE,
        ("/app/../l/a.so", "runpath"),
    ),
    (
        "debian's lib token",
        {P: program("a.so", runpath="/opt/$LIB"), **both(f"/opt/lib/{T}")},
        BARE,
        (f"/opt/lib/{T}/a.so", "runpath"),
    ),
    (
        "upstream's lib token",
        {P: program("a.so", runpath="/opt/$LIB"), GLIBC_INTERP: UPSTREAM, **both("/opt/lib64")},
        BARE,
        ("/opt/lib64/a.so", "runpath"),
    ),
    (
        "platform",
        {P: program("a.so", runpath="/opt/$PLATFORM"), **both("/opt/haswell")},
        Environment(platform="haswell"),
        ("/opt/haswell/a.so", "runpath"),
    ),
    (
        "platform in a name",
        {P: program("a-${PLATFORM}.so"), "/lib/a-haswell.so": LIB},
        Environment(platform="haswell"),
        ("/lib/a-haswell.so", "default"),
    ),
    ("name with slash", {P: program("/o/a.so"), "/o/a.so": LIB}, BARE, ("/o/a.so", "path")),
    (
        "name with origin",
        {P: program("$ORIGIN/a.so"), "/app/a.so": LIB},
        BARE,
        ("/app/a.so", "path"),
    ),
    (
        "root directory",
        {P: program("a.so", runpath="//"), "/a.so": LIB},
        BARE,
        ("/a.so", "runpath"),
    ),
)


@pytest.mark.parametrize("case", ORDER, ids=[case[0] for case in ORDER])
def test_the_first_stage_that_has_it_wins(
    case: tuple[str, dict[str, Content], Environment, tuple[str, str]],
) -> None:
    """The stages of ld.so(8), in order."""
    _, content, environment, expected = case
    result = closure(content, environment)

    assert ([expected], True) == (found_in(result), result.complete)


def test_rpath_is_inherited_along_who_loaded_whom() -> None:
    """B is found through the RPATH of the program that loaded its requester."""
    result = closure(
        {P: program("a.so", rpath="/r"), "/r/a.so": make_elf(needed=["b.so"]), "/r/b.so": LIB}
    )

    assert found_in(result) == [("/r/a.so", "rpath"), ("/r/b.so", "rpath")]
    assert result.objects[2].detail == P


def test_runpath_is_not_inherited() -> None:
    """B is not found through the RUNPATH of the program."""
    result = closure(
        {P: program("a.so", runpath="/r"), "/r/a.so": make_elf(needed=["b.so"]), "/r/b.so": LIB}
    )

    assert found_in(result) == [("/r/a.so", "runpath")]
    assert result.missing[0].hint == "/r/b.so is there, but not on the search path"


def test_an_ancestor_with_runpath_lends_nothing_and_stops_nothing() -> None:
    """The program's RPATH reaches past it."""
    result = closure(
        {
            P: program("a.so", rpath="/r"),
            "/r/a.so": make_elf(needed=["b.so"], rpath="/x", runpath="/y"),
            "/y/b.so": make_elf(needed=["c.so"]),
            "/x/c.so": LIB,
            "/r/c.so": LIB,
        }
    )

    assert found_in(result) == [("/r/a.so", "rpath"), ("/y/b.so", "runpath"), ("/r/c.so", "rpath")]


def test_the_origin_of_a_library_is_where_it_was_found() -> None:
    """Links are not resolved for it, for the program they are."""
    result = closure(
        {
            P: "/real/prog",
            "/real/prog": program("a.so", runpath="$ORIGIN/l"),
            "/real/l": "/opt/l",
            "/opt/l/a.so": make_elf(needed=["b.so"], runpath="$ORIGIN/../m"),
            "/real/m/b.so": LIB,
            "/opt/m/b.so": LIB,
        }
    )

    assert [path for path, _ in found_in(result)] == ["/real/l/a.so", "/real/l/../m/b.so"]
    assert result.objects[2].real == "/opt/m/b.so"


def test_a_soname_answers_without_a_search() -> None:
    """First come, first served: the name asked for, the path and DT_SONAME."""
    result = closure(
        {
            P: program("/o/any.so", "libz.so.1", "/o/any.so"),
            "/o/any.so": make_elf(soname="libz.so.1"),
            "/lib/libz.so.1": LIB,
        }
    )

    assert found_in(result) == [("/o/any.so", "path")]


def test_nodeflib_counts_for_its_own_needs_only() -> None:
    """Default directories and cache answers in them are out; others stay."""
    cache = [
        ("a.so", "/lib/a.so", 0x303, None),
        ("b.so", "/opt/b.so", 0x303, None),
    ]
    result = closure(
        {
            P: program("a.so", "b.so", flags_1=NODEFLIB),
            "/lib/a.so": LIB,
            "/opt/b.so": make_elf(needed=["c.so"]),
            "/lib/c.so": LIB,
            "/etc/ld.so.cache": make_cache(cache),
        }
    )

    assert found_in(result) == [("/opt/b.so", "cache"), ("/lib/c.so", "default")]
    assert [(m.name, m.searched) for m in result.missing] == [("a.so", ("/etc/ld.so.cache",))]


def test_filters_stand_before_their_object() -> None:
    """DT_AUXILIARY and DT_FILTER, in the order of the section; a later one moves forward."""
    result = closure(
        {
            P: program("a.so", "late.so"),
            "/lib/a.so": make_elf(
                dependencies=[
                    (AUXILIARY, "x.so"),
                    (NEEDED, "n.so"),
                    (FILTER, "y.so"),
                    (FILTER, "late.so"),
                    (AUXILIARY, "x.so"),
                ]
            ),
            **{f"/lib/{name}.so": LIB for name in ("x", "y", "n")},
            "/lib/late.so": make_elf(needed=["m.so"]),
            "/lib/m.so": LIB,
        }
    )

    assert found_in(result) == [
        ("/lib/x.so", "auxiliary"),
        ("/lib/y.so", "filter"),
        ("/lib/late.so", "default"),
        ("/lib/a.so", "default"),
        ("/lib/n.so", "default"),
        ("/lib/m.so", "default"),
    ]


def test_an_auxiliary_may_be_missing_and_a_filter_may_not() -> None:
    """The first is worth a warning."""
    result = closure({P: program(dependencies=[(AUXILIARY, "x.so"), (FILTER, "y.so")])})

    assert [each.name for each in result.missing] == ["y.so"]
    assert result.warnings == (
        f"x.so: needed by {P} (auxiliary) and not found; the loader goes on without it",
    )
