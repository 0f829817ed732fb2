"""Version numbers and their order (Debian policy 5.6.12).

A version becomes a string that sorts as the version does, so comparing is
comparing strings, and sorting needs no comparison function.
"""

from __future__ import annotations

import re
from functools import lru_cache

_VERSION = re.compile(r"(?:([0-9]{1,9}):)?([0-9A-Za-z][0-9A-Za-z.+~:-]*)\Z")
_PAIRS = re.compile(r"(\A[^0-9]*|[^0-9]+)0*([0-9]*)")
"""A run of non-digits, empty only at the start, and the number after it."""
_END = "\x02"
"""What a run of non-digits ends with: after `~`, before everything else."""
_ORDER = {ord("~"): "\x01"} | {ord(sign): chr(0x100 + ord(sign)) for sign in "+-.:"}
"""Letters stand for themselves; `~` sorts before the end, other signs after the letters."""

LONGEST = 1024
"""Characters of the longest version accepted; the longest of Debian 12 has 57."""


def compare(a: str, b: str) -> int:
    """Return -1, 0 or 1 as `a` is earlier than, the same as or later than `b`."""
    left, right = key(a), key(b)
    return (left > right) - (left < right)


@lru_cache(maxsize=1 << 16)
def key(version: str) -> str:
    """Return a string that sorts as `version` does; ValueError if it is none."""
    match = _VERSION.match(version)
    if match is None or len(version) > LONGEST:
        raise ValueError(f"not a version: {version[:80]!r}")
    epoch, rest = match.groups(default="")
    if not epoch and ":" in rest:
        raise ValueError(f"not a version: epoch of {version!r} is not a number")
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, ""
    elif not upstream or not revision or ":" in revision:
        raise ValueError(f"not a version: {version!r} has an empty or odd part")
    return _number(epoch.lstrip("0")) + _part(upstream) + _part(revision)


def _part(text: str) -> str:
    """Return the order of an upstream version or a revision.

    The end of the text sorts as the end of a run of non-digits, which is what
    it is compared with when the other text goes on; so no result is a prefix
    of another, and parts can be joined.
    """
    pairs = (signs.translate(_ORDER) + _END + _number(n) for signs, n in _PAIRS.findall(text))
    return "".join(pairs) + _END


def _number(digits: str) -> str:
    """Return what sorts as the number `digits`, given without leading zeros, does."""
    return chr(len(digits)) + digits
