"""What is said of a name that nothing answered."""

from __future__ import annotations

import pytest
from builders.elf import GLIBC_INTERP, make_cache, make_elf, make_musl
from builders.roots import Content, closure_of, make_tree, reader

from imagesmith.elf.closure import Missing
from imagesmith.elf.hint import file
from imagesmith.elf.root import Root
from imagesmith.model.arch import ARCHES
from imagesmith.model.tree import Entry, Tree

P = "/bin/prog"
LIB = make_elf()
FAR = "/usr/lib/x86_64-linux-gnu"

HINTS: dict[str, tuple[str, dict[str, Content], str | None]] = {
    "nothing known": ("a.so.1", {}, None),
    "beside": (
        "a.so.1",
        {"/usr/local/lib/a.so.1": LIB},
        "/usr/local/lib/a.so.1 is there, but not on the search path",
    ),
    "not in the cache": (
        "a.so.1",
        {
            "/opt/a.so.1": LIB,
            "/etc/ld.so.conf": b"include conf.d/*\n",
            "/etc/conf.d/a": b"/opt\n",
            "/etc/ld.so.cache": make_cache([("b.so", "/opt/b.so", 0x303, None)]),
        },
        (
            "/opt/a.so.1 is there, but not on the search path; "
            "/etc/ld.so.conf has the directory, /etc/ld.so.cache does not have the file"
        ),
    ),
    "foreign": (
        "a.so.1",
        {"/lib/a.so.1": make_elf(arch=ARCHES["arm64"])},
        "/lib/a.so.1 is for aarch64 (64-bit, little-endian), not x86-64 (64-bit, little-endian)",
    ),
    "dangling": (
        "a.so.1",
        {f"{FAR}/a.so.1": "/etc/alternatives/a.so.1", f"{FAR}/atlas/a.so.1": LIB},
        f"{FAR}/a.so.1 is a link to /etc/alternatives/a.so.1, and /etc is not there",
    ),
    "loop": ("a.so.1", {"/lib/a.so.1": "a.so.1"}, "/lib/a.so.1 is a loop of symbolic links"),
    "alternative": (
        "libblas.so.3",
        {f"{FAR}/blas/libblas.so.3": LIB, f"{FAR}/blas/libblas.so.3.0": LIB, f"{FAR}/a.so": LIB},
        (
            f"{FAR}/blas/libblas.so.3 is there, but not on the search path; "
            "configuring its package (update-alternatives) may link to it"
        ),
    ),
    "other version": (
        "libssl.so.1.1",
        {f"{FAR}/libssl.so.3": "libssl.so.3.0.1", f"{FAR}/libssl.so.3.0.1": LIB},
        f"{FAR}/libssl.so.3 is there: another version, which does not stand in for it",
    ),
    "version of a plain name": (
        "libx.so",
        {"/lib/libx.so.1": "gone", "/lib/libx.so.12": LIB},
        "/lib/libx.so.12 is there: another version, which does not stand in for it",
    ),
    "no soname": ("plugin", {"/lib/plugin.so.1": LIB}, None),
    "path": ("/opt/a.so", {}, None),
    "dangling path": (
        "/opt/a.so",
        {"/opt/a.so": "b.so"},
        "/opt/a.so is a link to b.so, and /opt/b.so is not there",
    ),
    "relative path": ("./a.so", {}, "the name is relative to the working directory"),
}


@pytest.mark.parametrize("name", HINTS)
def test_a_missing_library_comes_with_what_would_help(name: str) -> None:
    """The first that is true, the surest first."""
    wanted, content, hint = HINTS[name]
    program = make_elf(interp=GLIBC_INTERP, needed=[wanted])
    found = closure_of({P: program, **content}, seed=P)

    assert [(each.name, each.hint) for each in found.missing] == [(wanted, hint)]


def test_a_missing_loader_is_looked_for_and_its_link_followed() -> None:
    """A dangling link says where it leads."""
    musl = "/lib/ld-musl-x86_64.so.1"
    found = closure_of(
        {P: make_elf(interp=musl, needed=["libc.so"]), musl: "libc.so", "/x": make_musl()}, seed=P
    )

    assert found.missing == (
        Missing(musl, P, (musl,), f"{musl} is a link to libc.so, and /lib/libc.so is not there"),
    )


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/bin/curl", "/usr/bin/curl"),
        ("/usr/bin/crul", "/usr/bin/curl"),
        ("/usr/bin/wget", None),
        ("/opt/none/tool", None),
        ("/", None),
    ],
)
def test_a_missing_program_comes_with_what_may_have_been_meant(
    path: str, meant: str | None
) -> None:
    """The same name elsewhere, or one like it beside."""
    tree = make_tree({"/usr/bin/curl": LIB, "/usr/bin/ls": LIB})
    said = file(Root(tree, reader(tree)), path)

    assert said == "there is no such file" + (f"; did you mean {meant}" if meant else "")


class Silent:
    """A filesystem that answers for paths only."""

    def __init__(self, tree: Tree) -> None:
        """Hide what else a tree can do."""
        self._tree = tree

    def entry(self, path: str) -> Entry | None:
        """Return the entry at a path."""
        return self._tree.entry(path)


def test_a_filesystem_that_cannot_be_listed_gives_fewer_hints() -> None:
    """And no error."""
    tree = make_tree({"/usr/bin/curl": LIB})
    root = Root(Silent(tree), reader(tree))

    assert root.names("/usr/bin") == ()
    assert file(root, "/usr/bin/crul") == "there is no such file"
    assert Root(tree, reader(tree)).names("/none") == ()


def test_a_large_text_is_not_read_for_a_hint() -> None:
    """Linker scripts are small."""
    program = make_elf(interp=GLIBC_INTERP, needed=["a.so", "b.so"])
    text: dict[str, Content] = {"/lib/a.so": b"GROUP ( x )" + bytes(20000), "/lib/b.so": b"hello"}
    found = closure_of({P: program, **text}, seed=P)

    assert [each.problem for each in found.errors] == ["invalid ELF header", "file too short"]
