"""Machines as dynamic loaders tell them apart.

Loader paths and cache flags are glibc's (sysdeps/*/ldconfig.h, shlib-versions),
LDSO_ARCH names musl's (configure, arch/*/reloc.h), e_flags masks the processor
supplements'.  One e_machine can have several ABIs that do not mix; the first
row of the table that fits a file is its ABI.
"""

from __future__ import annotations

from typing import Final

import attrs

from imagesmith.model.facts import Elf

MIPS, PPC64, RISCV = 8, 21, 243
"""The e_machine values whose e_flags a loader compares."""
FAMILIES: Final = tuple(map(frozenset, ((62, 3), (183, 40), (21, 20), (43, 2))))
"""Machines that one ldconfig serves: x86, Arm, PowerPC, SPARC; any other is alone."""

_MIPS_ABI2, _MIPS_FP64, _MIPS_NAN2008 = 0x20, 0x200, 0x400
_PPC64_ABI, _RISCV_ABI = 0x3, 0xE


@attrs.frozen(kw_only=True)
class Abi:
    """One machine and calling convention."""

    name: str
    glibc: tuple[str, ...] = ()
    """Where glibc's loader lies, the likeliest first."""
    musl: tuple[str, ...] = ()
    """LDSO_ARCH, as in /lib/ld-musl-ARCH.so.1, the likeliest first."""
    cache: tuple[int, ...] = (1, 3)
    """Flags of the ld.so.cache entries that the loader accepts, the one ldconfig gives first."""
    levels: tuple[str, ...] = ()
    """glibc-hwcaps subdirectories, the best first."""


@attrs.frozen
class _Row:
    machine: int
    bits: int
    endian: str | None
    """None: either byte order."""
    mask: int
    flags: int
    """e_flags under `mask`."""
    abi: Abi


# name | e_machine bits byte-order | e_flags mask/value | glibc | musl | cache flags | levels
_TABLE: Final = """
x86-64     |62 64 L |0/0    |/lib64/ld-linux-x86-64.so.2|x86_64  |303|x86-64-v4 x86-64-v3 x86-64-v2
x32        |62 32 L |0/0    |/libx32/ld-linux-x32.so.2    |x32     |803|
i386       |3 32 L  |0/0    |/lib/ld-linux.so.2           |i386    |1 3|
aarch64    |183 64 L|0/0    |/lib/ld-linux-aarch64.so.1   |aarch64 |a03|
aarch64_be |183 64 B|0/0    |/lib/ld-linux-aarch64_be.so.1|aarch64_be|a03|
arm hard float|40 32 L|400/400|/lib/ld-linux-armhf.so.3   |armhf   |903 3|
arm soft float|40 32 L|200/200|/lib/ld-linux.so.3         |arm     |b03 3|
arm        |40 32 L |0/0    |/lib/ld-linux-armhf.so.3 /lib/ld-linux.so.3|armhf arm|3 903 b03|
armeb      |40 32 B |0/0    |/lib/ld-linux-armhf.so.3 /lib/ld-linux.so.3|armebhf armeb|3 903 b03|
ppc64le    |21 64 L |0/0    |/lib64/ld64.so.2             |powerpc64le|503|power10 power9
ppc64 ELFv2|21 64 B |3/2    |/lib64/ld64.so.2             |powerpc64|503|
ppc64      |21 64 B |0/0    |/lib64/ld64.so.1             |powerpc64|503|
ppc        |20 32 - |0/0    |/lib/ld.so.1                 |powerpc powerpc-sf|1 3|
s390x      |22 64 B |0/0    |/lib/ld64.so.1               |s390x   |403|z17 z16 z15 z14 z13
s390       |22 32 B |0/0    |/lib/ld.so.1                 |        |1 3|
mips64 nan2008|8 64 -|400/400|/lib64/ld-linux-mipsn8.so.1 |mips64  |e03|
mips64     |8 64 -  |0/0    |/lib64/ld.so.1               |mips64  |703|
mips n32 nan2008|8 32 -|420/420|/lib32/ld-linux-mipsn8.so.1|mipsn32|d03|
mips n32   |8 32 -  |20/20  |/lib32/ld.so.1               |mipsn32 |603|
mips nan2008|8 32 - |400/400|/lib/ld-linux-mipsn8.so.1    |mips    |c03|
mips       |8 32 -  |0/0    |/lib/ld.so.1                 |mips    |1 3|
riscv64 lp64d|243 64 L|6/4  |/lib/ld-linux-riscv64-lp64d.so.1|riscv64|1003|
riscv64 lp64f|243 64 L|6/2  |/lib/ld-linux-riscv64-lp64f.so.1|riscv64-sp||
riscv64 lp64|243 64 L|6/0   |/lib/ld-linux-riscv64-lp64.so.1|riscv64-sf|f03|
riscv32 ilp32d|243 32 L|6/4 |/lib/ld-linux-riscv32-ilp32d.so.1|riscv32|1003|
riscv32 ilp32|243 32 L|6/0  |/lib/ld-linux-riscv32-ilp32.so.1|riscv32-sf|f03|
loongarch64 lp64d|258 64 L|7/3|/lib64/ld-linux-loongarch-lp64d.so.1|loongarch64|1203|
loongarch64 lp64f|258 64 L|7/2|/lib64/ld-linux-loongarch-lp64f.so.1|loongarch64-sp||
loongarch64 lp64s|258 64 L|7/1|/lib64/ld-linux-loongarch-lp64s.so.1|loongarch64-sf|1103|
sparc64    |43 64 B |0/0    |/lib64/ld-linux.so.2         |        |103|
sparc      |2 32 B  |0/0    |/lib/ld-linux.so.2           |        |1 3|
alpha      |36902 64 L|0/0  |/lib/ld-linux.so.2           |        |1 3|
hppa       |15 32 B |0/0    |/lib/ld.so.1                 |        |1 3|
m68k       |4 32 B  |0/0    |/lib/ld.so.1                 |m68k    |1 3|
sh4        |42 32 - |0/0    |/lib/ld-linux.so.2           |sh      |1 3|
ia64       |50 64 L |0/0    |/lib/ld-linux-ia64.so.2      |        |203|
or1k       |92 32 B |0/0    |/lib/ld-linux-or1k.so.1      |or1k    |1 3|
"""


def _row(line: str) -> _Row:
    name, what, when, glibc, musl, cache, levels = (cell.strip() for cell in line.split("|"))
    machine, bits, order = what.split()
    mask, flags = when.split("/")
    abi = Abi(
        name=name,
        glibc=tuple(glibc.split()),
        musl=tuple(musl.split()),
        cache=tuple(int(flag, 16) for flag in cache.split()),
        levels=tuple(levels.split()),
    )
    endian = {"L": "little", "B": "big", "-": None}[order]
    return _Row(int(machine), int(bits), endian, int(mask, 16), int(flags, 16), abi)


_ROWS: Final = tuple(_row(line) for line in _TABLE.strip().splitlines())


def abi(elf: Elf) -> Abi:
    """Return the ABI of a file; of an unknown machine nothing but a name is known."""
    for row in _ROWS:
        same = (row.machine, row.bits) == (elf.machine, elf.bits)
        if same and row.endian in (None, elf.endian) and elf.flags & row.mask == row.flags:
            return _mips(row.abi, elf) if elf.machine == MIPS else row.abi
    return Abi(name=f"machine {elf.machine}", cache=())


def _mips(generic: Abi, elf: Elf) -> Abi:
    """Spell musl's names for MIPS: release 6, byte order and soft float are suffixes."""
    release6 = "r6" if elf.flags >> 28 in (0x9, 0xA) else ""
    order = "el" if elf.endian == "little" else ""
    names = tuple(f"{name}{release6}{order}{soft}" for name in generic.musl for soft in ("", "-sf"))
    return attrs.evolve(generic, musl=names)


def family(number: int) -> frozenset[int]:
    """Return the machines that share an ld.so.cache with e_machine `number`."""
    return next((each for each in FAMILIES if number in each), frozenset({number}))


def glibc_paths(number: int) -> tuple[str, ...]:
    """Return where loaders for e_machine `number` lie, then those of its family."""
    same = [row for row in _ROWS if row.machine == number]
    related = [row for row in _ROWS if row.machine in family(number) - {number}]
    return tuple(dict.fromkeys(path for row in (*same, *related) for path in row.abi.glibc))


def describe(elf: Elf) -> str:
    """Say in a few words what machine a file is for."""
    return f"{abi(elf).name} ({elf.bits}-bit, {elf.endian}-endian)"


def matches(elf: Elf, host: Elf) -> bool:
    """Say whether glibc's loader `host` takes `elf`, of the same class and byte order.

    elf_machine_matches_host in sysdeps/*/dl-machine.h.
    """
    if elf.machine != host.machine:
        return False
    differing = elf.flags ^ host.flags
    if elf.machine == PPC64:
        return 0 in (elf.flags & _PPC64_ABI, host.flags & _PPC64_ABI) or not differing & _PPC64_ABI
    if elf.machine == RISCV:
        return not differing & _RISCV_ABI
    if elf.machine == MIPS:
        return not differing & (_MIPS_ABI2 | _MIPS_NAN2008) and not elf.flags & _MIPS_FP64
    return True
