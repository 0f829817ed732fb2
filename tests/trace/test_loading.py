"""A finished root filesystem: everything in it loads there, or it is not finished."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader, write_tree
from builders.symbols import Symbol, make_object, wanted

from imagesmith.build.facts import facts
from imagesmith.elf.closure import Root
from imagesmith.model.arch import ARCHES
from imagesmith.trace.loading import Checked, check, programs
from imagesmith.unpack.directory import HostRoot

PROGRAM = make_object([Symbol("api")], interp=GLIBC_INTERP, needed=["a.so"])
SYSTEM: dict[str, Content] = {
    GLIBC_INTERP: make_glibc(),
    "/bin/p": PROGRAM,
    "/lib/a.so": make_object([Symbol("f", "A_1")], soname="a.so", versions=["A_1"]),
}


def checked(content: Mapping[str, Content], *seeds: str) -> Checked:
    """Check a root filesystem."""
    tree = make_tree({**SYSTEM, **content})
    return check(Root(tree, reader(tree)), seeds)


def test_what_loads_is_fine() -> None:
    """No problem, no warning."""
    assert Checked() == checked({}, "/bin/p")


def test_every_program_is_loaded_not_only_the_seeds() -> None:
    """A program that was only included would not start either."""
    q = make_elf(interp=GLIBC_INTERP, needed=["gone.so"])
    found = checked({"/bin/q": q}, "/bin/p")

    assert [problem.partition(" /lib")[0] for problem in found.problems] == [
        "gone.so: not found, needed by /bin/q, searched"
    ]


def test_a_seed_that_is_a_script_is_followed() -> None:
    """Its interpreter has to be there."""
    found = checked({"/bin/s": "#!/bin/none\n"}, "/bin/s")

    assert found.problems[0].startswith("/bin/none: not found, needed by /bin/s")


def test_versions_and_symbols_are_problems_of_the_program() -> None:
    """All of them are named at once."""
    q = make_object([wanted("g")], interp=GLIBC_INTERP, needed=["a.so"], needs={"a.so": ["A_2"]})
    found = checked({"/bin/q": q})

    assert found.problems == (
        "/lib/a.so: A_2 wanted by /bin/q, a.so has up to 1",
        "/bin/q: undefined symbol g",
    )


def test_what_a_program_may_survive_is_a_warning() -> None:
    """A function that is never called need not exist."""
    q = make_object([wanted("g", use="call")], interp=GLIBC_INTERP)

    assert Checked(
        warnings=("/bin/q: undefined symbols g: calling one ends the program",)
    ) == checked({"/bin/q": q})


def test_a_plugin_takes_symbols_from_any_program() -> None:
    """Which of them loads it is not known."""
    assert Checked() == checked({"/lib/plug/x.so": make_object([wanted("api"), wanted("f")])})


def test_a_plugin_takes_symbols_from_other_plugins() -> None:
    """A program may load one after the other, as web servers do."""
    first = make_object([Symbol("proxy")])
    second = make_object([wanted("proxy")])

    assert Checked() == checked({"/lib/plug/1.so": first, "/lib/plug/2.so": second})


def test_a_symbol_that_nothing_in_the_image_defines_is_a_problem() -> None:
    """Nothing could load this plugin."""
    found = checked({"/lib/plug/x.so": make_object([wanted("api"), wanted("nobody")])})

    assert found.problems == (
        "/lib/plug/x.so: undefined symbols nobody, which nothing in the image defines",
    )


def test_a_plugin_that_waits_for_the_call_is_a_warning() -> None:
    """It loads, whatever becomes of it."""
    found = checked({"/lib/plug/x.so": make_object([wanted("nobody", use="call")])})

    assert found.problems == ()
    assert found.warnings == (
        "/lib/plug/x.so: undefined symbols nobody: calling one ends the program",
    )


def test_a_plugin_must_find_its_libraries_and_their_versions() -> None:
    """No program gives these."""
    plugin = make_object(needed=["a.so", "gone.so"], needs={"a.so": ["A_2"]})
    found = checked({"/lib/plug/x.so": plugin})

    assert found.problems[0].startswith("gone.so: not found, needed by /lib/plug/x.so")
    assert found.problems[1] == "/lib/a.so: A_2 wanted by /lib/plug/x.so, a.so has up to 1"


MACHINE: dict[str, Content] = {
    "/opt/lib/server/libjvm.so": make_elf(soname="libjvm.so"),
    "/opt/lib/libjava.so": make_elf(needed=["libjvm.so"]),
    "/opt/lib/libnet.so": make_elf(needed=["libjvm.so"]),
}


def test_a_library_may_rely_on_what_its_program_has_loaded() -> None:
    """A loader does not search for a soname that is there already; one warning says who does."""
    who = "/opt/lib/libjava.so and 1 more would not find it"
    where = "/opt/lib/server/libjvm.so"

    assert checked(MACHINE) == Checked(
        warnings=(f"libjvm.so: {who}; their program has to load {where} first",)
    )


def test_a_library_for_another_machine_is_no_reliance() -> None:
    """It cannot be in the same process."""
    foreign = make_elf(soname="libjvm.so", arch=ARCHES["arm64"])
    found = checked({**MACHINE, "/opt/lib/server/libjvm.so": foreign})

    assert [problem.partition(":")[0] for problem in found.problems if "libjvm" in problem] == [
        "libjvm.so",
        "libjvm.so",
    ]


def test_a_program_relies_on_nothing() -> None:
    """It is loaded first: a library off its search path stays missing."""
    program = make_elf(interp=GLIBC_INTERP, needed=["libjvm.so"])
    found = checked({**MACHINE, "/bin/q": program}, "/bin/q")

    assert found.problems[0].startswith("libjvm.so: not found, needed by /bin/q")


def test_without_programs_plugins_belong_to_another_image() -> None:
    """What they leave open is only a warning."""
    tree = make_tree({GLIBC_INTERP: make_glibc(), "/lib/x.so": make_object([wanted("api")])})
    found = check(Root(tree, reader(tree)), ())

    assert found.problems == ()
    assert found.warnings == ("/lib/x.so: undefined symbols api: its program has to define them",)


def test_objects_that_no_loader_loads_are_left_alone() -> None:
    """Static programs, object files and broken ones."""
    content: dict[str, Content] = {
        "/bin/static": make_elf(dynamic=False, kind=2),
        "/lib/x.o": make_elf(kind=1, dynamic=False),
        "/lib/broken.so": b"\x7fELF",
        "/lib/hard.so": "=/lib/a.so",
    }

    assert Checked() == checked(content)


def test_programs_of_a_directory_are_those_in_the_usual_places(tmp_path: Path) -> None:
    """A directory of the host cannot be listed as a whole."""
    write_tree(
        {**SYSTEM, "/usr/bin/q": PROGRAM, "/usr/bin/text": b"x", "/opt/q": PROGRAM}, tmp_path
    )
    with HostRoot(str(tmp_path), facts=facts) as filesystem:
        root = Root(filesystem, filesystem.read, filesystem.lend)

        assert list(programs(root)) == ["/usr/bin/q", "/bin/p"]
