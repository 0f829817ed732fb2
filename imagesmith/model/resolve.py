"""Path resolution inside a root, as the kernel does it (path_resolution(7)).

Absolute links restart at the root of the filesystem given, `..` stops there,
and nothing outside of it is ever named.  Every symbolic link crossed is
reported, because an image needs each of them.
"""

from __future__ import annotations

from typing import Literal

import attrs

from imagesmith.model.tree import Directory, Entry, Filesystem, Hardlink, Symlink, parent

MAX_LINKS = 40
"""MAXSYMLINKS of the Linux kernel (include/linux/namei.h)."""


@attrs.frozen
class Found:
    """A path that resolves."""

    path: str
    """The real path: no component of it is a link."""
    entry: Entry
    """What lies there: a file, a directory or a dangling hard link's name; never a symlink."""
    links: tuple[str, ...]
    """The symbolic links crossed, in order, each by its real path, without repetition."""


@attrs.frozen
class NotFound:
    """A path that does not resolve."""

    errno: Literal["ENOENT", "ENOTDIR", "ELOOP"]
    at: str
    """The real path that was missing, was no directory, or looped."""


def resolve(filesystem: Filesystem, path: str) -> Found | NotFound:
    """Follow `path` from the root of `filesystem` to a file or directory."""
    pending = _components(path)
    here = "/"
    entry: Entry = Directory()
    links: dict[str, None] = {}
    hops = 0
    while pending:
        component = pending.pop()
        if not isinstance(entry, Directory):
            return NotFound("ENOTDIR", here)
        if component == "..":
            here = parent(here)
            continue
        step = f"{here.rstrip('/')}/{component}"
        found = filesystem.entry(step)
        if found is None:
            return NotFound("ENOENT", step)
        if isinstance(found, Symlink):
            hops += 1
            if hops > MAX_LINKS:
                return NotFound("ELOOP", step)
            links[step] = None
            here = "/" if found.target.startswith("/") else here
            pending += _components(found.target)
            continue
        here, entry = step, found
    if isinstance(entry, Hardlink):
        entry = filesystem.entry(entry.target) or entry
    return Found(here, entry, tuple(links))


def _components(path: str) -> list[str]:
    """Return the components of `path`, last first, without empty ones and dots."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
