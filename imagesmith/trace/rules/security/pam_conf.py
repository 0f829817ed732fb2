"""PAM's configuration files: which modules they name, and which files they include.

pam.d(5): a line is type, control, module and arguments; a leading `-` says that
the module may be missing.  `include` and `substack` as control, and Debian's
`@include`, name another file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

_LINE: Final = re.compile(
    r"(?P<quiet>-?)(?P<type>auth|account|password|session)\s+"
    r"(?P<control>\[[^\]]*\]|\S+)\s+(?P<module>\S+)(?:\s+(?P<arguments>.*))?",
    re.IGNORECASE,
)
_INCLUDE: Final = re.compile(r"@include\s+(?P<file>\S+)", re.IGNORECASE)
_PATH: Final = re.compile(r"(?:^|[\s=\[])(/[^\s\]]+)")
_HARMLESS: Final = ("optional", "sufficient")
"""Controls of modules that may fail: what cannot be loaded does."""


@attrs.frozen
class Module:
    """One module of a stack."""

    name: str
    """A file name in the directory of modules, or a path."""
    is_optional: bool
    paths: tuple[str, ...] = ()
    """Absolute paths among its arguments."""


@attrs.frozen
class Stack:
    """What one file says, each thing once and in its order."""

    modules: tuple[Module, ...]
    includes: tuple[str, ...]


def read(lines: Iterable[str]) -> Stack:
    """Read the lines of a file without comments; a backslash at its end joins one with the next."""
    modules: dict[Module, None] = {}
    includes: dict[str, None] = {}
    for line in _joined(lines):
        if include := _INCLUDE.fullmatch(line):
            includes[include["file"]] = None
        elif words := _LINE.fullmatch(line):
            control = words["control"].lower()
            if control in ("include", "substack"):
                includes[words["module"]] = None
            else:
                optional = bool(words["quiet"]) or control in _HARMLESS or "ignore" in control
                paths = tuple(_PATH.findall(words["arguments"] or ""))
                modules[Module(words["module"], optional, paths)] = None
    return Stack(tuple(modules), tuple(includes))


def _joined(lines: Iterable[str]) -> Iterable[str]:
    text = ""
    for line in lines:
        text += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield text
            text = ""
    if text:
        yield text
