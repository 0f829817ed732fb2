"""What glibc's rules leave out, refuse or ignore, and what is said about it."""

from __future__ import annotations

import functools

from builders.elf import (
    GLIBC_INTERP,
    PIE,
    make_elf,
)
from builders.roots import Content, closure_of, found_in

from imagesmith.elf.closure import Missing, Unloadable

P = "/app/prog"

closure = functools.partial(closure_of, seed=P)

LIB = make_elf()


def program(*needed: str, **more: object) -> bytes:
    """Return a program for glibc."""
    return make_elf(interp=GLIBC_INTERP, needed=needed, **more)  # type: ignore[arg-type]  # keyword arguments of make_elf


def test_relative_places_are_left_out_with_a_warning() -> None:
    """They would depend on where the program is started."""
    result = closure(
        {P: program("a.so", "./b.so", runpath="lib::/r"), "/r/a.so": LIB, "/b.so": LIB}
    )

    assert found_in(result) == [("/r/a.so", "runpath")]
    hint = "the name is relative to the working directory"
    assert (Missing("./b.so", P, ("./b.so",), hint),) == result.missing
    assert result.warnings == (
        f"{P}: RUNPATH element 'lib' is relative to the working directory; ignored",
        f"{P}: RUNPATH element '' is relative to the working directory; ignored",
    )


def test_an_empty_path_is_no_path() -> None:
    """Not even the working directory."""
    result = closure({P: program("a.so", runpath="", rpath="/r"), "/r/a.so": LIB})

    assert ([each.name for each in result.missing], result.warnings) == (["a.so"], ())


def test_the_platform_has_to_be_asked_for() -> None:
    """It is a property of the processor that runs the image."""
    result = closure(
        {P: program("a.so", "$PLATFORM/b.so", runpath="/r/$PLATFORM"), "/lib/a.so": LIB}
    )

    assert found_in(result) == [("/lib/a.so", "default")]
    assert result.missing[0].hint == "a token in the name has no value that is known"
    assert result.warnings == (
        f"{P}: RUNPATH element '/r/$PLATFORM' depends on the processor ($PLATFORM); ignored",
    )


def test_a_secure_program_has_no_tokens_in_names() -> None:
    """DST not allowed in SUID/SGID programs."""
    result = closure({P: program("$ORIGIN/a.so"), "/app/a.so": LIB}, modes={P: 0o4755})

    assert [each.name for each in result.missing] == ["$ORIGIN/a.so"]


def test_a_secure_program_trusts_origin_in_system_directories_only() -> None:
    """Anywhere else the element is dropped."""
    result = closure({P: program("a.so", runpath="$ORIGIN"), "/app/a.so": LIB}, modes={P: 0o4755})

    assert [each.name for each in result.missing] == ["a.so"]
    assert result.warnings == (
        f"{P}: RUNPATH element '$ORIGIN' is not allowed in a program with AT_SECURE; ignored",
    )


def test_a_broken_cache_is_ignored_with_a_warning() -> None:
    """The default directories follow."""
    result = closure({P: program("a.so"), "/lib/a.so": LIB, "/etc/ld.so.cache": b"nonsense"})

    assert found_in(result) == [("/lib/a.so", "default")]
    assert result.warnings == ("/etc/ld.so.cache: not an ld.so.cache; ignored",)


def test_a_hint_says_that_configuration_without_cache_does_not_count() -> None:
    """The commonest surprise of images without ldconfig."""
    result = closure(
        {P: program("a.so"), "/usr/local/lib/a.so": LIB, "/etc/ld.so.conf": b"/usr/local/lib"}
    )

    assert result.missing[0].hint == (
        "/usr/local/lib/a.so is there, but not on the search path; "
        "/etc/ld.so.conf does not count without /etc/ld.so.cache"
    )


def test_each_requester_of_a_missing_name_is_named_once() -> None:
    """The real program would stop at the first."""
    result = closure({P: program("a.so", "x.so", "x.so"), "/lib/a.so": make_elf(needed=["x.so"])})

    assert [(m.name, m.needed_by) for m in result.missing] == [("x.so", P), ("x.so", "/lib/a.so")]


def test_another_name_of_the_program_or_the_loader_is_a_second_copy() -> None:
    """What the kernel mapped has no identity for ld.so; a program may not be a library, though."""
    content: dict[str, Content] = {"/lib/self.so": P, "/lib/ld.so": GLIBC_INTERP}
    result = closure({**content, P: program("self.so", "ld.so")})
    position_independent = closure({**content, P: program("self.so", flags_1=PIE)})

    assert found_in(result) == [("/lib/self.so", "default"), ("/lib/ld.so", "default")]
    problem = "cannot dynamically load position-independent executable"
    assert (Unloadable("/lib/self.so", problem),) == position_independent.errors
