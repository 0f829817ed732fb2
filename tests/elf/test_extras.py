"""What is needed beside the loader's list, and what only some programs are allowed."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest
from builders.elf import GLIBC_INTERP, make_cache, make_elf, make_glibc
from builders.roots import Content, closure_of, make_tree, reader

from imagesmith.elf.closure import (
    BARE,
    Environment,
    LoaderClosure,
    load,
)
from imagesmith.model.tree import File, Tree

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


LEVELS = {
    PROGRAM: program("a.so"),
    "/lib/a.so": make_elf(),
    "/lib/glibc-hwcaps/x86-64-v2/a.so": make_elf(needed=["c.so"]),
    "/lib/glibc-hwcaps/x86-64-v3/a.so": make_elf(needed=["d.so"]),
    "/lib/c.so": make_elf(),
}


@pytest.mark.parametrize(
    ("hwcaps", "path"),
    [
        (None, "/lib/a.so"),
        ((), "/lib/a.so"),
        (("x86-64-v2",), "/lib/glibc-hwcaps/x86-64-v2/a.so"),
        (("x86-64-v4",), "/lib/glibc-hwcaps/x86-64-v3/a.so"),
        (("x86-64-v2", "x86-64-v3"), "/lib/glibc-hwcaps/x86-64-v3/a.so"),
    ],
)
def test_levels_choose_the_variant(hwcaps: tuple[str, ...] | None, path: str) -> None:
    """A level implies the lower ones; without any the plain library is listed."""
    found = closure(LEVELS, environment=Environment(hwcaps=hwcaps))

    assert path == found.objects[1].path
    assert bool(found.extras) == (hwcaps is None)


def test_every_variant_is_an_extra_unless_levels_are_given() -> None:
    """The image works on any processor: variants, and what only they need."""
    found = closure(LEVELS)

    assert paths(found) == ["/lib/a.so"]
    assert [(each.real, each.rule) for each in found.extras] == [
        ("/lib/glibc-hwcaps/x86-64-v3/a.so", "hwcaps"),
        ("/lib/glibc-hwcaps/x86-64-v2/a.so", "hwcaps"),
        ("/lib/c.so", "default"),
    ]
    assert [each.name for each in found.missing] == ["d.so"]
    document = found.to_json()
    assert isinstance(document, dict)
    assert len(document["extras"]) == 3


def test_variants_come_from_the_cache_too() -> None:
    """Its entries carry levels."""
    entries = [("a.so", "/opt/v3/a.so", 0x303, "x86-64-v3"), ("a.so", "/opt/a.so", 0x303, None)]
    found = closure(
        {
            PROGRAM: program("a.so"),
            "/opt/a.so": make_elf(),
            "/opt/v3/a.so": make_elf(),
            "/etc/ld.so.cache": make_cache(entries),
        }
    )

    assert paths(found) == ["/opt/a.so"]
    assert [each.path for each in found.extras] == ["/opt/v3/a.so"]
    assert found.consulted == (("/etc/ld.so.cache", "cache"),)


def test_an_unknown_level_is_warned_about() -> None:
    """It changes nothing."""
    found = closure(LEVELS, environment=Environment(hwcaps=("power10",)))

    assert found.objects[1].path == "/lib/a.so"
    assert found.warnings == ("power10: not a level of x86-64 (64-bit, little-endian)",)


def test_audit_modules_are_extras() -> None:
    """They live in a namespace of their own; the program starts without them."""
    found = closure(
        {
            PROGRAM: program("a.so", audit="audit.so:none.so"),
            "/lib/a.so": make_elf(),
            "/lib/audit.so": make_elf(needed=["b.so"]),
            "/lib/b.so": make_elf(),
        }
    )

    assert paths(found) == ["/lib/a.so"]
    assert [(each.path, each.rule) for each in found.extras] == [
        ("/lib/audit.so", "audit"),
        ("/lib/b.so", "default"),
    ]
    assert found.complete
    assert found.warnings == (
        f"none.so: needed by {PROGRAM} (audit) and not found; the loader goes on without it",
    )


def test_preloaded_objects_come_first() -> None:
    """/etc/ld.so.preload is read by the loader of every program."""
    found = closure(
        {
            PROGRAM: program("a.so"),
            "/lib/a.so": make_elf(),
            "/lib/p.so": make_elf(),
            "/lib/short.so": b"",
            "/etc/ld.so.preload": b"p.so:/lib/q.so\n# a.so\n short.so\n",
        }
    )

    assert paths(found) == ["/lib/p.so", "/lib/a.so"]
    assert found.objects[1].rule == "preload"
    assert found.consulted == (("/etc/ld.so.preload", "preload"),)
    assert found.warnings == (
        f"/lib/q.so: needed by {PROGRAM} (preload) and not found; the loader goes on without it",
        "/lib/short.so: file too short; the loader goes on without it",
    )


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_a_set_id_program_ignores_the_library_path(mode: int) -> None:
    """AT_SECURE, with a warning."""
    found = closure(
        {PROGRAM: program("a.so"), "/opt/a.so": make_elf(), "/lib/a.so": make_elf()},
        environment=Environment(library_path="/opt"),
        modes={PROGRAM: mode},
    )

    assert paths(found) == ["/lib/a.so"]
    assert found.warnings == (
        (
            f"{PROGRAM}: is set-user-ID, set-group-ID or has capabilities: "
            "LD_LIBRARY_PATH does not count"
        ),
    )


def test_capabilities_are_as_good_as_set_id() -> None:
    """The kernel sets AT_SECURE for them too."""
    tree = make_tree({**LOADER, PROGRAM: program("a.so"), "/opt/a.so": make_elf()})
    prog = tree.file(PROGRAM)
    assert isinstance(prog, File)
    entries = {**tree.entries, PROGRAM: attrs.evolve(prog, xattrs=(("security.capability", b"x"),))}
    found = load(Tree(entries), PROGRAM, Environment(library_path="/opt"), read=reader(tree))

    assert [each.name for each in found.missing] == ["a.so"]
