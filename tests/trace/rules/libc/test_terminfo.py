"""Terminal descriptions: where libtinfo looks, those that everybody has."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped
from builders.scenes import importing

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.rules.libc.terminfo import USUAL

LIB = "/usr/lib/x86_64-linux-gnu"
SEARCHED = "/etc/terminfo:/lib/terminfo:/usr/share/terminfo"
ALL = [f"/usr/lib/terminfo/{name[0]}/{name}" for name in USUAL]


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system, made once."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing("tgetent", needed=("libtinfo.so.6",)),
        "/usr/bin/edits": importing(needed=("libedit.so.2",)),
        "/usr/bin/links": importing(needed=("libncurses.so.6",)),
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libtinfo.so.6": carrier("libtinfo.so.6", "/etc/terminfo", SEARCHED),
        f"{LIB}/libedit.so.2": carrier(
            "libedit.so.2", imports=["setupterm"], needed=("libtinfo.so.6",)
        ),
        f"{LIB}/libncurses.so.6": carrier(
            "libncurses.so.6", imports=["setupterm"], needed=("libtinfo.so.6",)
        ),
        "/etc/terminfo": None,
        **{f"/usr/lib/terminfo/{name[0]}/{name}": name.encode() for name in USUAL},
        "/usr/share/terminfo/x/xterm": b"another",
        "/usr/share/terminfo/x/xterm-kitty": "xterm",
        "/usr/share/terminfo/6d/mach": b"in hexadecimal",
    }


@pytest.mark.parametrize("seed", ["/usr/bin/p", "/usr/bin/edits"])
def test_who_asks_for_a_terminal_gets_the_usual_ones(seed: str) -> None:
    """A program, or a library for it; the first directory that has an entry counts."""
    assert shipped(ruled(system(), seed), "terminfo") == ALL


def test_a_curses_library_asks_for_nobody() -> None:
    """It is linked more often than it is used."""
    assert shipped(ruled(system(), "/usr/bin/links"), "terminfo") == []


def test_declared_terminals_take_the_place_of_the_usual_ones() -> None:
    """Links are followed; letters may be written in hexadecimal."""
    section = RuntimeSection(terminals=("xterm-kitty", "mach"))
    found = shipped(ruled(system(), "/usr/bin/links", runtime=section), "terminfo")

    assert found == ["/usr/share/terminfo/6d/mach", "/usr/share/terminfo/x/xterm"]


def test_usual_ones_may_be_missing_and_declared_ones_not() -> None:
    """The error names what is like it."""
    bare = {path: each for path, each in system().items() if "/terminfo/" not in path}
    assert shipped(ruled(bare, "/usr/bin/p"), "terminfo") == []

    with pytest.raises(ClosureIncomplete) as raised:
        ruled(system(), "/usr/bin/p", runtime=RuntimeSection(terminals=("xterm-kity", "qansi")))

    assert raised.value.problems == (
        "runtime.terminals: xterm-kity is not in the packages (did you mean xterm-kitty or xterm)",
        "runtime.terminals: qansi is not in the packages (ncurses-term has more of them)",
    )


def test_without_a_reader_terminals_are_of_no_use() -> None:
    """A warning says so."""
    section = RuntimeSection(terminals=("xterm",))
    found = ruled({"/p": importing(needed=())}, "/p", runtime=section)

    warning = "runtime.terminals: no library in the image reads terminal descriptions"
    assert warning in found.warnings
