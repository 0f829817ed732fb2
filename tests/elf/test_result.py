"""What a closure keeps of how it came about."""

from __future__ import annotations

from builders.elf import AUXILIARY, GLIBC_INTERP, MUSL_INTERP, make_elf, make_musl
from builders.roots import Content, closure_of, make_tree, reader

from imagesmith.elf.closure import Edge, Environment, Root
from imagesmith.elf.search import PassedOver
from imagesmith.model.arch import ARCHES
from imagesmith.trace.program import program

P = "/bin/prog"
LIB = make_elf()


def test_every_request_that_was_answered_is_an_edge() -> None:
    """Later ones as well, by any name, each once; a missing name is none."""
    content: dict[str, Content] = {
        P: make_elf(
            interp=GLIBC_INTERP,
            needed=["a.so", "b.so", "a.so", "gone.so"],
            dependencies=[(AUXILIARY, "c.so")],
        ),
        "/lib/a.so": make_elf(needed=["twin.so", "ld-linux-x86-64.so.2"]),
        "/lib/b.so": make_elf(soname="twin.so"),
        "/lib/c.so": LIB,
    }
    found = closure_of(content, seed=P)

    assert found.edges == (
        Edge(P, "a.so", "/lib/a.so"),
        Edge(P, "b.so", "/lib/b.so"),
        Edge(P, "c.so", "/lib/c.so"),
        Edge("/lib/a.so", "twin.so", "/lib/b.so"),
        Edge("/lib/a.so", "ld-linux-x86-64.so.2", GLIBC_INTERP),
    )


def test_better_processors_have_edges_of_their_own() -> None:
    """To what they load instead."""
    level = "/lib/glibc-hwcaps/x86-64-v3/a.so"
    content: dict[str, Content] = {
        P: make_elf(interp=GLIBC_INTERP, needed=["a.so"]),
        "/lib/a.so": LIB,
        level: make_elf(payload=b"v3"),
    }

    assert [edge.target for edge in closure_of(content, seed=P).edges] == ["/lib/a.so", level]


def test_names_that_are_the_loader_lead_to_it() -> None:
    """For musl, libc and its parts."""
    content: dict[str, Content] = {
        MUSL_INTERP: make_musl(),
        P: make_elf(interp=MUSL_INTERP, needed=["libm.so.6", "a.so"], runpath="/r"),
        "/lib/a.so": LIB,
    }
    found = closure_of(content, seed=P)

    assert found.edges == (Edge(P, "libm.so.6", MUSL_INTERP), Edge(P, "a.so", "/lib/a.so"))
    assert [each.searched for each in found.objects if each.name == "a.so"] == [("/r", "/lib")]


def test_what_was_searched_and_passed_over_is_kept() -> None:
    """Up to where it was found."""
    content: dict[str, Content] = {
        P: make_elf(interp=GLIBC_INTERP, needed=["a.so"], runpath="/r"),
        "/r/a.so": make_elf(arch=ARCHES["arm64"]),
        "/lib/a.so": LIB,
    }
    found = closure_of(content, Environment(library_path="/l"), seed=P).objects[1]

    places = ("/l", "/r", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib")
    foreign = "is for aarch64 (64-bit, little-endian), not x86-64 (64-bit, little-endian)"
    assert found.searched == places
    assert found.passed_over == (PassedOver("/r/a.so", foreign),)


def test_who_asked_for_what_cannot_be_loaded_is_known() -> None:
    """The first who did; a seed nobody asked for."""
    content: dict[str, Content] = {
        P: make_elf(interp=GLIBC_INTERP, needed=["a.so", "b.so"]),
        "/lib/a.so": make_elf(needed=["b.so"]),
        "/lib/b.so": b"x",
    }

    assert [each.needed_by for each in closure_of(content, seed=P).errors] == [P]
    assert [each.needed_by for each in closure_of({P: b"x"}, seed=P).errors] == [None]


def test_the_edges_of_a_script_are_those_of_its_interpreter() -> None:
    """A script asks for nothing itself."""
    content: dict[str, Content] = {
        "/bin/sh": make_elf(interp=GLIBC_INTERP, needed=["a.so"]),
        "/lib/a.so": LIB,
        "/s": "#!/bin/sh\n",
    }
    tree = make_tree({**content, GLIBC_INTERP: make_musl()})
    found = program(Root(tree, reader(tree)), "/s")

    assert found.edges == (Edge("/bin/sh", "a.so", "/lib/a.so"),)
