"""Machines and ABIs."""

from __future__ import annotations

import pytest
from builders.elf import make_elf

from imagesmith.elf import machine
from imagesmith.elf.object import facts
from imagesmith.model.arch import ARCHES, Arch
from imagesmith.model.facts import Elf


def elf(arch: Arch | str, flags: int = 0) -> Elf:
    """Return the facts of an empty file for a machine."""
    found = facts(
        memoryview(make_elf(arch=ARCHES[arch] if isinstance(arch, str) else arch, flags=flags))
    )
    assert isinstance(found, Elf)
    return found


@pytest.mark.parametrize(
    ("arch", "flags", "glibc", "musl", "cache"),
    [
        ("amd64", 0, "/lib64/ld-linux-x86-64.so.2", "x86_64", 0x303),
        ("arm64", 0, "/lib/ld-linux-aarch64.so.1", "aarch64", 0xA03),
        ("armhf", 0x5000400, "/lib/ld-linux-armhf.so.3", "armhf", 0x903),
        ("armel", 0x5000200, "/lib/ld-linux.so.3", "arm", 0xB03),
        ("armhf", 0x5000000, "/lib/ld-linux-armhf.so.3", "armhf", 3),
        ("i386", 0, "/lib/ld-linux.so.2", "i386", 1),
        ("ppc64el", 2, "/lib64/ld64.so.2", "powerpc64le", 0x503),
        ("s390x", 0, "/lib/ld64.so.1", "s390x", 0x403),
        ("riscv64", 5, "/lib/ld-linux-riscv64-lp64d.so.1", "riscv64", 0x1003),
        ("riscv64", 0, "/lib/ld-linux-riscv64-lp64.so.1", "riscv64-sf", 0xF03),
        ("loong64", 0x43, "/lib64/ld-linux-loongarch-lp64d.so.1", "loongarch64", 0x1203),
        ("mips64el", 0x80000000, "/lib64/ld.so.1", "mips64el", 0x703),
        ("mips64el", 0xA0000400, "/lib64/ld-linux-mipsn8.so.1", "mips64r6el", 0xE03),
        ("mipsel", 0x70001000, "/lib/ld.so.1", "mipsel", 1),
        ("mipsel", 0x70000020, "/lib32/ld.so.1", "mipsn32el", 0x603),
    ],
)
def test_each_machine_has_its_loaders(
    arch: str, flags: int, glibc: str, musl: str, cache: int
) -> None:
    """Paths, names and cache flags follow from the ELF header."""
    found = machine.abi(elf(arch, flags))

    assert (glibc, musl, cache) == (found.glibc[0], found.musl[0], found.cache[0])


def test_big_endian_mips_has_no_suffix() -> None:
    """Only little-endian is spelled out."""
    big = Arch("mips", "mips", None, "mips-linux-gnu", 32, "big", 8)

    assert machine.abi(elf(big)).musl == ("mips", "mips-sf")


def test_an_unknown_machine_has_a_name_only() -> None:
    """Nothing is guessed."""
    strange = Arch("x", "x", None, "x", 64, "little", 9999)

    assert machine.Abi(name="machine 9999", cache=()) == machine.abi(elf(strange))
    assert machine.describe(elf(strange)) == "machine 9999 (64-bit, little-endian)"


@pytest.mark.parametrize(
    ("arch", "host", "flags", "expected"),
    [
        ("amd64", 0, 0, True),
        ("ppc64el", 2, 0, True),
        ("ppc64el", 2, 1, False),
        ("ppc64el", 2, 2, True),
        ("riscv64", 4, 5, True),
        ("riscv64", 4, 0, False),
        ("riscv64", 4, 12, False),
        ("mipsel", 0x70001000, 0x50001000, True),
        ("mipsel", 0x70001000, 0x70001400, False),
        ("mipsel", 0x70001000, 0x70001020, False),
        ("mipsel", 0x70001000, 0x70001200, False),
    ],
)
def test_abi_flags_decide_within_a_machine(
    arch: str, host: int, flags: int, *, expected: bool
) -> None:
    """Each processor's loader compares the flags its ABI says."""
    assert expected == machine.matches(elf(arch, flags), elf(arch, host))


def test_another_machine_never_matches() -> None:
    """However alike the headers are."""
    assert not machine.matches(elf("arm64"), elf("amd64"))
