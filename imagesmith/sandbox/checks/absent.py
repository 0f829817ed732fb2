"""What a program looked for in vain though the packages have it, the most telling first.

A file that it wanted to open or run says more than one whose existence it asked for,
and the last says more than the first: programs end soon after what they cannot do
without.  What the C library asks for in every program, and does well without, says
least.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter

import attrs

from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Tree, parent
from imagesmith.sandbox.watching import calls
from imagesmith.sandbox.watching.accesses import Access

_ABSENT = ("ENOENT", "ENOTDIR")
_WORDS = {
    calls.OPEN: "opened",
    calls.EXECUTE: "executed",
    calls.LIST: "listed",
    calls.WRITE: "opened",
    calls.LOOK: "looked at",
}
_WANTED = (calls.OPEN, calls.EXECUTE, calls.LIST, calls.WRITE)
_USUAL = re.compile(
    r"/etc/(?:ld\.so\.cache|ld\.so\.preload|localtime|nsswitch\.conf)\Z"
    r"|/usr/(?:lib|share)/locale/|/usr/lib/[^/]+/gconv/"
)
"""What glibc looks for by itself: its loader, setlocale(3), tzset(3), nss(5), iconv(3)."""


@attrs.frozen(kw_only=True)
class Absent:
    """Something that packages have and an image has not."""

    path: str
    """As a recipe would include it; a directory stands for everything below."""
    how: str
    """What the program did: `opened`, `executed`, `listed` or `looked at`."""
    packages: tuple[str, ...] = ()


def absent(
    accesses: Iterable[Access],
    full: Tree,
    owners: Mapping[str, tuple[str, ...]],
    *,
    has: Callable[[str], bool],
) -> tuple[Absent, ...]:
    """Return what was looked for in vain and is in the `full` tree, the most telling first.

    `has` says whether the image has something at a path.
    """
    ranked: dict[str, tuple[tuple[bool, bool, int], Absent]] = {}
    for position, access in enumerate(accesses):
        lies = _lies(access, full, has)
        if lies is None:
            continue
        real, path = lies
        rank = (bool(_USUAL.match(real)), access.kind not in _WANTED, -position)
        found = Absent(path=path, how=_WORDS[access.kind], packages=_packages(real, owners))
        known_rank, known = ranked.get(real, (rank, found))
        rank, best = (known_rank, known) if known_rank < rank else (rank, found)
        ranked[real] = rank, attrs.evolve(best, path=real) if real == known.path else best
    return tuple(found for _, found in sorted(ranked.values(), key=itemgetter(0)))


def _packages(path: str, owners: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return who ships a path; for a directory that is only implied, who ships anything in it."""
    found = owners.get(path, ())
    if found:
        return found
    below = (names for other, names in owners.items() if other.startswith(f"{path}/"))
    return tuple(sorted({name for names in below for name in names}))


def _lies(access: Access, full: Tree, has: Callable[[str], bool]) -> tuple[str, str] | None:
    """Return where in the full tree lies what was looked for, and as what to include it.

    None unless it was looked for in vain.  A link at the end is not followed: whoever
    includes it gets what it leads to as well.  So it is with links on the way, which
    stay in what is to be included where the image lacks them.
    """
    if access.error not in _ABSENT:
        return None
    sought = _sought(access, full, has)
    found = resolve(full, sought)
    if not isinstance(found, Found):
        return None
    above, name = resolve(full, parent(sought)), sought.rpartition("/")[2]
    if not isinstance(above, Found) or name in ("", ".", ".."):
        return found.path, found.path
    real = f"{above.path.rstrip('/')}/{name}"
    is_linked = not has(parent(sought)) and ".." not in sought.split("/")
    return real, posixpath.normpath(sought) if is_linked else real


def _sought(access: Access, full: Tree, has: Callable[[str], bool]) -> str:
    """Return the path that was missing: for a file to be made, that of its directory."""
    path = access.path.rstrip("/") or "/"
    is_new = access.kind == calls.WRITE and not isinstance(resolve(full, path), Found)
    return parent(path) if is_new and not has(parent(path)) else path
