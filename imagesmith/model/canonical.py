"""Canonical JSON: one value, one spelling.

UTF-8, keys sorted, no white space, no final newline.  For strings, integers,
booleans, null, lists and objects with keys in the Basic Multilingual Plane the
bytes equal RFC 8785's; floats and other keys, where they would not, are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""What canonical JSON can say: everything but floats."""


def to_bytes(value: Json) -> bytes:
    """Return the canonical bytes of `value`; TypeError or ValueError if it has none."""
    _check(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _check(value: Json) -> None:
    match value:
        case None | bool() | int() | str():
            return
        case Mapping():
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"not a string: key {key!r}")
                if any(character > "\uffff" for character in key):
                    raise ValueError(f"key outside the Basic Multilingual Plane: {key!r}")
                _check(inner)
        case list() | tuple():
            for inner in value:
                _check(inner)
        case _:
            raise TypeError(f"no canonical JSON for {type(value).__name__}")
