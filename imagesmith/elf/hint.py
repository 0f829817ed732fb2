"""What would help: hints for names that nothing answered.

A hint looks at what the search passed over, at a few places where libraries
usually lie, and at what lies beside them; it never changes a result.  Which
package would bring a file is left to those who know packages.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from imagesmith.elf import ldconf, machine
from imagesmith.elf.ldconf import LD_SO_CONF
from imagesmith.elf.root import LD_SO_CACHE, Root
from imagesmith.elf.search import Absent, Loaded
from imagesmith.model.facts import Elf, Loader
from imagesmith.model.resolve import Found, NotFound
from imagesmith.model.tree import File, Symlink, parent

USUAL: Final = (
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
    "/lib64",
    "/usr/lib64",
    "/lib32",
    "/usr/lib32",
)
PROGRAMS: Final = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin", "/usr/libexec")

_CLOSE: Final = 0.75
"""How alike two names are that may be a slip of the pen (difflib's ratio)."""
_NO_DIRECTORY: Final = re.compile(r"\.(?:so|a|o)(?:\.|\Z)")
"""Names that no directory has: to ask costs reading the file."""
_LINKER_SCRIPT: Final = re.compile(rb"\b(?:GROUP|INPUT)\s*\(")
_SCRIPT_SIZE: Final = 16 * 1024
"""Bytes; linker scripts are a few lines."""


def library(
    root: Root, name: str, absent: Absent, loader: Loader, loaded: Iterable[Loaded]
) -> str | None:
    """Say why `name` was not found, if there is more to say than that."""
    if absent.hint is not None:
        return absent.hint
    if absent.passed_over:
        return "; ".join(f"{skipped.path} {skipped.problem}" for skipped in absent.passed_over)
    if name.startswith("/"):
        return dangling(root, name)
    if "/" in name:
        return "the name is relative to the working directory"
    for directory in absent.searched:
        if (advice := dangling(root, f"{directory}/{name}")) is not None:
            return advice
    configured = ldconf.directories(root) if loader.kind == "glibc" else ()
    usual = (*configured, *_places(loader, loaded))
    places = tuple(dict.fromkeys((*usual, *absent.searched)))
    looks: tuple[Callable[[], str | None], ...] = (
        lambda: _beside(root, name, absent, places, configured),
        lambda: _below(root, name, places),
        lambda: _other_version(root, name, places),
    )
    return next((advice for look in looks if (advice := look()) is not None), None)


def _places(loader: Loader, loaded: Iterable[Loaded]) -> Iterator[str]:
    yield from loader.system_dirs
    yield from USUAL
    for each in loaded:
        yield parent(each.found.path)
        yield parent(parent(each.found.path)).rstrip("/") + "/lib"


def _beside(
    root: Root, name: str, absent: Absent, places: Iterable[str], configured: Container[str]
) -> str | None:
    """Find it in a directory that was not searched; ld.so.conf names its own to ldconfig only."""
    for directory in places:
        path = f"{directory.rstrip('/')}/{name}"
        if directory not in absent.searched and isinstance(root.lookup(path), Found):
            there = f"{path} is there, but not on the search path"
            if directory not in configured:
                return there
            if root.content(LD_SO_CACHE) is None:
                return f"{there}; {LD_SO_CONF} does not count without {LD_SO_CACHE}"
            return f"{there}; {LD_SO_CONF} has the directory, {LD_SO_CACHE} does not have the file"
    return None


def _below(root: Root, name: str, places: Iterable[str]) -> str | None:
    """Find it one directory deeper, where Debian keeps what alternatives choose from."""
    for directory in places:
        for below in root.names(directory):
            path = f"{directory.rstrip('/')}/{below}"
            if _NO_DIRECTORY.search(below) or root.directory(path) is None:
                continue
            if isinstance(root.lookup(f"{path}/{name}"), Found):
                known = f"{path}/{name} is there, but not on the search path"
                return f"{known}; configuring its package (update-alternatives) may link to it"
    return None


def _other_version(root: Root, name: str, places: Iterable[str]) -> str | None:
    """Find another version of the same library."""
    stem, so, _ = name.partition(".so")
    if not so:
        return None
    for directory in places:
        others = [each for each in root.names(directory) if each.startswith(f"{stem}.so.")]
        for other in sorted(others, key=lambda each: (len(each), each)):
            path = f"{directory.rstrip('/')}/{other}"
            if isinstance(root.lookup(path), Found):
                return f"{path} is there: another version, which does not stand in for it"
    return None


def dangling(root: Root, path: str) -> str | None:
    """Say where the link at `path` leads if that is nowhere."""
    found = root.lookup(path)
    above = root.directory(parent(path))
    if not isinstance(found, NotFound) or above is None:
        return None
    entry = root.filesystem.entry(f"{above.path.rstrip('/')}/{posixpath.basename(path)}")
    if not isinstance(entry, Symlink):
        return None
    if found.errno == "ELOOP":
        return f"{path} is a loop of symbolic links"
    return f"{path} is a link to {entry.target}, and {found.at} is not there"


def unloadable(root: Root, path: str, problem: str) -> str:
    """Add to a problem what the file at `path` is instead, where that is known."""
    found = root.lookup(path)
    entry = found.entry if isinstance(found, Found) else None
    if not isinstance(found, Found) or not isinstance(entry, File):
        return problem
    if entry.facts is not None or entry.size > _SCRIPT_SIZE:
        return problem
    is_script = _LINKER_SCRIPT.search(root.read(found.path)) is not None
    return f"{problem}: it is a linker script" if is_script else problem


def file(root: Root, path: str) -> str:
    """Say what may have been meant by the path of a program that is not there."""
    import difflib  # only what fails waits for it

    if (advice := dangling(root, path)) is not None:
        return advice
    name, above = posixpath.basename(path), parent(path)
    elsewhere = [f"{directory}/{name}" for directory in PROGRAMS]
    there = [each for each in elsewhere if name and isinstance(root.lookup(each), Found)]
    alike = difflib.get_close_matches(name, root.names(above), n=1, cutoff=_CLOSE)
    meant = (*there, *(f"{above.rstrip('/')}/{each}" for each in alike))[:1]
    return "; did you mean ".join(("there is no such file", *meant))


def interpreter(root: Root, elf: Elf) -> str | None:
    """Say where a loader for the machine of `elf` lies, if it is not where it was looked for."""
    for path in loader_paths(elf):
        if isinstance(found := root.lookup(path), Found) and isinstance(found.entry, File):
            return f"there is a loader at {path}"
    return None


def loader_paths(elf: Elf) -> tuple[str, ...]:
    """Return where loaders for the machine of `elf` usually lie, the likeliest first."""
    abi = machine.abi(elf)
    musl = tuple(f"/lib/ld-musl-{arch}.so.1" for arch in abi.musl)
    names = {dependency.name for dependency in elf.dependencies}
    wants_musl = any(name == "libc.so" or name.startswith("libc.musl-") for name in names)
    return musl + abi.glibc if wants_musl else abi.glibc + musl
