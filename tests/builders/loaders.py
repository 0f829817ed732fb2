"""The real loaders as judges: what they would load inside a root made of test files."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest
from builders.elf import GLIBC_INTERP, MUSL_INTERP

_LINE = re.compile(r"\t(?:(\S+) => )?(\S+|not found) \(0x[0-9a-f]+\)|\t(\S+) => not found")

_NOT_FOUND = re.compile(r": (\S+): (?:cannot open shared object file|DST not allowed)")
_MAPPED = re.compile(r"file=\S+ \[(\d+)\];  generating link map")
_MUSL_MISSING = re.compile(
    r"Error loading shared library (\S+): "
    r"(?:No such file|Symbolic link loop|Not a directory|No error)"
)

NOBODY = 65534
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 0x40000
"""linux/sched.h, linux/mount.h."""
_LIBC = ctypes.CDLL(None, use_errno=True)


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
    return _run(root, [MUSL_INTERP, "--list", program], _with(library_path))


def started(root: Path, program: str, library_path: str | None = None) -> Listing:
    """Let the kernel start a program in `root`, with /proc, and its loader list what it loads."""
    _needs_mounts()
    return _run(root, [program], _with(library_path, LD_TRACE_LOADED_OBJECTS="1"), _enter_with_proc)


def told(root: Path, program: str, library_path: str | None = None) -> Listing:
    """Run a program of `toolchain` in `root` as another user, and believe what it says.

    ld.so lists nothing for a set-user-ID program.
    """
    _needs_mounts()

    def enter(root: Path) -> None:
        _enter_with_proc(root)
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    done = _output(root, [program], _with(library_path), enter)
    missing = (*_NOT_FOUND.findall(done.stderr), *_MUSL_MISSING.findall(done.stderr))
    # musl names the program as well, the kernel's own object has no path
    paths = (line for line in done.stdout.splitlines() if line.startswith("/"))
    said = tuple(path for path in paths if path != program)
    failed = "" if missing or done.returncode == 0 else done.stderr or str(done.returncode)
    return Listing(said, missing, failed)


def namespaces(root: Path, program: str) -> Mapping[int, tuple[str, ...]]:
    """Run a program in `root`; return by link-map namespace what its loader says it opened.

    Audit modules have namespaces of their own, which no listing shows.
    """
    said = _output(root, [program], {"LD_DEBUG": "files,libs"}).stderr
    opened: dict[int, list[str]] = {}
    tried = ""
    for line in said.splitlines():
        if "trying file=" in line:
            tried = line.partition("trying file=")[2]
        elif found := _MAPPED.search(line):
            opened.setdefault(int(found[1]), []).append(tried)
    return {number: tuple(paths) for number, paths in opened.items()}


def listed(root: Path, *command: str) -> Listing:
    """Let a loader in `root` list, an emulator before it or not; threads may do this."""
    return _listing(_ended(["chroot", str(root), *command], {}, None))


def _with(library_path: str | None, **environment: str) -> dict[str, str]:
    return environment if library_path is None else environment | {"LD_LIBRARY_PATH": library_path}


def _enter(root: Path) -> None:
    os.chroot(root)
    os.chdir("/")


def _enter_with_proc(root: Path) -> None:
    """Enter a root of one's own mounts, so that the mounted /proc goes with the process."""
    _system_call("unshare", _CLONE_NEWNS)
    _system_call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    place = root / "proc"
    place.mkdir(exist_ok=True)
    _system_call("mount", b"proc", bytes(place), b"proc", 0, None)
    _enter(root)


@functools.cache
def _may_mount() -> bool:
    """Say whether a process may have mounts of its own here, trying it with nothing changed."""
    try:
        subprocess.run(
            ["true"], check=True, preexec_fn=functools.partial(_enter_with_proc, Path("/"))
        )
    except subprocess.SubprocessError:
        return False
    return True


def _needs_mounts() -> None:
    if not _may_mount():
        pytest.skip("giving a root its own /proc needs mount(2)")


def _system_call(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


def _output(
    root: Path,
    command: list[str],
    environment: Mapping[str, str],
    enter: Callable[[Path], None] = _enter,
) -> subprocess.CompletedProcess[str]:
    # Not chroot(1): what is set for the loader under judgement would bind that program too.
    return _ended(command, environment, functools.partial(enter, root))


def _ended(
    command: list[str], environment: Mapping[str, str], prepare: Callable[[], None] | None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
        preexec_fn=prepare,
        timeout=20,
    )


def _run(
    root: Path,
    command: list[str],
    environment: Mapping[str, str],
    enter: Callable[[Path], None] = _enter,
) -> Listing:
    return _listing(_output(root, command, environment, enter))


def _listing(done: subprocess.CompletedProcess[str]) -> Listing:
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
