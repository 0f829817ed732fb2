"""Seeds and patterns in, the closure out."""

from __future__ import annotations

import pytest
from builders.elf import GLIBC_INTERP, make_cache, make_elf
from builders.roots import Content, make_tree, reader
from builders.small_system import SYSTEM, traced
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf.closure import Environment
from imagesmith.errors import ClosureIncomplete, PathNotFound
from imagesmith.model.tree import Entry, Tree
from imagesmith.trace.closure import Reason, chain
from imagesmith.trace.seeds import trace


def test_every_path_has_the_first_reason_found() -> None:
    """Files, links, the loader; requesters by their real paths."""
    closure = traced("/bin/p")

    assert dict(closure.paths) == {
        "/bin/p": Reason("seed", None),
        "/lib": Reason("symlink", "/usr/lib/a.so.1.2", "/lib/a.so.1"),
        GLIBC_INTERP: Reason("interp", "/bin/p"),
        "/usr/lib/a.so.1": Reason("symlink", "/usr/lib/a.so.1.2", "/lib/a.so.1"),
        "/usr/lib/a.so.1.2": Reason("needed", "/bin/p", "a.so.1 by default"),
        "/usr/lib/b.so": Reason("needed", "/usr/lib/a.so.1.2", "b.so by default"),
    }
    assert [step for step, _ in chain(closure, "/usr/lib/b.so")] == [
        "/bin/p",
        "/usr/lib/a.so.1.2",
        "/usr/lib/b.so",
    ]
    assert closure.loads[0].complete


def test_seeds_are_traced_in_their_order() -> None:
    """What two need is the first one's."""
    closure = traced("/bin/q", "/bin/p")

    assert closure.paths["/usr/lib/b.so"].needed_by == "/bin/q"
    assert len(closure.loads) == 2


def test_a_script_brings_its_interpreter() -> None:
    """The line is the reason."""
    closure = traced("/bin/s")

    assert closure.paths["/bin/s"] == Reason("seed", None)
    assert closure.paths["/bin/q"] == Reason("shebang", "/bin/s", "#!/bin/q")


def test_rpath_says_whose() -> None:
    """An inherited search path is explained by its holder."""
    prog = make_elf(interp=GLIBC_INTERP, needed=["r.so"], rpath="/r")
    closure = traced("/prog", extra={"/prog": prog, "/r/r.so": make_elf()})

    assert closure.paths["/r/r.so"] == Reason("needed", "/prog", "r.so by rpath of /prog")


def test_data_can_be_a_seed() -> None:
    """It is shipped; an executable without a format is worth a warning."""
    closure = traced("/etc/zone", "/etc/conf/a.conf", modes={"/usr/share/UTC": 0o644})

    assert dict(closure.paths) == {
        "/etc/conf/a.conf": Reason("seed", None),
        "/etc/zone": Reason("symlink", "/usr/share/UTC", "/etc/zone"),
        "/usr/share/UTC": Reason("seed", None),
        "/usr/share/zone": Reason("symlink", "/usr/share/UTC", "/etc/zone"),
    }
    assert closure.warnings == (
        "/etc/conf/a.conf: executable, but neither a script nor an ELF file",
    )


def test_what_the_result_rests_on_is_shipped() -> None:
    """A cache that answered must be in the image, or the loader would find nothing."""
    cache = make_cache([("a.so.1", "/opt/a.so.1", 0x303, None)])
    extra = {"/etc/ld.so.cache": cache, "/opt/a.so.1": make_elf()}
    closure = traced("/bin/p", extra=extra)

    assert closure.paths["/etc/ld.so.cache"] == Reason("cache", "/bin/p", "/etc/ld.so.cache")


def test_variants_and_hard_links_are_shipped() -> None:
    """Other processors load other files; other names of a file are names it is found by."""
    extra: dict[str, Content] = {
        "/usr/lib/glibc-hwcaps/x86-64-v3/b.so": make_elf(),
        "/prog": make_elf(interp=GLIBC_INTERP, needed=["b.so", "h.so"]),
        "/usr/lib/h.so": "=/usr/lib/b.so",
    }
    closure = traced("/prog", extra=extra)

    assert closure.paths["/usr/lib/glibc-hwcaps/x86-64-v3/b.so"].rule == "hwcaps"
    assert "/usr/lib/h.so" in closure.paths


def test_everything_that_would_not_start_is_named() -> None:
    """One line for each, and all of them at once."""
    bad = make_elf(interp=GLIBC_INTERP, needed=["gone.so", "text.so"])
    with pytest.raises(ClosureIncomplete) as raised:
        traced(
            "/bad",
            "/run",
            "/etc/conf",
            include=["/usr/lib/plug/bad.so"],
            extra={"/bad": bad, "/usr/lib/text.so": b"x" * 99, "/run": "#!/none\n"},
        )

    places = "/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /lib /usr/lib"
    assert raised.value.problems == (
        f"gone.so: not found, needed by /bad, searched {places}",
        "/lib/text.so: invalid ELF header",
        "/none: not found, needed by /run (there is no such file)",
        "/etc/conf: is not a regular file",
        f"gone.so: not found, needed by /usr/lib/plug/bad.so, searched {places}",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"seed": "/usr/bin/p"},
            PathNotFound(path="/usr/bin/p", what="seed", hint="did you mean /bin/p"),
        ),
        (
            {"include": "/etc/conf/c.conf"},
            PathNotFound(
                path="/etc/conf/c.conf",
                what="include",
                hint="did you mean /etc/conf/b.conf or /etc/conf/a.conf",
            ),
        ),
        ({"exclude": "/zzz/*"}, PathNotFound(path="/zzz/*", what="exclude")),
    ],
)
def test_what_names_nothing_is_an_error_with_a_hint(
    arguments: dict[str, str], expected: PathNotFound
) -> None:
    """A typing mistake is found before the image is."""
    seeds = [arguments["seed"]] if "seed" in arguments else []
    with pytest.raises(PathNotFound) as raised:
        traced(
            *seeds,
            include=[arguments["include"]] if "include" in arguments else (),
            exclude=[arguments["exclude"]] if "exclude" in arguments else (),
        )

    assert expected == raised.value
    assert expected.message == f"{expected.what} {expected.path}: no such path in the packages"


class Lazy:
    """A filesystem that cannot list itself."""

    def __init__(self, tree: Tree) -> None:
        """Answer like `tree`."""
        self.tree = tree

    def entry(self, path: str) -> Entry | None:
        """Return the tree's entry."""
        return self.tree.entry(path)


def test_another_filesystem_is_given_its_paths() -> None:
    """In any order; without them patterns name nothing."""
    tree = make_tree(SYSTEM)
    listing = reversed(list(tree.entries))
    closure = trace(Lazy(tree), [], include=["/etc/conf/*.conf"], read=reader(tree), paths=listing)
    literal = trace(Lazy(tree), ["/bin/q"], include=["/etc/conf/a.conf"], read=reader(tree))

    assert {"/etc/conf/a.conf", "/etc/conf/b.conf"} == set(closure.paths)
    assert "/etc/conf/a.conf" in literal.paths
    with pytest.raises(PathNotFound):
        trace(Lazy(tree), [], include=["/etc/conf/*.conf"], read=reader(tree))


def test_the_environment_reaches_every_program() -> None:
    """Seeds and includes alike."""
    tree = make_tree({**SYSTEM, "/opt/c.so": make_elf()})
    environment = Environment(library_path="/opt")
    closure = trace(
        tree, [], include=["/usr/lib/plug/x.so"], environment=environment, read=reader(tree)
    )

    assert "/opt/c.so" in closure.paths


SEEDS = ("/bin/p", "/bin/q", "/bin/s", "/etc/conf/a.conf", "/usr/lib/plug/x.so")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(SEEDS), unique=True), st.lists(st.sampled_from(SEEDS), unique=True))
def test_tracing_is_monotone_and_order_does_not_change_the_set(
    some: list[str], more: list[str]
) -> None:
    """More seeds never lose a path; the order of seeds chooses reasons only."""
    alone, together = traced(*some), traced(*more, *some)

    assert set(alone.paths) <= set(together.paths)
    assert set(together.paths) == set(traced(*some, *more).paths)


def test_a_closure_is_complete_in_itself() -> None:
    """Tracing in the image alone finds the same paths, links and all."""
    seeds = ["/bin/p", "/bin/s"]
    whole = traced(*seeds)
    image = {path: SYSTEM[path] for path in whole.paths}
    tree = make_tree(image)

    assert whole.paths == trace(tree, seeds, read=reader(tree)).paths
