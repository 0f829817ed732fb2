"""Architectures and their spellings in Debian, OCI and ELF.

Sources: dpkg's `cputable` and `tupletable` (Debian names and multiarch
triplets), OCI image-spec config.md "platform" (the GOARCH and GOARM values),
and the gABI's list of e_machine values.
"""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Arch:
    """One target architecture."""

    debian: str
    """`dpkg --print-architecture` on such a machine; our own spelling everywhere."""
    oci: str
    """`architecture` of the OCI platform object."""
    variant: str | None
    """`variant` of the OCI platform object, where the architecture alone is ambiguous."""
    triplet: str
    """Debian's multiarch triplet, as in `/usr/lib/TRIPLET`."""
    bits: Literal[32, 64]
    """EI_CLASS."""
    endian: Literal["little", "big"]
    """EI_DATA."""
    machine: int
    """e_machine."""

    def __str__(self) -> str:
        """Return the Debian spelling."""
        return self.debian


_ALL = (
    Arch("amd64", "amd64", None, "x86_64-linux-gnu", 64, "little", 62),
    Arch("arm64", "arm64", None, "aarch64-linux-gnu", 64, "little", 183),
    Arch("armel", "arm", "v5", "arm-linux-gnueabi", 32, "little", 40),
    Arch("armhf", "arm", "v7", "arm-linux-gnueabihf", 32, "little", 40),
    Arch("i386", "386", None, "i386-linux-gnu", 32, "little", 3),
    Arch("loong64", "loong64", None, "loongarch64-linux-gnu", 64, "little", 258),
    Arch("mips64el", "mips64le", None, "mips64el-linux-gnuabi64", 64, "little", 8),
    Arch("mipsel", "mipsle", None, "mipsel-linux-gnu", 32, "little", 8),
    Arch("ppc64el", "ppc64le", None, "powerpc64le-linux-gnu", 64, "little", 21),
    Arch("riscv64", "riscv64", None, "riscv64-linux-gnu", 64, "little", 243),
    Arch("s390x", "s390x", None, "s390x-linux-gnu", 64, "big", 22),
)
ARCHES = {arch.debian: arch for arch in _ALL}
"""Every architecture by its Debian name, sorted."""


def parse(name: str) -> Arch:
    """Return the architecture with the Debian name `name`; ValueError otherwise."""
    try:
        return ARCHES[name]
    except KeyError:
        known = ", ".join(ARCHES)
        raise ValueError(f"unknown architecture {name!r}; known: {known}") from None
