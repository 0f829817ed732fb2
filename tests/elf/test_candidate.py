"""What glibc makes of the files it tries."""

from __future__ import annotations

import functools

import attrs
import pytest
from builders.elf import (
    ET_EXEC,
    GLIBC_INTERP,
    PIE,
    make_elf,
    make_glibc,
)
from builders.roots import Content, closure_of, found_in

from imagesmith.elf.closure import Unloadable
from imagesmith.model.arch import ARCHES

P = "/app/prog"
closure = functools.partial(closure_of, seed=P)


LIB = make_elf()


UPSTREAM = make_glibc("/lib64", "/usr/lib64")


def program(*needed: str, **more: object) -> bytes:
    """Return a program for glibc."""
    return make_elf(interp=GLIBC_INTERP, needed=needed, **more)  # type: ignore[arg-type]  # keyword arguments of make_elf


PASSED = {
    "other class": make_elf(arch=ARCHES["i386"]),
    "other machine": make_elf(arch=ARCHES["arm64"]),
    "other byte order": make_elf(arch=ARCHES["s390x"]),
    "same machine, other byte order": make_elf(arch=attrs.evolve(ARCHES["amd64"], endian="big")),
}


@pytest.mark.parametrize("name", PASSED)
def test_a_file_for_another_machine_is_passed_over(name: str) -> None:
    """The search goes on; without another file the hint says what was seen."""
    alone: dict[str, Content] = {P: program("a.so", runpath="/r"), "/r/a.so": PASSED[name]}
    result = closure(alone)

    assert found_in(closure({**alone, "/lib/a.so": LIB})) == [("/lib/a.so", "default")]
    assert result.missing[0].hint is not None
    assert result.missing[0].hint.startswith("/r/a.so is for ")


FATAL: dict[str, tuple[Content, str]] = {
    "linker script": (
        b"/* GNU ld script */ GROUP ( /lib/libc.so.6 AS_NEEDED )",
        "invalid ELF header: it is a linker script",
    ),
    "empty": (b"", "file too short"),
    "directory": (None, "is not a regular file"),
    "cut": (make_elf(payload=bytes(99))[:-1], "PT_LOAD reaches beyond the end of the file"),
    "osabi": (make_elf(ident={7: 9}), "ELF file OS ABI invalid"),
    "abi version": (make_elf(ident={7: 3, 8: 9}), "ELF file ABI version invalid"),
    "abi version of sysv": (make_elf(ident={8: 1}), "ELF file ABI version invalid"),
    "relocatable": (make_elf(kind=1), "only ET_DYN and ET_EXEC can be loaded"),
    "executable": (make_elf(kind=ET_EXEC), "cannot dynamically load executable"),
    "pie": (make_elf(flags_1=PIE), "cannot dynamically load position-independent executable"),
    "static": (make_elf(dynamic=False), "object file has no dynamic section"),
}


@pytest.mark.parametrize("name", FATAL)
def test_what_is_no_shared_object_ends_the_program(name: str) -> None:
    """It is an error with its path, not passed over for the good copy behind it."""
    content, problem = FATAL[name]
    result = closure({P: program("a.so", runpath="/r"), "/r/a.so": content, "/lib/a.so": LIB})

    assert ([], (Unloadable("/r/a.so", problem),)) == (found_in(result), result.errors)


def test_a_gnu_abi_version_in_use_is_accepted() -> None:
    """IFUNC, absolute symbols and the like."""
    result = closure({P: program("a.so"), "/lib/a.so": make_elf(ident={7: 3, 8: 3})})

    assert result.complete


def test_mips_has_more_abi_versions() -> None:
    """And has them for SYSV too."""
    arch, interp = ARCHES["mipsel"], "/lib/ld.so.1"
    result = closure(
        {
            P: make_elf(arch=arch, interp=interp, needed=["a.so"]),
            interp: make_glibc(arch=arch),
            "/lib/a.so": make_elf(arch=arch, ident={8: 5}),
        }
    )

    assert result.complete


def test_upstream_gives_up_on_the_other_byte_order() -> None:
    """Only Debian's loader looks at the machine first."""
    swapped = make_elf(arch=attrs.evolve(ARCHES["amd64"], endian="big"))
    result = closure(
        {
            P: program("a.so", runpath="/r"),
            GLIBC_INTERP: UPSTREAM,
            "/r/a.so": swapped,
            "/lib64/a.so": LIB,
        }
    )

    assert (Unloadable("/r/a.so", "ELF file data encoding not little-endian"),) == result.errors


def test_upstream_passes_over_other_machines() -> None:
    """After the identification bytes."""
    arm = make_elf(arch=ARCHES["arm64"])
    result = closure(
        {
            P: program("a.so", runpath="/r"),
            GLIBC_INTERP: UPSTREAM,
            "/r/a.so": arm,
            "/lib64/a.so": LIB,
        }
    )

    assert found_in(result) == [("/lib64/a.so", "default")]


@pytest.mark.parametrize(
    "target", ["a.so", "/app/prog/x", "x" * 256], ids=["loop", "notdir", "long"]
)
def test_some_errors_end_the_list_but_not_the_search(target: str) -> None:
    """A good copy in the next directory of the list is not seen, the next stage is."""
    result = closure(
        {
            P: program("a.so", runpath="/r:/good"),
            "/r/a.so": target,
            "/good/a.so": LIB,
            "/usr/lib/a.so": LIB,
        }
    )

    assert found_in(result) == [("/usr/lib/a.so", "default")]


def test_a_dangling_link_is_nothing() -> None:
    """ENOENT goes on."""
    result = closure({P: program("a.so", runpath="/r:/good"), "/r/a.so": "gone", "/good/a.so": LIB})

    assert found_in(result) == [("/good/a.so", "runpath")]


def test_an_impossible_name_is_missing() -> None:
    """No directory can hold it."""
    name = "x" * 256
    result = closure({P: program(name)})

    assert [name] == [each.name for each in result.missing]
