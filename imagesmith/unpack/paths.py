"""From the names archives use to image paths.

The rules are those for names that travel further: into a layer, onto other
people's disks, into terminals.  What any reader could take in two ways is
refused; bytes outside of UTF-8, line feeds and escapes are legal in a name and
kept, and `printable` is how they are shown.
"""

from __future__ import annotations

import re


class Refused(ValueError):
    """Input that breaks a rule; whoever knows where it stood makes an error of it."""


MAX_COMPONENT = 255
"""NAME_MAX of the Linux kernel (include/uapi/linux/limits.h), in bytes."""
MAX_PATH = 4095
"""PATH_MAX without its final NUL (the same file), in bytes."""
MAX_DEPTH = 128
"""Components of a path; packages stay below 30, and no consumer is happy with thousands."""

_SUSPECT = re.compile(r"(?:^|/)(?:\.{0,2}(?:/|\Z)|\.wh\.)|\0|[^/]{86}")
"""Names that need a closer look: 86 characters can take more than 255 bytes."""


def image_path(name: str, *, directory: bool = False) -> str:
    """Return the image path of the member or link target `name`; Refused if it has none.

    One leading `./` or `/` says where the archive's root is, as dpkg has it, and
    one slash may end the name of a directory; `.`, `./` and `/` are the root
    itself.  Anything else that is no plain component is refused, not normalised.
    """
    if name in (".", "./", "/"):
        return "/"
    relative = name[2:] if name.startswith("./") else name.removeprefix("/")
    if directory:
        relative = relative.removesuffix("/")
    if _SUSPECT.search(relative) or len(relative) > MAX_PATH // 3:
        _refuse_unsafe(relative)
    if relative.count("/") >= MAX_DEPTH:
        raise Refused(f"path deeper than {MAX_DEPTH} components")
    return f"/{relative}"


def decoded(raw: bytes) -> str:
    """Decode a name from a file; any bytes survive, whatever the host's locale."""
    return raw.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """Return the bytes `decoded` was given."""
    return text.encode("utf-8", "surrogateescape")


def _refuse_unsafe(path: str) -> None:
    if len(encoded(path)) > MAX_PATH:
        raise Refused(f"path longer than {MAX_PATH} bytes")
    if "\0" in path:
        raise Refused("NUL in a path")
    for component in path.split("/"):
        if component in ("", ".", ".."):
            raise Refused(f"path component {component!r}")
        if component.startswith(".wh."):
            raise Refused("a whiteout name, which deletes files of lower layers")
        if len(encoded(component)) > MAX_COMPONENT:
            raise Refused(f"path component longer than {MAX_COMPONENT} bytes")
