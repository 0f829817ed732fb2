"""How closures look: golden texts of the tree and the list."""

from __future__ import annotations

import io
from collections.abc import Mapping

import attrs
import click
import pytest
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader

from imagesmith.cli.drawing import ASCII, Style, draw, summary, texts
from imagesmith.elf.closure import LoaderClosure, Object, Root, Unloadable
from imagesmith.model.arch import ARCHES
from imagesmith.trace.program import program

TREE = Style(tree=True)
APP = "/usr/bin/app"
CONTENT: dict[str, Content] = {
    GLIBC_INTERP: make_glibc("/lib", "/usr/lib"),
    "/lib": "usr/lib",
    APP: make_elf(
        interp=GLIBC_INTERP, needed=["liba.so.1", "libb.so", "libgone.so.2"], runpath="/opt/app"
    ),
    "/opt/app/liba.so.1": make_elf(
        soname="liba.so.1", needed=["libc.so.6", "libb.so", "libtext.so"], runpath="$ORIGIN/x"
    ),
    "/opt/app/libb.so": make_elf(arch=ARCHES["arm64"]),
    "/opt/app/x/libc.so.6": "/usr/lib/libc-2.36.so",
    "/usr/lib/libb.so": "libb.so.1.2",
    "/usr/lib/libb.so.1.2": make_elf(soname="libb.so.1", needed=["liba.so.1"]),
    "/usr/lib/libc-2.36.so": make_elf(soname="libc.so.6"),
    "/usr/lib/libgone.so.1": make_elf(),
    "/usr/lib/libtext.so": b"INPUT ( libtext.so.1 )" + bytes(40),
    "/usr/bin/run": "#!/usr/bin/app -x\n",
}
FOREIGN = "is for aarch64 (64-bit, little-endian), not x86-64 (64-bit, little-endian)"
OTHER = "/lib/libgone.so.1 is there: another version, which does not stand in for it"
SEARCHED = "searched /opt/app:/lib:/usr/lib"
TEXT = "invalid ELF header: it is a linker script"


def traced(path: str = APP, content: Mapping[str, Content] = CONTENT) -> LoaderClosure:
    """Trace a program of a small root."""
    tree = make_tree(content)
    return program(Root(tree, reader(tree)), path)


def plain(closure: LoaderClosure, style: Style) -> list[str]:
    """Return the lines of a drawing without its colours."""
    return click.unstyle(draw(closure, style)).splitlines()


def test_the_tree_puts_each_object_below_who_asked_first() -> None:
    """Once, with its rule; what is missing or broken stands where it was asked for."""
    assert plain(traced(), TREE) == [
        "/usr/bin/app                                        seed",
        "├─ /opt/app/liba.so.1                               RUNPATH of app",
        "│  ├─ /opt/app/x/libc.so.6 → /usr/lib/libc-2.36.so  RUNPATH of liba.so.1",
        "│  └─ /lib/libtext.so                               cannot be loaded",
        f"│        {TEXT}",
        "├─ /lib/libb.so → libb.so.1.2                       default",
        "├─ /lib64/ld-linux-x86-64.so.2                      interp",
        "└─ libgone.so.2                                     missing",
        "      searched /opt/app /lib /usr/lib",
        f"      hint: {OTHER}",
    ]


def test_more_says_who_asked_later_and_what_was_searched() -> None:
    """With the links, the soname where it is another, and the files that were passed over."""
    assert plain(traced(), attrs.evolve(TREE, verbose=True)) == [
        "/usr/bin/app                                        seed",
        "├─ /opt/app/liba.so.1                               RUNPATH of app",
        "│  ├─ /opt/app/x/libc.so.6 → /usr/lib/libc-2.36.so  RUNPATH of liba.so.1",
        "│  │     through /opt/app/x/libc.so.6 to /usr/lib/libc-2.36.so",
        "│  ├─ /lib/libb.so                                  again",
        "│  └─ /lib/libtext.so                               cannot be loaded",
        f"│        {TEXT}",
        "├─ /lib/libb.so → libb.so.1.2                       default",
        "│  │  through /lib /usr/lib/libb.so to /usr/lib/libb.so.1.2",
        "│  │  its soname is libb.so.1",
        "│  │  searched /opt/app /lib",
        f"│  │  passed over /opt/app/libb.so: {FOREIGN}",
        "│  └─ /opt/app/liba.so.1                            again",
        "├─ /lib64/ld-linux-x86-64.so.2                      interp",
        "└─ libgone.so.2                                     missing",
        "      searched /opt/app /lib /usr/lib",
        f"      hint: {OTHER}",
    ]


def test_without_unicode_the_tree_is_drawn_in_ascii() -> None:
    """Arrows and cuts as well."""
    lines = plain(traced(), attrs.evolve(TREE, glyphs=ASCII))

    assert all(line.isascii() for line in lines)
    assert lines[2] == "|  |- /opt/app/x/libc.so.6 -> /usr/lib/libc-2.36.so  RUNPATH of liba.so.1"


def test_a_narrow_terminal_loses_the_middle_of_long_paths() -> None:
    """Never the end, which is the name, nor the rule."""
    lines = plain(traced(), attrs.evolve(TREE, width=60))
    drawn = [line for line in lines if "  " in line.strip("│├└─ ")]

    assert max(map(len, drawn)) <= 60
    assert lines[2] == "│  ├─ /opt/app/x…/usr/lib/libc-2.36.so  RUNPATH of liba.so.1"


def test_the_list_is_a_line_an_object_in_the_loaders_order() -> None:
    """Path, rule, who asked, where links lead; nothing is cut."""
    assert plain(traced(), Style()) == [
        "/usr/bin/app                 seed     -",
        "/opt/app/liba.so.1           runpath  /usr/bin/app",
        "/lib/libb.so                 default  /usr/bin/app        /usr/lib/libb.so.1.2",
        "/opt/app/x/libc.so.6         runpath  /opt/app/liba.so.1  /usr/lib/libc-2.36.so",
        "/lib64/ld-linux-x86-64.so.2  interp   /usr/bin/app",
        f"libgone.so.2                 missing  /usr/bin/app        {SEARCHED}; hint: {OTHER}",
        f"/lib/libtext.so              error    /opt/app/liba.so.1  {TEXT}",
    ]


def test_more_lists_later_requests_too() -> None:
    """So that grep finds everybody who needs a library."""
    lines = plain(traced(), Style(verbose=True))

    assert [line.split()[:3] for line in lines if " again " in line] == [
        ["/lib/libb.so", "again", "/opt/app/liba.so.1"],
        ["/opt/app/liba.so.1", "again", "/lib/libb.so"],
    ]


def test_an_rpath_is_listed_with_whose_it_is() -> None:
    """Where that is not the requester."""
    found = traced(
        "/p",
        {
            GLIBC_INTERP: make_glibc(),
            "/p": make_elf(interp=GLIBC_INTERP, needed=["a.so"], rpath="/r"),
            "/r/a.so": make_elf(needed=["b.so"]),
            "/r/b.so": make_elf(),
        },
    )

    assert [line.split()[1] for line in plain(found, Style())] == [
        *("seed", "rpath", "rpath=/p", "interp")
    ]
    assert plain(found, TREE)[2] == "│  └─ /r/b.so                   RPATH of p"


def test_a_script_stands_above_its_interpreter() -> None:
    """With the line that names it."""
    lines = plain(traced("/usr/bin/run"), TREE)

    assert lines[0].split() == ["/usr/bin/run", "seed"]
    assert lines[1].split("  ")[-1] == "#!/usr/bin/app -x"
    assert lines[2].startswith("   ├─ /opt/app/liba.so.1 ")


def test_what_is_wrong_with_a_listed_object_stands_below_it() -> None:
    """Its path is not repeated."""
    found = LoaderClosure(
        objects=(Object(path="/p", real="/p", rule="seed", name="/p"),),
        errors=(Unloadable("/p", "X_2 wanted by /p, libx.so.1 has up to X_1"),),
    )

    assert plain(found, TREE) == [
        "/p                                            seed",
        "└─ X_2 wanted by /p, libx.so.1 has up to X_1  error",
    ]


def test_another_name_that_was_asked_for_is_shown() -> None:
    """As a token in DT_NEEDED gives."""
    each = Object(path="/opt/b.so", real="/opt/b.so", rule="path", name="$ORIGIN/c.so")
    found = LoaderClosure(objects=(each,))

    assert plain(found, TREE) == ["/opt/b.so (as $ORIGIN/c.so)  path"]


def test_circles_and_deep_chains_end() -> None:
    """A program that needs itself, and three thousand libraries in a row."""
    itself = traced(
        "/p", {GLIBC_INTERP: make_glibc(), "/p": make_elf(interp=GLIBC_INTERP, needed=["/p"])}
    )
    chain = [Object(path="/0", real="/0", rule="seed", name="/0")]
    chain += [
        Object(path=f"/{n}", real=f"/{n}", rule="path", needed_by=f"/{n - 1}", name=f"/{n}")
        for n in range(1, 3000)
    ]

    assert [line.split()[-1] for line in plain(itself, TREE)] == ["seed", "path", "interp"]
    assert len(plain(LoaderClosure(objects=tuple(chain)), TREE)) == 3000


def test_a_requester_nobody_lists_does_not_lose_its_object() -> None:
    """It stands below the seed."""
    seed = Object(path="/p", real="/p", rule="seed", name="/p")
    other = Object(path="/x", real="/x", rule="path", needed_by="/elsewhere", name="/x")

    assert len(plain(LoaderClosure(objects=(seed, other)), TREE)) == 2


@pytest.mark.parametrize("style", [TREE, Style()])
def test_names_of_strangers_cannot_act_on_a_terminal(style: Style) -> None:
    """Control characters are shown, not sent."""
    found = traced("/p\x1b[2J\n", {"/q": b""})

    assert "\\x1b[2J\\n" in draw(found, style)
    assert len(plain(found, style)) <= 2


def test_what_is_wrong_is_red() -> None:
    """In the tree and in the list."""
    assert "\x1b[31mlibgone.so.2" in draw(traced(), TREE)
    assert "\x1b[31mlibgone.so.2" in draw(traced(), Style())


def test_several_closures_have_an_empty_line_between() -> None:
    """In the order given."""
    assert click.unstyle(texts([traced("/a", {}), traced("/b", {})], Style())) == (
        "/a  missing  -  hint: there is no such file\n\n/b  missing  -  hint: there is no such file"
    )


def test_the_summary_counts() -> None:
    """Objects, bytes, and what is wrong."""
    found = traced()
    whole = LoaderClosure(objects=found.objects[:1], loader=found.loader)

    assert summary(found, APP, 1234567) == (
        "/usr/bin/app: 5 objects, 1.23 MB, glibc 2.36; 1 missing, 1 cannot be loaded"
    )
    assert summary(whole, APP, 999) == "/usr/bin/app: 1 object, 999 B, glibc 2.36; complete"


@pytest.mark.parametrize(("encoding", "ascii_only"), [("utf-8", False), ("latin-1", True)])
def test_the_style_follows_the_stream(encoding: str, *, ascii_only: bool) -> None:
    """Its encoding, and whether it is a terminal."""
    style = Style.of(io.TextIOWrapper(io.BytesIO(), encoding), tree=False, verbose=False)

    assert (style.tree, style.width) == (False, None)
    assert (style.glyphs is ASCII) == ascii_only
