"""What would help: hints for names that nothing answered.

A hint looks at what the search passed over and at a few places where libraries
usually lie; it never changes a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagesmith.elf import machine
from imagesmith.elf.root import LD_SO_CACHE, Root
from imagesmith.elf.search import Absent, Loaded
from imagesmith.model.facts import Elf, Loader
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File, parent

USUAL = ("/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64", "/lib32", "/usr/lib32")
LD_SO_CONF = "/etc/ld.so.conf"


def library(
    root: Root, name: str, absent: Absent, loader: Loader, loaded: Iterable[Loaded]
) -> str | None:
    """Say why `name` was not found, if there is more to say than that."""
    if absent.hint is not None:
        return absent.hint
    if absent.passed_over:
        return "; ".join(f"{skipped.path} {skipped.problem}" for skipped in absent.passed_over)
    if "/" in name:
        return None if name.startswith("/") else "the name is relative to the working directory"
    for directory in dict.fromkeys(_places(loader, loaded)):
        found = root.lookup(f"{directory}/{name}")
        if directory not in absent.searched and isinstance(found, Found):
            return f"{directory}/{name} is there, but not on the search path{_cache(root, loader)}"
    return None


def _places(loader: Loader, loaded: Iterable[Loaded]) -> Iterator[str]:
    yield from loader.system_dirs
    yield from USUAL
    for each in loaded:
        yield parent(each.found.path)
        yield parent(parent(each.found.path)).rstrip("/") + "/lib"


def _cache(root: Root, loader: Loader) -> str:
    if loader.kind != "glibc" or root.content(LD_SO_CONF) is None:
        return ""
    without = root.content(LD_SO_CACHE) is None
    return f"; {LD_SO_CONF} does not count without {LD_SO_CACHE}" if without else ""


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
