"""Scripts down to their interpreters."""

from __future__ import annotations

from collections.abc import Mapping

from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader

from imagesmith.elf.closure import LoaderClosure, Missing, Root, Unloadable
from imagesmith.trace.program import program
from imagesmith.trace.scripts import IMAGE_PATH

ELF = make_elf(interp=GLIBC_INTERP, needed=["liba.so"])
SYSTEM: dict[str, Content] = {
    GLIBC_INTERP: make_glibc(),
    "/lib/liba.so": make_elf(),
    "/bin": "usr/bin",
    "/usr/bin/sh": "dash",
    "/usr/bin/dash": ELF,
    "/usr/bin/env": make_elf(interp=GLIBC_INTERP),
    "/usr/bin/python3": make_elf(interp=GLIBC_INTERP, needed=["liba.so"]),
}


def run(
    content: Mapping[str, Content], seed: str = "/s", modes: Mapping[str, int] | None = None
) -> LoaderClosure:
    """Run a seed of a small system."""
    tree = make_tree({**SYSTEM, **content}, modes)
    return program(Root(tree, reader(tree)), seed)


def rows(closure: LoaderClosure) -> list[tuple[str, str, str | None]]:
    """Return path, rule and requester of each object."""
    return [(each.path, each.rule, each.needed_by) for each in closure.objects]


def test_an_elf_seed_is_its_own_closure() -> None:
    """Nothing is added to what its loader maps."""
    assert rows(run({}, "/bin/dash")) == [
        ("/bin/dash", "seed", None),
        ("/lib/liba.so", "default", "/bin/dash"),
        (GLIBC_INTERP, "interp", "/bin/dash"),
    ]


def test_a_script_needs_its_interpreter() -> None:
    """The links to it as well, and what it loads."""
    closure = run({"/s": "#!/bin/sh -e\n"})

    assert rows(closure) == [
        ("/s", "seed", None),
        ("/bin/sh", "shebang", "/s"),
        ("/lib/liba.so", "default", "/bin/sh"),
        (GLIBC_INTERP, "interp", "/bin/sh"),
    ]
    assert closure.complete
    assert closure.objects[1].links == ("/bin", "/usr/bin/sh")
    assert closure.objects[1].detail == "#!/bin/sh -e"
    assert closure.loader is not None


def test_env_is_needed_and_so_is_what_it_runs() -> None:
    """It is looked up on the PATH of the image, and must be executable."""
    closure = run(
        {"/s": "#!/usr/bin/env -S python3 -u\n", "/usr/local/bin/python3": b"not executable"},
        modes={"/usr/local/bin/python3": 0o644},
    )

    assert closure.complete
    assert rows(closure) == [
        ("/s", "seed", None),
        ("/usr/bin/env", "shebang", "/s"),
        (GLIBC_INTERP, "interp", "/usr/bin/env"),
        ("/usr/bin/python3", "env", "/s"),
        ("/lib/liba.so", "default", "/usr/bin/python3"),
    ]


def test_env_may_have_nothing_to_run() -> None:
    """Then it prints its environment."""
    assert run({"/s": "#!/usr/bin/env\n"}).complete


def test_env_may_be_given_a_path() -> None:
    """Which is not looked up."""
    closure = run({"/s": "#!/usr/bin/env /usr/bin/python3\n"})

    assert ("/usr/bin/python3", "env", "/s") in rows(closure)


def test_what_env_cannot_find_is_missing() -> None:
    """With the places searched; a second word is the usual mistake."""
    absent = run({"/s": "#!/usr/bin/env perl\n"})
    words = run({"/s": "#!/usr/bin/env python3 -u\n"})
    path = run({"/s": "#!/usr/bin/env ./perl\n"})

    assert (Missing("perl", "/s", IMAGE_PATH),) == absent.missing
    advice = "the kernel passes one argument; env -S splits it"
    assert (Missing("python3 -u", "/s", IMAGE_PATH, advice),) == words.missing
    assert (Missing("./perl", "/s"),) == path.missing


def test_what_env_runs_may_be_unclear() -> None:
    """The environment of the image is not known."""
    closure = run({"/s": "#!/usr/bin/env -S $SHELL\n"})

    assert (Unloadable("/s", "env: '$SHELL' depends on the environment"),) == closure.errors


def test_a_missing_interpreter_is_missing_for_the_script() -> None:
    """The kernel answers ENOENT."""
    closure = run({"/s": "#!/bin/perl\n"})

    assert (Missing("/bin/perl", "/s", (), "there is no such file"),) == closure.missing
    assert rows(closure) == [("/s", "seed", None)]


def test_what_an_interpreter_misses_is_its_own() -> None:
    """Requesters stay who they are."""
    closure = run({"/s": "#!/p\n", "/p": make_elf(interp=GLIBC_INTERP, needed=["x.so"])})

    assert [(each.name, each.needed_by) for each in closure.missing] == [("x.so", "/p")]


def test_a_broken_line_is_an_error_of_the_script() -> None:
    """With its path."""
    closure = run({"/s": "#!/bin/sh\r\n"})

    problem = "the first line ends in CR LF: the kernel looks for a name ending in CR"
    assert (Unloadable("/s", problem),) == closure.errors


def chain(length: int) -> dict[str, Content]:
    """Return scripts that run each other, the last one a shell."""
    scripts: dict[str, Content] = {f"/s{n}": f"#!/s{n + 1}\n" for n in range(length - 1)}
    return {**scripts, f"/s{length - 1}": "#!/bin/sh\n"}


def test_five_scripts_in_a_row_run_and_six_do_not() -> None:
    """ELOOP, says the kernel."""
    assert run(chain(5), "/s0").complete
    assert (Unloadable("/s5", "more than 5 scripts in a row"),) == run(chain(6), "/s0").errors


def test_env_starts_the_count_again_but_not_for_ever() -> None:
    """A script that leads back to itself never runs anything."""
    long: dict[str, Content] = {**chain(5), "/s4": "#!/usr/bin/env again\n", "/bin": None}
    again = run(
        {**chain(5), "/s4": "#!/usr/bin/env again\n", "/usr/bin/again": "#!/bin/sh\n"}, "/s0"
    )
    loop = run({"/usr/bin/loop": "#!/usr/bin/env loop\n"}, "/usr/bin/loop")

    assert long
    assert again.complete
    assert (Unloadable("/usr/bin/loop", "the script leads back to itself"),) == loop.errors


def test_a_directory_is_no_program() -> None:
    """Nor is what is not there."""
    assert run({}, "/lib").errors == (Unloadable("/lib", "is not a regular file"),)
    assert [each.name for each in run({}, "/none").missing] == ["/none"]
