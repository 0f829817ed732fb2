"""Reading ld.so.conf: the directories ldconfig looks into.

ldconfig(8), elf/ldconfig.c (`parse_conf`, `add_dir_1`): a directory a line, `#`
starts a comment, `include` names files by glob(7) patterns, `hwcap` lines count
for nothing, and neither does the `=libc6` after a directory that very old files
have.  No loader reads this file: without ld.so.cache it changes nothing.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imagesmith.elf.root import Root
from imagesmith.model.resolve import Found

LD_SO_CONF: Final = "/etc/ld.so.conf"
_BLANKS: Final = " \t\n\v\f\r"
_INCLUDE: Final = re.compile(r"include[ \t](.*)", re.DOTALL)
_HWCAP: Final = re.compile(r"hwcap[ \t]", re.IGNORECASE)
_MAGIC: Final = re.compile(r"[*?[]")


def directories(root: Root, default: bytes = b"") -> tuple[str, ...]:
    """Return the absolute directories that ld.so.conf names, in order, each once.

    Whether they exist is not asked.  `default` stands for the file where there is none.
    """
    content = root.content(LD_SO_CONF)
    text = default if content is None else content
    return tuple(dict.fromkeys(_directories(root, text, (LD_SO_CONF,))))


def _directories(root: Root, text: bytes, paths: tuple[str, ...]) -> Iterator[str]:
    """Yield what a file says; `paths` are the file and those that include it."""
    for raw in text.decode("utf-8", "surrogateescape").split("\n"):
        line = raw.partition("#")[0].lstrip(_BLANKS)
        if included := _INCLUDE.fullmatch(line):
            for pattern in re.split("[ \t]+", included[1].strip(_BLANKS)):
                for path in _files(root, posixpath.join(posixpath.dirname(paths[0]), pattern)):
                    content = root.content(path)
                    if content is not None and path not in paths:
                        yield from _directories(root, content, (path, *paths))
        elif not _HWCAP.match(line):
            directory = line.partition("=")[0].rstrip(_BLANKS)
            if directory.startswith("/"):
                yield directory.rstrip("/") or "/"


def _files(root: Root, pattern: str) -> list[str]:
    """Return the paths that match an absolute pattern, sorted by their bytes."""
    found = [""]
    for component in pattern.split("/")[1:]:
        found = [f"{above}/{name}" for above in found for name in _names(root, above, component)]
    return sorted(found, key=lambda path: path.encode("utf-8", "surrogateescape"))


def _names(root: Root, above: str, pattern: str) -> list[str]:
    """Return what matches one component; a leading dot is matched by a dot only."""
    if not _MAGIC.search(pattern):
        return [pattern] if isinstance(root.lookup(f"{above}/{pattern}"), Found) else []
    names = fnmatch.filter(root.names(above or "/"), pattern)
    return [name for name in names if pattern.startswith(".") or not name.startswith(".")]
