"""Reading one ELF file's facts."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

import pytest
from builders.elf import (
    AMD64,
    AUDIT,
    AUXILIARY,
    DEPAUDIT,
    FILTER,
    FLAGS_1,
    NEEDED,
    NODEFLIB,
    PIE,
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    SONAME,
    STRSZ,
    STRTAB,
    make_elf,
    make_glibc,
    make_musl,
)

from imagesmith.elf.object import facts
from imagesmith.model.arch import ARCHES, Arch
from imagesmith.model.facts import Dependency, Elf, Loader, MalformedElf


def read(content: bytes) -> object:
    """Read facts from bytes."""
    return facts(memoryview(content))


def problem(content: bytes) -> str:
    """Return what is wrong with a file."""
    found = read(content)
    assert isinstance(found, MalformedElf), found
    return found.problem


@pytest.mark.parametrize("arch", ARCHES.values(), ids=str)
def test_every_field_is_read_for_every_architecture(arch: Arch) -> None:
    """Class, byte order and machine change nothing but themselves."""
    content = make_elf(
        arch=arch,
        kind=2,
        flags=0x5000400,
        interp="/lib/ld.so",
        needed=["liba.so.1", "libb.so"],
        dependencies=[(AUXILIARY, "x.so"), (FILTER, "y.so"), (NEEDED, "z.so")],
        soname="me.so",
        rpath="/a:/b",
        runpath="$ORIGIN",
        audit="p.so:q.so",
        flags_1=NODEFLIB,
        ident={7: 3, 8: 1},
    )

    assert read(content) == Elf(
        bits=arch.bits,
        endian=arch.endian,
        osabi=3,
        abiversion=1,
        type=2,
        machine=arch.machine,
        flags=0x5000400,
        interp="/lib/ld.so",
        dynamic=True,
        soname="me.so",
        dependencies=(
            Dependency("needed", "liba.so.1"),
            Dependency("needed", "libb.so"),
            Dependency("auxiliary", "x.so"),
            Dependency("filter", "y.so"),
            Dependency("needed", "z.so"),
        ),
        rpath="/a:/b",
        runpath="$ORIGIN",
        flags_1=NODEFLIB,
        audit=("p.so", "q.so"),
    )


@pytest.mark.parametrize("content", [b"", b"\x7fEL", b"#!/bin/sh\n", b"MZ" * 99])
def test_a_file_without_the_magic_is_no_elf_file(content: bytes) -> None:
    """Scripts, data and empty files have no ELF facts."""
    assert read(content) is None


def test_a_static_file_has_no_dynamic_section() -> None:
    """Without PT_DYNAMIC nothing is needed."""
    found = read(make_elf(kind=2, dynamic=False))

    assert isinstance(found, Elf)
    assert (found.dynamic, found.interp, found.dependencies) == (False, None, ())


def test_an_object_file_without_program_headers_is_well_formed() -> None:
    """ET_REL needs none."""
    found = read(make_elf(kind=1, header={"phnum": 0, "phentsize": 0}, dynamic=False))

    assert isinstance(found, Elf)
    assert found.type == 1


def test_detached_debug_information_counts_as_static() -> None:
    """Its PT_DYNAMIC has no content in the file."""
    found = read(make_elf(dynamic=False, segments=[(PT_DYNAMIC, 0, 0, 0)]))

    assert isinstance(found, Elf)
    assert not found.dynamic


def test_bytes_that_are_no_utf_8_survive() -> None:
    """Names are byte strings; any byte comes back out."""
    name = b"lib\xff.so".decode("utf-8", "surrogateescape")
    found = read(make_elf(needed=[name]))

    assert isinstance(found, Elf)
    assert (Dependency("needed", name),) == found.dependencies


def test_the_last_of_a_repeated_tag_counts() -> None:
    """As for ld.so."""
    content = make_elf(needed=["first"], soname="second", tags=[(SONAME, 1)])
    found = read(content)

    assert isinstance(found, Elf)
    assert found.soname == "first"


def test_both_audit_tags_are_read() -> None:
    """DT_AUDIT and DT_DEPAUDIT are one list."""
    found = read(make_elf(dependencies=[(AUDIT, "a:b"), (DEPAUDIT, "c")]))

    assert isinstance(found, Elf)
    assert found.audit == ("a", "b", "c")


def test_a_long_name_is_read_whole() -> None:
    """A RUNPATH can be much longer than what is read at first."""
    path = ":".join(f"/nix/store/{number:032}/lib" for number in range(400))
    found = read(make_elf(runpath=path))

    assert isinstance(found, Elf)
    assert found.runpath == path


BEYOND = 1 << 40
HOSTILE = {
    "magic only": (b"\x7fELF", "file too short"),
    "header cut": (make_elf()[:40], "file too short"),
    "class": (make_elf(ident={4: 3}), "unknown EI_CLASS 3"),
    "byte order": (make_elf(ident={5: 0}), "unknown EI_DATA 0"),
    "ident version": (make_elf(ident={6: 2}), "unknown EI_VERSION 2"),
    "padding": (make_elf(ident={12: 1}), "nonzero padding in e_ident"),
    "version": (make_elf(header={"version": 2}), "e_version is not 1"),
    "phentsize 0": (make_elf(header={"phentsize": 0}), "e_phentsize is 0, not 56"),
    "phentsize 1": (make_elf(header={"phentsize": 1}), "e_phentsize is 1, not 56"),
    "phnum": (make_elf(header={"phnum": 65535}), "65535 program headers"),
    "phoff": (
        make_elf(header={"phoff": BEYOND}),
        "program headers reach beyond the end of the file",
    ),
    "huge segment": (
        make_elf(segments=[(PT_LOAD, 0, BEYOND, BEYOND)]),
        "PT_LOAD reaches beyond the end of the file",
    ),
    "cut file": (make_elf(payload=bytes(999))[:-1], "PT_LOAD reaches beyond the end of the file"),
    "two dynamics": (make_elf(segments=[(PT_DYNAMIC, 0, 0, 16)]), "more than one PT_DYNAMIC"),
    "two interps": (
        make_elf(interp="/a", segments=[(PT_INTERP, 0, 0, 4)]),
        "more than one PT_INTERP",
    ),
    "interp unterminated": (make_elf(interp=b"/lib/ld"), "PT_INTERP is not NUL-terminated"),
    "interp empty": (make_elf(interp=b"\0\0"), "PT_INTERP is empty"),
    "interp long": (make_elf(interp="/" * 4096), "PT_INTERP is longer than PATH_MAX"),
    "dynamic elsewhere": (
        make_elf(dynamic=False, segments=[(PT_DYNAMIC, 0, 16, 16)]),
        "offset and address of PT_DYNAMIC disagree",
    ),
    "dynamic unmapped": (
        make_elf(dynamic=False, segments=[(PT_DYNAMIC, 0, BEYOND, 16)]),
        "PT_DYNAMIC lies in no loadable segment",
    ),
    "name beyond": (make_elf(tags=[(NEEDED, 999)]), "DT_NEEDED points beyond DT_STRSZ"),
    "name far beyond": (make_elf(tags=[(NEEDED, 1 << 63)]), "DT_NEEDED points beyond DT_STRSZ"),
    "name empty": (make_elf(tags=[(NEEDED, 0)]), "DT_NEEDED is empty"),
    "soname beyond": (make_elf(tags=[(SONAME, 999)]), "DT_SONAME points beyond DT_STRSZ"),
    "audit beyond": (make_elf(tags=[(AUDIT, 999)]), "DT_AUDIT points beyond DT_STRSZ"),
    "strtab unmapped": (
        make_elf(needed=["a"], tags=[(STRTAB, BEYOND)]),
        "DT_STRTAB lies in no loadable segment",
    ),
    "strsz": (
        make_elf(needed=["a"], tags=[(STRSZ, BEYOND)]),
        "DT_STRSZ reaches beyond its segment",
    ),
    "unterminated": (
        make_elf(needed=["abc"], tags=[(STRSZ, 3)]),
        "DT_NEEDED is not NUL-terminated",
    ),
    "endless": (
        make_elf(needed=["x" * 70_000]),
        "DT_NEEDED is not NUL-terminated",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_does_not_fit_is_malformed(name: str) -> None:
    """Each broken field has its own message, and none an exception."""
    content, message = HOSTILE[name]

    assert message == problem(content)


def test_names_without_a_string_table_are_malformed() -> None:
    """There is nowhere to read them from."""
    content = make_elf(needed=["a"])
    tag = struct.pack("<Q", STRTAB)

    assert problem(content.replace(tag, struct.pack("<Q", 0x6000000D))) == "names without DT_STRTAB"


def test_a_dynamic_section_may_end_with_its_segment() -> None:
    """DT_NULL may be missing, as for ld.so, if nothing follows."""
    table = struct.pack("<QQ", FLAGS_1, PIE)
    whole = make_elf(dynamic=False, payload=table, segments=[(PT_DYNAMIC, 0, 0, 16)])
    at = len(whole) - 16
    found = read(make_elf(dynamic=False, payload=table, segments=[(PT_DYNAMIC, at, at, 16)]))

    assert isinstance(found, Elf)
    assert found.flags_1 == PIE


def test_too_many_entries_are_refused_quickly() -> None:
    """200,000 dependencies cost a fraction of a second, not fifteen."""
    before = time.process_time()
    many = problem(make_elf(tags=[(NEEDED, 1)] * 200_000, needed=["a"]))
    some = problem(make_elf(tags=[(NEEDED, 1)] * 5_000, needed=["a"]))
    audits = problem(make_elf(tags=[(AUDIT, 1)] * 5_000, needed=["a"]))

    assert many == "more than 65536 dynamic entries"
    assert some == "more than 4096 dependencies"
    assert audits == "more than 4096 audit modules"
    assert time.process_time() - before < 1.5


def test_a_loader_is_known_by_its_content() -> None:
    """Kind, version and system directories come from the bytes."""
    glibc, musl = read(make_glibc(version="2.41")), read(make_musl())

    assert isinstance(glibc, Elf)
    assert isinstance(musl, Elf)
    triplet = AMD64.triplet
    directories = (f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib", "/usr/lib")
    assert Loader("glibc", "2.41", directories) == glibc.loader
    assert Loader("musl", "1.2.3", ("/lib", "/usr/local/lib", "/usr/lib")) == musl.loader


@pytest.mark.parametrize("change", [{"kind": 2}, {"entry": 0}, {"flags_1": PIE}, {"needed": ["a"]}])
def test_only_what_starts_by_itself_is_a_loader(change: dict[str, object]) -> None:
    """A library with the same strings is not searched."""
    fields: dict[str, object] = {"entry": 64, "payload": b"\0/etc/ld.so.cache\0", **change}
    found = read(make_elf(**fields))  # type: ignore[arg-type]  # a table of keyword arguments

    assert isinstance(found, Elf)
    assert found.loader is None


def test_a_mapped_file_can_be_closed_afterwards(tmp_path: Path) -> None:
    """No view into the file is kept."""
    path = tmp_path / "ld.so"
    path.write_bytes(make_glibc())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapping:
        with memoryview(mapping) as view:
            found = facts(view)
        with memoryview(mapping)[:-1] as cut:
            broken = facts(cut)

    assert isinstance(found, Elf)
    assert isinstance(broken, MalformedElf)
