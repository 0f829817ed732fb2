"""What a program looked for in vain though the packages have it, the most telling first.

A file that it wanted to open or run says more than one whose existence it asked for,
and the last says more than the first: programs end soon after what they cannot do
without.  What the C library asks for in every program, and does well without, says
least.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter

import attrs

from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Tree, parent
from imagesmith.sandbox import calls
from imagesmith.sandbox.accesses import Access

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
    accesses: Iterable[Access], full: Tree, owners: Mapping[str, tuple[str, ...]]
) -> tuple[Absent, ...]:
    """Return what was looked for in vain and is in the `full` tree, the most telling first."""
    ranked: dict[str, tuple[tuple[bool, bool, int], Absent]] = {}
    for position, access in enumerate(accesses):
        path = _path(access, full)
        if path is None:
            continue
        rank = (bool(_USUAL.match(path)), access.kind not in _WANTED, -position)
        found = Absent(path=path, how=_WORDS[access.kind], packages=_packages(path, owners))
        known = ranked.get(path)
        ranked[path] = known if known and known[0] < rank else (rank, found)
    return tuple(found for _, found in sorted(ranked.values(), key=itemgetter(0)))


def _packages(path: str, owners: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return who ships a path; for a directory that is only implied, who ships anything in it."""
    found = owners.get(path, ())
    if found:
        return found
    below = (names for other, names in owners.items() if other.startswith(f"{path}/"))
    return tuple(sorted({name for names in below for name in names}))


def _path(access: Access, full: Tree) -> str | None:
    """Return where in the full tree lies what was looked for; None unless it was in vain.

    A link at the end is not followed: whoever includes it gets what it leads to as well.
    """
    found = resolve(full, access.path)
    if access.error not in _ABSENT or not isinstance(found, Found):
        return None
    path = access.path.rstrip("/")
    above, name = resolve(full, parent(path or "/")), path.rpartition("/")[2]
    if not isinstance(above, Found) or name in ("", ".", ".."):
        return found.path
    return f"{above.path.rstrip('/')}/{name}"
