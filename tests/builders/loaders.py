"""The real loaders as judges: what they would load inside a root made of test files."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from builders.elf import GLIBC_INTERP, MUSL_INTERP

_LINE = re.compile(r"\t(?:(\S+) => )?(\S+|not found) \(0x[0-9a-f]+\)|\t(\S+) => not found")

_MUSL_MISSING = re.compile(
    r"Error loading shared library (\S+): (?:No such file|Symbolic link loop|Not a directory)"
)


@attrs.frozen
class Listing:
    """What a loader lists."""

    paths: tuple[str, ...]
    """In its order, without the program and the kernel's own object."""
    missing: tuple[str, ...]
    failed: str
    """What ended it, or empty."""


def glibc(root: Path, program: str, *arguments: str) -> Listing:
    """Let the host's glibc loader list what a program loads; missing names do not end it."""
    return _run(root, [GLIBC_INTERP, *arguments, program], {"LD_TRACE_LOADED_OBJECTS": "1"})


def musl(root: Path, program: str, library_path: str | None = None) -> Listing:
    """Let the host's musl loader list what a program in `root` loads."""
    environment = {} if library_path is None else {"LD_LIBRARY_PATH": library_path}
    return _run(root, [MUSL_INTERP, "--list", program], environment)


def emulated(root: Path, command: list[str]) -> Listing:
    """Let a foreign loader list, through an emulator that lies in `root`."""
    return _run(root, command, {})


def _run(root: Path, command: list[str], environment: Mapping[str, str]) -> Listing:
    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    # Not chroot(1): what is set for the loader under judgement would bind that program too.
    done = subprocess.run(
        command,
        env=dict(environment),
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
        preexec_fn=enter,
        timeout=20,
    )
    paths, missing = dict[str, None](), []
    for line in done.stdout.splitlines():
        found = _LINE.fullmatch(line)
        if found and found[3]:
            missing.append(found[3])
        elif found and not found[2].startswith("linux-vdso"):
            paths[found[2]] = None
    missing += _MUSL_MISSING.findall(done.stderr)
    failed = "" if done.returncode == 0 else done.stderr.strip() or str(done.returncode)
    return Listing(tuple(paths), tuple(missing), failed)


def host_loader(path: str) -> bytes:
    """Return the host's loader at `path`; skip the test without it, or without chroot(2)."""
    if os.geteuid() != 0:
        pytest.skip("running a loader in a root needs chroot(2)")
    if not Path(path).exists():
        pytest.skip(f"the host has no {path}")
    return Path(path).read_bytes()
