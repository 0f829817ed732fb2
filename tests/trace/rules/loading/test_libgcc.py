"""Rule libgcc: what glibc opens to end a thread."""

from __future__ import annotations

from typing import Final

import pytest
from builders.elf import MUSL_INTERP, make_elf
from builders.roots import Content
from builders.scenes import DIRECTORY, LIBC, Asked, added, glibc, importing, musl, with_strings

from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.closure import Suspected
from imagesmith.trace.rules.loading.libgcc import LIBGCC

LIBGCC_S: Final = f"{DIRECTORY}/libgcc_s.so.1"
FILES: Final[dict[str, Content]] = {
    **glibc("libgcc_s.so.1", "libgcc_s.so.1 must be installed for pthread_exit to work\n"),
    LIBGCC_S: make_elf(needed=["libc.so.6"]),
    "/bin/p": importing("pthread_exit", "backtrace"),
    "/bin/q": importing(needed=["liba.so"]),
    f"{DIRECTORY}/liba.so": importing("pthread_cancel", interp=None),
}


def test_a_program_that_ends_threads_gets_the_unwinder() -> None:
    """Opened by libc, whose string names it."""
    applied = Asked(FILES, ["/bin/p"]).about(LIBGCC)

    assert added(applied, "libgcc") == {
        LIBGCC_S: "pthread_exit of /bin/p: libgcc_s.so.1 by default"
    }
    assert applied.shipping.reasons.paths[LIBGCC_S].needed_by == LIBC


def test_a_library_that_might_is_only_a_suspect() -> None:
    """Until the recipe names the rule."""
    applied = Asked(FILES, ["/bin/q"]).about(LIBGCC, suspecting=True)
    named = Asked(FILES, ["/bin/q"], runtime=RuntimeSection(with_rules=("libgcc",))).about(LIBGCC)
    detail = f"pthread_cancel of {DIRECTORY}/liba.so"

    assert added(applied, "libgcc") == {}
    assert applied.suspects == [Suspected("libgcc", LIBGCC_S, LIBC, detail, present=True)]
    assert list(added(named, "libgcc")) == [LIBGCC_S]


def test_the_program_goes_before_its_libraries() -> None:
    """Whoever comes first in the closure."""
    applied = Asked(FILES, ["/bin/q", "/bin/p"]).about(LIBGCC)

    assert list(added(applied, "libgcc")) == [LIBGCC_S]


@pytest.mark.parametrize("name", ["libpthread.so.0", "libc.so.6.1"])
def test_the_name_is_read_wherever_glibc_has_it(name: str) -> None:
    """Before 2.34 in libpthread as well; other machines count otherwise."""
    library = make_elf(soname=name, needed=["libc.so.6"]) + with_strings("libgcc_s.so.4")
    files = {
        **glibc(),
        f"{DIRECTORY}/{name}": library,
        f"{DIRECTORY}/libgcc_s.so.4": make_elf(),
        "/bin/p": importing("pthread_cancel", needed=[name]),
    }

    assert list(added(Asked(files, ["/bin/p"]).about(LIBGCC), "libgcc")) == [
        f"{DIRECTORY}/libgcc_s.so.4"
    ]


def test_musl_needs_none() -> None:
    """Its threads end by themselves."""
    files = {
        **musl(),
        "/lib/libgcc_s.so.1": make_elf(),
        "/bin/p": importing("pthread_exit", interp=MUSL_INTERP, needed=[])
        + with_strings("libgcc_s.so.1"),
    }

    assert added(Asked(files, ["/bin/p"]).about(LIBGCC), "libgcc") == {}


def test_who_ends_no_thread_gets_nothing() -> None:
    """Nor does it miss anything."""
    files = {**FILES, "/bin/p": importing("pthread_create")}
    applied = Asked(files, ["/bin/p"]).about(LIBGCC, suspecting=True)

    assert (added(applied, "libgcc"), applied.suspects) == ({}, [])
