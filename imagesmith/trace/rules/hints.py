"""What a person may have meant by a name that the packages do not have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_FEW: Final = 8
"""As many are listed as a line holds."""


def close(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint naming what is like `name`, or a few of what there is, or `otherwise`."""
    names = sorted(known)
    alike = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if alike:
        return f"did you mean {' or '.join(alike)}"
    if otherwise or not names:
        return otherwise
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"there is {', '.join(names[:_FEW])}{more}"
