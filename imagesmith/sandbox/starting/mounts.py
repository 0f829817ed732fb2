"""What a program sees: the image's root read-only, and where it may write, memory.

Or directories that it shares with other programs (`holder`), instead of memory.

A mount needs a place to be mounted on, and nothing is ever created in an
exported root, which others lend at the same time.  So a directory in which one is
missing, or which the program may write to, is *opened*: an empty tmpfs takes its
place, with everything the image has in it mounted back, read-only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from imagesmith.sandbox.starting import inside

HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")
"""What a program needs of the host to find others on the network."""
DIRECTORY_MODE = 0o755
SCRATCH: Mapping[str, int] = MappingProxyType(
    {"/tmp": 0o1777, "/run": DIRECTORY_MODE}  # noqa: S108 - paths in the sandbox
)
"""Directories of the image that every program may write to, with their modes."""

_FILLED = ("/proc", "/dev")
"""Where bubblewrap mounts what is not the image's."""


class Bind(NamedTuple):
    """Something of the host at an image path."""

    source: str
    path: str
    writable: bool


class Shared(Protocol):
    """Directories that stand for writable ones, by image path, in place of memory."""

    def directory(self, path: str, mode: int) -> str:
        """Return where the one for `path` lies, made with a mode if it is new."""

    def link(self, path: str, name: str, target: str) -> None:
        """Make a symbolic link in the one for `path`, unless something lies there."""


def options(
    root: str,
    *,
    writable: Mapping[str, int],
    binds: Sequence[Bind],
    shared: Shared | None = None,
) -> Iterator[str]:
    """Yield bubblewrap's options for a root, the directories to write to, and more of the host."""
    scratch = {inside.resolved(root, path): mode for path, mode in writable.items()}
    placed = [bind._replace(path=inside.resolved(root, bind.path)) for bind in binds]
    places = (*_FILLED, *scratch, *(bind.path for bind in placed))
    opened = _opened(root, places)
    yield from ("--ro-bind", root, "/")
    for path in sorted(opened | scratch):
        if shared and path in scratch:
            yield from _share(root, path, shared, scratch[path])
        else:
            yield from _open(root, path, (opened | scratch)[path])
    yield from ("--proc", "/proc", "--dev", "/dev")
    for bind in sorted(placed, key=lambda bind: bind.path):
        yield from ("--bind" if bind.writable else "--ro-bind", bind.source, bind.path)
    for path in sorted(opened.keys() - scratch.keys()):
        yield from ("--remount-ro", path)


def _opened(root: str, places: Sequence[str]) -> dict[str, int]:
    """Return the directories of the image in which a place to mount something on is missing."""
    found = {}
    for place in places:
        above = place
        while not os.path.lexists(root + above):
            above = above.rpartition("/")[0]
        if above != place and not any(place.startswith(f"{other}/") for other in places):
            found[above or "/"] = DIRECTORY_MODE
    return found


def _open(root: str, path: str, mode: int) -> Iterator[str]:
    """Mount an empty directory with what the image has there, if it has it."""
    yield from ("--perms", f"{mode:04o}", "--tmpfs", path)
    for child, place in _children(root, path):
        if child.is_symlink():
            yield from ("--symlink", os.readlink(child.path), place)
        else:
            yield from ("--ro-bind", child.path, place)


def _share(root: str, path: str, shared: Shared, mode: int) -> Iterator[str]:
    """Mount a shared directory with what the image has there; links lie in it themselves."""
    yield from ("--bind", shared.directory(path, mode), path)
    for child, place in _children(root, path):
        if child.is_symlink():
            shared.link(path, child.name, os.readlink(child.path))
        else:
            yield from ("--ro-bind", child.path, place)


def _children(root: str, path: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield what the image has in a directory, if it has that, with its image paths."""
    above = path.rstrip("/")
    try:
        with os.scandir(root + above) as entries:
            children = sorted(entries, key=lambda child: child.name)
    except FileNotFoundError:
        return
    for child in children:
        yield child, f"{above}/{child.name}"
