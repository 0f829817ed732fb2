"""Libraries opened by name: found as the loader would find them for who opens them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
from builders.elf import MUSL_INTERP, make_elf
from builders.roots import Content, make_tree, reader
from builders.scenes import DIRECTORY, Asked, added, glibc, importing, musl

from imagesmith.elf.closure import BARE, Root
from imagesmith.trace.closure import Reason
from imagesmith.trace.program import program
from imagesmith.trace.reasons import Reasons
from imagesmith.trace.rules.opening import Openings
from imagesmith.trace.rules.rule import Finding, Load, Rule
from imagesmith.trace.rules.scene import Scene
from imagesmith.trace.shipping import Shipping


def opens(*pairs: tuple[str, str]) -> Rule:
    """Return a rule by which each requester opens a library, once it is in the closure."""

    def find(scene: Scene) -> Iterator[Finding]:
        known = {each.path for each in scene.binaries}
        for requester, name in pairs:
            if requester in known:
                yield Load((name,), requester, required=True)

    return Rule(name="opens", title="", find=find)


LIB: Final = f"{DIRECTORY}/liba.so"
FILES: Final[dict[str, Content]] = {
    **glibc(),
    "/opt/p/bin/p": make_elf(
        interp="/lib64/ld-linux-x86-64.so.2", needed=["liba.so"], rpath="$ORIGIN/../lib"
    ),
    LIB: make_elf(soname="liba.so"),
    "/opt/p/lib/libplug.so": make_elf(),
    f"{DIRECTORY}/libplug.so": make_elf(),
}
P = "/opt/p/bin/p"


def test_the_search_path_of_the_program_counts_for_its_libraries() -> None:
    """RPATH is inherited: what a library opens may lie beside the program."""
    applied = Asked(FILES, [P]).about(opens((LIB, "libplug.so")))

    assert added(applied, "opens") == {"/opt/p/lib/libplug.so": "libplug.so by rpath"}


def test_a_library_with_a_runpath_goes_its_own_way() -> None:
    """Then the program's RPATH does not count."""
    files = {**FILES, LIB: make_elf(runpath="/none")}
    applied = Asked(files, [P]).about(opens((LIB, "libplug.so")))

    assert added(applied, "opens") == {f"{DIRECTORY}/libplug.so": "libplug.so by default"}


def test_every_program_opens_for_itself() -> None:
    """Two programs with the same library may open two different files."""
    files = {**FILES, "/bin/q": make_elf(interp="/lib64/ld-linux-x86-64.so.2", needed=["liba.so"])}
    applied = Asked(files, [P, "/bin/q"]).about(opens((LIB, "libplug.so")))

    assert list(added(applied, "opens")) == ["/opt/p/lib/libplug.so", f"{DIRECTORY}/libplug.so"]


def test_what_is_opened_may_open_more() -> None:
    """In the process it is in, with the program's search paths."""
    files = {**FILES, "/opt/p/lib/libmore.so": make_elf(), "/opt/p/lib/libmost.so": make_elf()}
    applied = Asked(files, [P]).about(
        opens(
            (LIB, "libplug.so"),
            ("/opt/p/lib/libplug.so", "libmore.so"),
            ("/opt/p/lib/libmore.so", "libmost.so"),
        )
    )

    assert list(added(applied, "opens")) == [
        "/opt/p/lib/libplug.so",
        "/opt/p/lib/libmore.so",
        "/opt/p/lib/libmost.so",
    ]
    assert applied.shipping.reasons.paths["/opt/p/lib/libmost.so"].needed_by == (
        "/opt/p/lib/libmore.so"
    )


def test_a_plugin_without_its_program_opens_alone() -> None:
    """As the loader of its machine would do it in a process of its own."""
    applied = Asked(FILES, ["/opt/p/lib/libplug.so"]).about(
        opens(("/opt/p/lib/libplug.so", "liba.so"))
    )

    assert list(added(applied, "opens")) == [LIB]


def test_a_library_that_is_loaded_already_is_not_opened_again() -> None:
    """Its first reason stays."""
    applied = Asked(FILES, [P]).about(opens((LIB, "liba.so"), (P, "liba.so")))

    assert added(applied, "opens") == {}
    assert applied.shipping.reasons.paths[LIB] == Reason("needed", P, "liba.so by default")


def test_links_on_the_way_are_shipped() -> None:
    """The name a library is opened by is often a link."""
    files = {**FILES, f"{DIRECTORY}/liblink.so.1": "liblink.so.1.2"}
    files[f"{DIRECTORY}/liblink.so.1.2"] = make_elf(soname="liblink.so.1")
    applied = Asked(files, [P]).about(opens((P, "liblink.so.1")))

    assert list(added(applied, "opens")) == [f"{DIRECTORY}/liblink.so.1.2"]
    assert applied.shipping.reasons.paths[f"{DIRECTORY}/liblink.so.1"].rule == "symlink"


def test_better_variants_are_shipped_as_well() -> None:
    """Which one a processor opens is known only where it runs."""
    better = f"{DIRECTORY}/glibc-hwcaps/x86-64-v3/libplug.so"
    files = {**FILES, better: make_elf(), "/bin/q": importing()}
    applied = Asked(files, ["/bin/q"]).about(opens(("/bin/q", "libplug.so")))

    assert applied.shipping.reasons.paths[better].rule == "hwcaps"


def test_a_script_opens_in_its_interpreter() -> None:
    """Also behind env, where two programs run one after the other."""
    files = {**FILES, "/bin/s": "#!/usr/bin/env p\n", "/usr/bin/env": importing(), "/bin/p": P}
    applied = Asked(files, ["/bin/s"]).about(opens((P, "libplug.so")))

    assert list(added(applied, "opens")) == ["/opt/p/lib/libplug.so"]


def test_a_process_that_does_not_have_the_requester_opens_nothing() -> None:
    """A static program has no loader to ask."""
    files = {**FILES, "/bin/static": make_elf(kind=2, dynamic=False)}
    applied = Asked(files, ["/bin/static"]).about(opens(("/bin/static", "libplug.so")))

    assert [each.partition(":")[0] for each in applied.shipping.reasons.problems] == ["libplug.so"]


def test_musl_searches_by_its_own_rules() -> None:
    """Names of its own parts are itself."""
    files = {**musl(), "/bin/m": make_elf(interp=MUSL_INTERP), "/lib/libplug.so": make_elf()}
    applied = Asked(files, ["/bin/m"]).about(
        opens(("/bin/m", "libplug.so"), ("/bin/m", "libpthread.so.0"))
    )

    assert added(applied, "opens") == {"/lib/libplug.so": "libplug.so by default"}
    assert not applied.shipping.reasons.problems


def test_a_broken_file_is_an_error_only_if_it_must_load() -> None:
    """With its path, and what is wrong with it."""
    files = {**FILES, f"{DIRECTORY}/libbad.so": b"\x7fELF"}
    optional = Rule(
        name="o", title="", find=lambda _: [Load(("libbad.so", "libplug.so"), "/opt/p/bin/p")]
    )
    required = attrs.evolve(opens((P, "libbad.so")), name="r")

    assert list(added(Asked(files, [P]).about(optional), "o")) == ["/opt/p/lib/libplug.so"]
    problems = Asked(files, [P]).about(required).shipping.reasons.problems
    assert list(problems) == [f"{DIRECTORY}/libbad.so: file too short; r"]


def test_libraries_that_open_each_other_have_one_way_each() -> None:
    """Twelve have 13 million orders; the first in which a process opens each is enough."""
    names = [f"lib{number}.so" for number in range(12)]
    paths = {name: f"{DIRECTORY}/{name}" for name in names}
    files = {**FILES, **{path: make_elf(soname=name) for name, path in paths.items()}}
    pairs = [(requester, name) for requester in (P, *paths.values()) for name in names]

    assert sorted(added(Asked(files, [P]).about(opens(*pairs)), "opens")) == sorted(paths.values())


def test_there_is_an_end_to_opening() -> None:
    """Whoever writes notes can name as many libraries as they like: that ends in an error."""
    tree = make_tree(FILES)
    reasons = Reasons(Root(tree, reader(tree)))
    reasons.add_load(program(reasons.root, P))
    openings = Openings(Shipping(reasons, BARE, lambda: (), ()), most=2)

    assert [openings.load("r", Load((f"lib{number}.so",), P)) for number in range(3)] == [
        True,
        True,
        False,
    ]
    assert list(reasons.problems) == ["runtime rules open more than 2 libraries by name"]


def test_a_plugin_that_programs_load_opens_only_in_these() -> None:
    """What it would find alone, nobody opens."""
    files = {**FILES, "/opt/p/lib/libplug.so": make_elf(), f"{DIRECTORY}/libonly.so": make_elf()}
    files["/opt/p/lib/libonly.so"] = make_elf()
    applied = Asked(files, [LIB, P]).about(opens((LIB, "libonly.so")))

    assert list(added(applied, "opens")) == ["/opt/p/lib/libonly.so"]
