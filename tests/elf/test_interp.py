"""Which loader loads a program or a library, and what if there is none."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest
from builders.elf import GLIBC_INTERP, MUSL_INTERP, make_elf, make_glibc, make_musl
from builders.roots import Content, closure_of

from imagesmith.elf.closure import (
    BARE,
    Environment,
    LoaderClosure,
    Missing,
    Unloadable,
)
from imagesmith.model.arch import ARCHES

PROGRAM = "/bin/prog"


def closure(
    content: Mapping[str, Content],
    seed: str = PROGRAM,
    environment: Environment = BARE,
    modes: Mapping[str, int] | None = None,
) -> LoaderClosure:
    """Load the program, or another seed, beside a glibc loader."""
    return closure_of(content, environment, modes, seed=seed)


def paths(found: LoaderClosure) -> list[str]:
    """Return the objects after the seed, as found, without the loader."""
    return [each.path for each in found.objects[1:] if each.rule != "interp"]


def test_a_library_is_traced_with_the_loader_of_its_machine() -> None:
    """The well-known paths of machine and ABI are tried."""
    found = closure({"/lib/a.so": make_elf(needed=["b.so"]), "/lib/b.so": make_elf()}, "/lib/a.so")

    assert found.loader is not None
    assert found.loader.kind == "glibc"
    assert paths(found) == ["/lib/b.so"]
    assert len(found.objects) == 2


def test_a_library_that_needs_nothing_is_complete_without_a_loader() -> None:
    """Nothing has to be searched for."""
    arm = make_elf(arch=ARCHES["arm64"])
    found = closure({"/lib/a.so": arm, "/lib/b.so": make_elf()}, "/lib/a.so")

    assert (found.loader, found.complete) == (None, True)
    alone = closure({"/lib/a.so": arm, "/lib/b.so": make_elf()}, "/lib/b.so")
    assert alone.loader is not None
    assert len(alone.objects) == 1


@pytest.mark.parametrize("needed", ["libc.so", "libc.musl-x86_64.so.1"])
def test_a_library_for_musl_is_traced_with_musl(needed: str) -> None:
    """Its C library's name tells them apart where a root has both loaders."""
    found = closure({"/a.so": make_elf(needed=[needed]), MUSL_INTERP: make_musl()}, "/a.so")

    assert found.loader is not None
    assert found.loader.kind == "musl"
    assert [each.path for each in found.objects[1:]] == [MUSL_INTERP]


def test_a_library_without_any_loader_says_which_one_it_wants() -> None:
    """The first known place stands for the loader."""
    found = closure({"/a.so": make_elf(arch=ARCHES["riscv64"], flags=4, needed=["b"])}, "/a.so")

    assert found.missing == (
        Missing(
            "/lib/ld-linux-riscv64-lp64d.so.1",
            "/a.so",
            ("/lib/ld-linux-riscv64-lp64d.so.1", "/lib/ld-musl-riscv64.so.1"),
            "there is no loader for riscv64 lp64d (64-bit, little-endian)",
        ),
    )


def test_an_unknown_machine_has_no_known_loader() -> None:
    """No place can be named."""
    strange = attrs.evolve(ARCHES["amd64"], machine=9999)
    found = closure({"/a.so": make_elf(arch=strange, needed=["b"])}, "/a.so")

    assert [each.name for each in found.missing] == ["a dynamic loader"]


def test_the_loader_itself_can_be_a_seed() -> None:
    """It loads nothing."""
    found = closure({}, GLIBC_INTERP)

    assert found.loader is not None
    assert ([each.path for each in found.objects], found.complete) == ([GLIBC_INTERP], True)


INTERP = "/lib/ld.so"


INTERPRETERS: dict[str, tuple[str, Content, LoaderClosure]] = {
    "absent and no other": (
        "/lib/ld-linux-aarch64.so.1",
        make_glibc(arch=ARCHES["arm64"]),
        LoaderClosure(
            missing=(
                Missing("/lib/ld-linux-aarch64.so.1", PROGRAM, ("/lib/ld-linux-aarch64.so.1",)),
            )
        ),
    ),
    "absent": (
        "/lib64/other.so",
        b"",
        LoaderClosure(
            missing=(
                Missing(
                    "/lib64/other.so",
                    PROGRAM,
                    ("/lib64/other.so",),
                    f"there is a loader at {GLIBC_INTERP}",
                ),
            )
        ),
    ),
    "relative": (
        "ld.so",
        b"",
        LoaderClosure(missing=(Missing("ld.so", PROGRAM, ("ld.so",), "PT_INTERP is relative"),)),
    ),
    "no ELF": (
        INTERP,
        b"x" * 99,
        LoaderClosure(errors=(Unloadable(INTERP, "invalid ELF header"),)),
    ),
    "foreign": (
        INTERP,
        make_glibc(arch=ARCHES["arm64"]),
        LoaderClosure(
            errors=(
                Unloadable(
                    INTERP,
                    "is for aarch64 (64-bit, little-endian), not x86-64 (64-bit, little-endian)",
                ),
            )
        ),
    ),
}


@pytest.mark.parametrize("name", INTERPRETERS)
def test_an_unusable_interpreter_is_an_error(name: str) -> None:
    """The kernel opens exactly that path, for that machine."""
    interp, content, expected = INTERPRETERS[name]
    arch = ARCHES["arm64" if "aarch64" in interp else "amd64"]
    found = closure({PROGRAM: make_elf(arch=arch, interp=interp, needed=["a"]), INTERP: content})

    assert attrs.evolve(found, objects=()) == expected


def test_an_unknown_loader_is_an_error_if_it_has_to_load() -> None:
    """Its rules are not known; without anything to load they do not matter."""
    strange = make_elf(entry=1)
    loading = closure({PROGRAM: make_elf(interp=INTERP, needed=["a"]), INTERP: strange})
    idle = closure({PROGRAM: make_elf(interp=INTERP), INTERP: strange})

    problem = "neither glibc's loader nor musl's: its rules are not known"
    assert (Unloadable(INTERP, problem),) == loading.errors
    assert idle.complete
    assert idle.warnings == (
        f"{INTERP}: neither glibc's loader nor musl's; it has nothing to load",
    )
    assert [each.path for each in idle.objects] == [PROGRAM, INTERP]
