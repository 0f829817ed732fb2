"""What kind of machine this is and which versions are compared; nothing that names it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

FEATURES = ("sha_ni", "avx2", "avx512f")
"""CPU flags that hashing and compression are fast or slow by."""

VERSIONS = {
    "docker": ("docker", "--version"),
    "dockerd": ("dockerd", "--version"),
    "podman": ("podman", "--version"),
    "buildah": ("buildah", "--version"),
    "umoci": ("umoci", "--version"),
    "mmdebstrap": ("mmdebstrap", "--version"),
    "dpkg": ("dpkg", "--version"),
    "GNU tar": ("tar", "--version"),
    "zstd": ("zstd", "--version"),
    "xz": ("xz", "--version"),
    "openssl": ("openssl", "version"),
    "libtree": ("libtree", "--version"),
    "pax-utils": ("scanelf", "--version"),
}


def describe() -> str:
    """Return the machine's class and everybody's versions, as a Markdown list."""
    flags = _match(r"^flags\s*:\s*(.*)$", Path("/proc/cpuinfo")).split()
    memory = int(_match(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo")) or 0) / 1024**2
    present = ", ".join(flag for flag in FEATURES if flag in flags) or "none of these"
    cores = len(os.sched_getaffinity(0))
    programs = (f"{name} {version(command)}" for name, command in VERSIONS.items())
    hardware = f"{cores} cores, {platform.machine()}, {memory:.0f} GiB of memory"
    features = f"CPU flags {present}"
    system = f"Linux {platform.release().partition('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    wheels = ", ".join(f"{name} {metadata.version(name)}" for name in ("zstandard", "click"))
    load = f"load before the run: {os.getloadavg()[0]:.1f}"
    lines = (
        f"{hardware}; {features}; {load}",
        f"{system}, {python}, {wheels}",
        ", ".join(programs),
    )
    return "".join(f"- {line}\n" for line in lines)


def version(command: tuple[str, ...]) -> str:
    """Return the first thing that looks like a version in what a program says of itself."""
    try:
        said = subprocess.run(command, capture_output=True, check=False, text=True).stdout
    except OSError:
        return "(not installed)"
    found = re.search(r"\d+(\.\d+)+", said)
    return found.group() if found else "(unknown)"


def _match(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    return found.group(1) if found else ""
