"""Single values as several sections have them: paths, names, choices, architectures."""

from __future__ import annotations

import re
from typing import TypeVar

from imagesmith.manifest.table import Table
from imagesmith.model import arch as arches

IMAGE_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z")
"""A repository name without a registry (OCI distribution-spec, "Pulling manifests")."""
CONTROL = re.compile("[\x00-\x1f\x7f]")
MAX_NAME = 128
MAX_ID = 2**32 - 2
"""The largest user or group id; the next one means "none" to the kernel."""

_Choice = TypeVar("_Choice", bound=str)


def image_path(text: str) -> str:
    """Check an absolute, normalised path inside the image."""
    parts = text.split("/")
    if not text.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]):
        raise ValueError(f"expected an absolute path without '.', '..' or '//', got {text!r}")
    if CONTROL.search(text):
        raise ValueError(f"control character in {text!r}")
    return text


def image_name(text: str) -> str:
    """Check the name of an image: lower-case letters and digits joined by `.`, `_`, `-`, `/`."""
    if not IMAGE_NAME.match(text) or len(text) > MAX_NAME:
        raise ValueError(f"expected a name like curl or team/curl, got {text!r}")
    return text


def image_paths(table: Table, key: str) -> tuple[str, ...]:
    """Return an array of paths inside the image, none by default."""
    return table.convert_all(key, table.strings(key, ()), image_path)


def choice(table: Table, key: str, choices: tuple[_Choice, ...]) -> _Choice:
    """Return one of a few words; the first is the default."""
    named = table.string(key, choices[0])
    chosen = next((known for known in choices if known == named), None)
    if chosen is None:
        raise table.error(key, f"expected one of {', '.join(choices)}")
    return chosen


def architectures(table: Table) -> tuple[str, ...]:
    """Return the Debian names of the architectures that something is for, sorted; all if empty."""
    if not table.has("architectures"):
        return ()
    names = table.strings("architectures")
    if not names:
        raise table.error("architectures", "expected at least one; leave it out to mean all")
    found = table.convert_all("architectures", names, arches.parse)
    return tuple(sorted(arch.debian for arch in found))
