"""Loading a seed: which loader, which objects, what is missing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pytest
from builders.elf import GLIBC_INTERP, PIE, make_elf, make_glibc
from builders.roots import Content, closure_of, make_tree, reader

from imagesmith.elf.closure import (
    BARE,
    Environment,
    LoaderClosure,
    Missing,
    Object,
    Unloadable,
    load,
)
from imagesmith.model.tree import Entry, Tree

PROGRAM = "/bin/prog"
LOADER = {GLIBC_INTERP: make_glibc()}


def closure(
    content: Mapping[str, Content],
    seed: str = PROGRAM,
    environment: Environment = BARE,
    modes: Mapping[str, int] | None = None,
) -> LoaderClosure:
    """Load the program, or another seed, beside a glibc loader."""
    return closure_of(content, environment, modes, seed=seed)


def program(*needed: str, **more: object) -> bytes:
    """Return a program for glibc."""
    return make_elf(interp=GLIBC_INTERP, needed=needed, **more)  # type: ignore[arg-type]  # keyword arguments of make_elf


def paths(found: LoaderClosure) -> list[str]:
    """Return the objects after the seed, as found, without the loader."""
    return [each.path for each in found.objects[1:] if each.rule != "interp"]


def test_a_program_lists_itself_its_libraries_and_its_loader() -> None:
    """Every object says where it was found, where it really is, and why."""
    found = closure(
        {
            PROGRAM: program("liba.so.1"),
            "/lib": "usr/lib",
            "/usr/lib/liba.so.1": "liba.so.1.2",
            "/usr/lib/liba.so.1.2": make_elf(soname="liba.so.1"),
        }
    )

    assert found.complete
    assert found.objects == (
        Object(path=PROGRAM, real=PROGRAM, rule="seed", name=PROGRAM),
        Object(
            path="/lib/liba.so.1",
            real="/usr/lib/liba.so.1.2",
            soname="liba.so.1",
            links=("/lib", "/usr/lib/liba.so.1"),
            rule="default",
            needed_by=PROGRAM,
            name="liba.so.1",
        ),
        Object(
            path=GLIBC_INTERP,
            real=GLIBC_INTERP,
            soname="ld-linux-x86-64.so.2",
            rule="interp",
            needed_by=PROGRAM,
            name=GLIBC_INTERP,
        ),
    )


def test_the_loader_stands_where_something_needs_it() -> None:
    """As `ld.so --list` prints it."""
    found = closure(
        {
            PROGRAM: program("libc.so.6"),
            "/lib/libc.so.6": make_elf(needed=["ld-linux-x86-64.so.2", "libb.so"]),
            "/lib/libb.so": make_elf(),
        }
    )

    assert [each.path for each in found.objects[1:]] == [
        "/lib/libc.so.6",
        GLIBC_INTERP,
        "/lib/libb.so",
    ]


def test_the_document_has_the_shape_of_the_interface() -> None:
    """`trace --json` as DESIGN.md §4 gives it."""
    found = closure({PROGRAM: program("liba.so", "libb.so"), "/lib/liba.so": b"GROUP ( x )"})

    assert found.to_json() == {
        "format": 1,
        "loader": {"kind": "glibc", "version": "2.36"},
        "objects": [
            {
                "path": PROGRAM,
                "real": PROGRAM,
                "soname": None,
                "links": [],
                "rule": "seed",
                "needed_by": None,
            },
            {
                "path": GLIBC_INTERP,
                "real": GLIBC_INTERP,
                "soname": "ld-linux-x86-64.so.2",
                "links": [],
                "rule": "interp",
                "needed_by": PROGRAM,
            },
        ],
        "missing": [
            {
                "name": "libb.so",
                "needed_by": PROGRAM,
                "searched": [
                    "/lib/x86_64-linux-gnu",
                    "/usr/lib/x86_64-linux-gnu",
                    "/lib",
                    "/usr/lib",
                ],
                "hint": None,
            }
        ],
        "errors": [{"path": "/lib/liba.so", "problem": "file too short: it is a linker script"}],
        "warnings": [],
    }


def test_a_static_program_needs_nothing() -> None:
    """No PT_DYNAMIC, no loader."""
    found = closure({PROGRAM: make_elf(kind=2, dynamic=False)})

    assert (found.loader, len(found.objects), found.complete) == (None, 1, True)
    assert LoaderClosure().to_json() == {
        "format": 1,
        "loader": {"kind": None, "version": None},
        "objects": [],
        "missing": [],
        "errors": [],
        "warnings": [],
    }


def test_a_relocatable_static_program_needs_nothing() -> None:
    """DF_1_PIE without PT_INTERP: no loader runs, whichever the root has."""
    found = closure({PROGRAM: make_elf(flags_1=PIE)})

    assert (found.loader, len(found.objects), found.complete) == (None, 1, True)


SHORT = "file too short"
SEEDS: dict[str, tuple[Content, LoaderClosure]] = {
    "directory": (None, LoaderClosure(errors=(Unloadable(PROGRAM, "is not a regular file"),))),
    "text": (b"hello " * 20, LoaderClosure(errors=(Unloadable(PROGRAM, "invalid ELF header"),))),
    "short": (b"hello", LoaderClosure(errors=(Unloadable(PROGRAM, SHORT),))),
    "broken": (b"\x7fELF", LoaderClosure(errors=(Unloadable(PROGRAM, SHORT),))),
    "object file": (
        make_elf(kind=1),
        LoaderClosure(errors=(Unloadable(PROGRAM, "is neither a program nor a library"),)),
    ),
    "dangling": (
        "nowhere",
        LoaderClosure(
            missing=(
                Missing(
                    *(PROGRAM, None, ()),
                    f"{PROGRAM} is a link to nowhere, and /bin/nowhere is not there",
                ),
            )
        ),
    ),
}


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_no_program_is_an_error(name: str) -> None:
    """Seeds that cannot be loaded are rows of the result, not exceptions."""
    content, expected = SEEDS[name]

    assert expected == closure({PROGRAM: content})


def test_cycles_end_and_list_each_file_once() -> None:
    """A needs b needs a, and itself."""
    found = closure(
        {
            PROGRAM: program("a.so"),
            "/lib/a.so": make_elf(needed=["b.so", "a.so"]),
            "/lib/b.so": make_elf(needed=["a.so", "b.so"]),
        }
    )

    assert paths(found) == ["/lib/a.so", "/lib/b.so"]


def test_every_way_to_a_file_is_kept() -> None:
    """A second name of a loaded file adds its links, a hard link its path."""
    found = closure(
        {
            PROGRAM: program("a.so", "b.so", "c.so"),
            "/lib/a.so": make_elf(),
            "/lib/b.so": "a.so",
            "/lib/c.so": "=/lib/a.so",
        }
    )

    assert paths(found) == ["/lib/a.so"]
    assert (found.objects[1].links, found.objects[1].aliases) == (("/lib/b.so",), ("/lib/c.so",))


class Identified:
    """A filesystem in which all libraries are one inode."""

    def __init__(self, tree: Tree) -> None:
        """Answer like `tree`."""
        self.tree = tree

    def entry(self, path: str) -> Entry | None:
        """Return the tree's entry."""
        return self.tree.entry(path)

    def identity(self, path: str) -> Hashable:
        """Know libraries from nothing but their suffix."""
        return path[-3:]


def test_a_filesystem_may_know_identities_itself() -> None:
    """As a host directory does, whose paths do not say what is one file."""
    tree = make_tree(
        {
            **LOADER,
            PROGRAM: program("a.so", "b.so"),
            "/lib/a.so": make_elf(),
            "/lib/b.so": make_elf(),
        }
    )
    found = load(Identified(tree), PROGRAM, read=reader(tree))

    assert paths(found) == ["/lib/a.so"]


def test_a_loader_without_readable_directories_is_warned_about() -> None:
    """Nothing is searched by default then, and $LIB has no value."""
    bare = make_elf(entry=64, payload=b"\0/etc/ld.so.cache\0")
    found = closure({PROGRAM: program("a.so", runpath="/$LIB"), GLIBC_INTERP: bare})

    assert found.missing[0].searched == ()
    assert (
        found.warnings[0]
        == f"{GLIBC_INTERP}: its system directories cannot be read: none are searched"
    )
