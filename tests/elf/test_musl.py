"""musl's search rules, one by one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from builders.elf import AUXILIARY, ET_EXEC, GLIBC_INTERP, MUSL_INTERP, make_elf, make_musl
from builders.roots import Content, make_tree, reader

from imagesmith.elf.closure import BARE, Environment, LoaderClosure, Unloadable, load
from imagesmith.model.arch import ARCHES

P = "/app/prog"
LIB = make_elf()


def closure(
    content: Mapping[str, Content],
    environment: Environment = BARE,
    modes: Mapping[str, int] | None = None,
) -> LoaderClosure:
    """Load the program of a tree with musl's loader."""
    tree = make_tree({MUSL_INTERP: make_musl(), **content}, modes)
    return load(tree, P, environment, read=reader(tree))


def program(*needed: str, **more: object) -> bytes:
    """Return a program for musl."""
    return make_elf(interp=MUSL_INTERP, needed=needed, **more)  # type: ignore[arg-type]  # keyword arguments of make_elf


def found(result: LoaderClosure) -> list[tuple[str, str]]:
    """Return path and rule of what was loaded."""
    return [(each.path, each.rule) for each in result.objects[1:] if each.rule != "interp"]


@pytest.mark.parametrize("name", ["libc.so", "libc.so.6", "libpthread.so.0", "libm.x", MUSL_INTERP])
def test_reserved_names_are_the_loader(name: str) -> None:
    """No file of that name is needed, and none is looked for."""
    result = closure(
        {P: program(name), f"/lib/{name.rpartition('/')[2]}": LIB}
        if "/" not in name
        else {P: program(name)}
    )

    assert ([each.path for each in result.objects[1:]], result.complete) == ([MUSL_INTERP], True)


def test_the_library_path_comes_first() -> None:
    """Before the RPATH; relative and empty elements are passed over."""
    content: dict[str, Content] = {P: program("a.so", rpath="/r"), "/r/a.so": LIB, "/env/a.so": LIB}
    result = closure(content, Environment(library_path=":env\n/env"))

    assert found(result) == [("/env/a.so", "library-path")]
    assert result.warnings == (
        "LD_LIBRARY_PATH: element 'env' is relative to the working directory; ignored",
    )
    secure = closure(content, Environment(library_path="/env"), {P: 0o4755})
    assert found(secure) == [("/r/a.so", "rpath")]


@pytest.mark.parametrize("tag", ["rpath", "runpath"])
def test_both_tags_are_inherited(tag: str) -> None:
    """They are one thing to musl."""
    result = closure(
        {
            P: program("a.so", **{tag: "/r"}),
            "/r/a.so": make_elf(needed=["b.so"], runpath="/x"),
            "/r/b.so": LIB,
        }
    )

    assert [("/r/a.so", tag), ("/r/b.so", tag)] == found(result)


def test_runpath_wins_over_rpath() -> None:
    """If one object has both."""
    result = closure({P: program("a.so", rpath="/x", runpath="/r"), "/x/a.so": LIB, "/r/a.so": LIB})

    assert found(result) == [("/r/a.so", "runpath")]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$ORIGIN/l", "/app/l/a.so"),
        ("${ORIGIN}l", "/appl/a.so"),
        ("$ORIGINX", "/appX/a.so"),
        ("/r:$LIB", "/lib/a.so"),
        ("/r/$ORIGIN:$PLATFORM", "/lib/a.so"),
    ],
)
def test_only_origin_is_known(path: str, expected: str) -> None:
    """Its prefix is enough; anything else disables the whole string."""
    places = ("/app/l", "/appl", "/appX", "/r", "/lib")
    result = closure(
        {P: program("a.so", runpath=path), **{f"{place}/a.so": LIB for place in places}}
    )

    assert expected == found(result)[0][0]


def test_the_origin_of_a_secure_program_does_not_count() -> None:
    """That of its libraries does."""
    result = closure(
        {
            P: program("a.so", "b.so", runpath="$ORIGIN"),
            "/app/a.so": LIB,
            "/lib/b.so": make_elf(needed=["c.so"], runpath="$ORIGIN/p"),
            "/lib/p/c.so": LIB,
        },
        modes={P: 0o4755},
    )

    assert found(result) == [("/lib/b.so", "default"), ("/lib/p/c.so", "runpath")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ["/usr/local/lib/a.so"]),
        (b"/opt/x:\n/opt/y\n", ["/opt/y/a.so"]),
        (b"", []),
        (b"rel:/opt/y", ["/opt/y/a.so"]),
    ],
)
def test_the_path_file_replaces_the_default(content: bytes | None, expected: list[str]) -> None:
    """Colons and newlines separate; an empty file finds nothing."""
    path = "/etc/ld-musl-x86_64.path"
    files: dict[str, Content] = {P: program("a.so"), "/usr/local/lib/a.so": LIB, "/opt/y/a.so": LIB}
    result = closure(files if content is None else {**files, path: content})

    assert expected == [each for each, _ in found(result)]
    assert result.consulted == (() if content is None else ((path, "path"),))


def test_the_path_file_lies_beside_the_loader() -> None:
    """Two levels above PT_INTERP; its name comes from the machine if the file's does not say."""
    interp = "/opt/musl/lib/ld.so"
    result = closure(
        {
            P: make_elf(interp=interp, needed=["a.so"]),
            interp: make_musl(),
            "/opt/musl/etc/ld-musl-x86_64.path": b"/l",
            "/l/a.so": LIB,
        }
    )

    assert found(result) == [("/l/a.so", "default")]


def test_an_unreadable_path_file_counts_as_empty() -> None:
    """Only its absence gives the default."""
    result = closure({P: program("a.so"), "/lib/a.so": LIB, "/etc": b""})

    assert ([each.name for each in result.missing], result.consulted) == (["a.so"], ())


def test_a_soname_counts_for_nothing() -> None:
    """Names are those files were found by."""
    result = closure(
        {P: program("a.so", "z.so", "a.so"), "/lib/a.so": make_elf(soname="z.so"), "/lib/z.so": LIB}
    )

    assert found(result) == [("/lib/a.so", "default"), ("/lib/z.so", "default")]


def test_a_file_found_by_path_gets_its_short_name_from_a_search() -> None:
    """The short name is that of its first path."""
    result = closure(
        {
            P: program("/o/first.so", "second.so", "first.so"),
            "/o/first.so": LIB,
            "/lib/second.so": "/o/first.so",
        }
    )

    assert (found(result), result.complete) == ([("/o/first.so", "path")], True)


def test_filters_are_not_followed() -> None:
    """Musl knows DT_NEEDED only."""
    assert closure({P: program(dependencies=[(AUXILIARY, "x.so")])}).complete


FATAL: dict[str, tuple[Content, str]] = {
    "text": (b"GROUP ( libc.so )" * 9, "invalid ELF header: it is a linker script"),
    "directory": (None, "is not a regular file"),
    "static": (make_elf(kind=ET_EXEC, dynamic=False), "object file has no dynamic section"),
    "relocatable": (make_elf(kind=1), "only ET_DYN and ET_EXEC can be loaded"),
    "foreign": (
        make_elf(arch=ARCHES["arm64"]),
        "is for aarch64 (64-bit, little-endian), not x86-64 (64-bit, little-endian)",
    ),
}


@pytest.mark.parametrize("name", FATAL)
def test_the_first_file_that_opens_is_used(name: str) -> None:
    """Whatever it is; a good copy behind it does not help."""
    content, problem = FATAL[name]
    result = closure({P: program("a.so", runpath="/r"), "/r/a.so": content, "/lib/a.so": LIB})

    assert ([], (Unloadable("/r/a.so", problem),)) == (found(result), result.errors)


def test_an_executable_may_be_a_library() -> None:
    """Musl does not mind."""
    assert closure({P: program("a.so"), "/lib/a.so": make_elf(kind=ET_EXEC)}).complete


def test_a_loop_of_links_ends_the_whole_search() -> None:
    """For glibc only the list it is in."""
    result = closure({P: program("a.so", runpath="/r"), "/r/a.so": "a.so", "/lib/a.so": LIB})

    assert [(each.name, each.searched) for each in result.missing] == [("a.so", ("/r",))]
    assert result.missing[0].hint == "/r/a.so is a loop of symbolic links"


def test_absent_names_go_on() -> None:
    """ENOENT, ENOTDIR and a name too long for a file."""
    long = "x" * 256
    result = closure(
        {P: program("a.so", long, "./b.so", "/none.so", runpath="/f:/r"), "/f": b"", "/r/a.so": LIB}
    )

    assert found(result) == [("/r/a.so", "runpath")]
    assert [long, "./b.so", "/none.so"] == [each.name for each in result.missing]


def test_gcompat_makes_a_glibc_program_a_musl_one() -> None:
    """The content of the interpreter decides, behind its links."""
    result = closure(
        {
            P: make_elf(interp=GLIBC_INTERP, needed=["libc.so.6", "a.so"], runpath="/r"),
            GLIBC_INTERP: MUSL_INTERP,
            "/r/a.so": LIB,
        }
    )

    assert result.loader is not None
    assert (result.loader.kind, result.loader.version) == ("musl", "1.2.3")
    assert [(each.path, each.links) for each in result.objects[1:]] == [
        (GLIBC_INTERP, (GLIBC_INTERP,)),
        ("/r/a.so", ()),
    ]


def test_another_name_of_the_loader_is_the_loader() -> None:
    """Musl recognises itself by its symbols, and keeps a single copy."""
    result = closure({P: program("c.so"), "/lib/c.so": MUSL_INTERP})

    assert [(each.path, each.links) for each in result.objects[1:]] == [
        (MUSL_INTERP, ("/lib/c.so",)),
    ]
