"""Platforms: which of an archive's images this machine runs, and by what.

A platform is spelled `os/architecture[/variant]`, as OCI image-spec's config.md
names them (the GOARCH and GOARM values); `uname -m` has spellings of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from imagesmith.errors import UsageError
from imagesmith.sandbox.starting import program
from imagesmith.sandbox.trees.glance import Named

MACHINES: Mapping[str, str] = MappingProxyType(
    {
        "aarch64": "linux/arm64",
        "armv7l": "linux/arm/v7",
        "i686": "linux/386",
        "loongarch64": "linux/loong64",
        "ppc64le": "linux/ppc64le",
        "riscv64": "linux/riscv64",
        "s390x": "linux/s390x",
        "x86_64": "linux/amd64",
    }
)
"""The platform of a kernel, by the machine that `uname -m` prints."""
EMULATORS: Mapping[str, str] = MappingProxyType(
    {
        "linux/386": "qemu-i386",
        "linux/amd64": "qemu-x86_64",
        "linux/arm": "qemu-arm",
        "linux/arm64": "qemu-aarch64",
        "linux/loong64": "qemu-loongarch64",
        "linux/mips64le": "qemu-mips64el",
        "linux/mipsle": "qemu-mipsel",
        "linux/ppc64le": "qemu-ppc64le",
        "linux/riscv64": "qemu-riscv64",
        "linux/s390x": "qemu-s390x",
    }
)
"""QEMU's user emulators, by the platform without its variant."""
PACKAGE = "qemu-user-static"
"""Debian's package of emulators that need no file of the host."""

_IMPLIED = ("linux/amd64/v1", "linux/arm64/v8")
"""Spellings with the variant that the architecture has anyway."""
_ALSO = (("linux/amd64", "linux/386"),)
"""What a CPU runs besides its own platform."""


def host(machine: str) -> str:
    """Return the platform of a machine as `uname -m` calls it; `linux/MACHINE` if unknown."""
    return MACHINES.get(machine, f"linux/{machine}")


def chosen(images: Sequence[Named], *, wanted: str | None, here: str) -> Named | None:
    """Return the one image for the platform `wanted`, by default for `here` or else the only one.

    None if there is no such image, or more than one.
    """
    fitting = [image for image in images if normal(image.platform) == (wanted or here)]
    if not fitting and wanted is None:
        fitting = list(images)
    return fitting[0] if len(fitting) == 1 else None


def normal(platform: str) -> str:
    """Return a platform without the variant its architecture implies."""
    return platform.rpartition("/")[0] if platform in _IMPLIED else platform


def is_native(platform: str, here: str) -> bool:
    """Say whether the CPU `here` runs programs of a platform."""
    return normal(platform) == here or (here, normal(platform)) in _ALSO


def emulator(platform: str, which: Callable[[str], str | None]) -> str:
    """Return the path of a static emulator for a platform; UsageError if there is none here."""
    name = EMULATORS.get("/".join(platform.split("/")[:2]), "")
    for candidate in (f"{name}-static", name):
        found = which(candidate) if name else None
        if found and is_static(found):
            return found
    problem = f"this machine does not run programs for {platform}"
    raise UsageError(
        problem=f"{problem}, and no static {name} is installed" if name else problem,
        hint=f"apt-get install {PACKAGE}" if name else "run it on such a machine",
    )


def is_static(path: str) -> bool:
    """Say whether a program of the host needs no interpreter from the root it runs in."""
    return not program.interpreter(program.head(path))
