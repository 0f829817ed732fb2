"""Stanzas of fields, read strictly.

Promises: every field once, names and text as deb-control(5) and Debian policy
5.1 want them; a byte that could mean two things to two readers (a NUL, a
carriage return, invalid UTF-8) is an error.  Leaves the meaning of fields to
others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imagesmith.errors import DocumentError

_FIELD = re.compile(r"([!\"$-,.-9;-~][!-9;-~]*):[ \t]*(.*?)[ \t]*\Z", re.DOTALL)
"""Policy 5.1: printable ASCII without space and colon, not starting with `#` or `-`."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def stanzas(text: bytes) -> Iterator[bytes]:
    """Yield the stanzas of `text`: its runs of lines between empty ones."""
    for stanza in re.split(rb"\n(?:[ \t]*\n)+", text):
        if stanza := stanza.lstrip(b"\n"):
            yield stanza.removesuffix(b"\n") + b"\n"


def fields(stanza: bytes, *, document: str, place: str) -> dict[str, str]:
    """Return the fields of one stanza by lower-case name.

    A continuation line stays a line of the value, without its first blank;
    DocumentError names `document`, and the field after `place`.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for line in _lines(stanza, document, place):
        if line[0] in " \t":
            if not name:
                raise DocumentError(
                    document=document, place=place, problem="continues a field that is not there"
                )
            found[name].append(line[1:].rstrip(" \t"))
            continue
        match = _FIELD.match(line)
        if match is None:
            raise DocumentError(document=document, place=place, problem=f"not a field: {line!r}")
        name = match[1].lower()
        if name in found:
            raise DocumentError(
                document=document, place=_at(place, match[1]), problem="given twice"
            )
        found[name] = [match[2]]
    return {name: "\n".join(lines) for name, lines in found.items()}


def _lines(stanza: bytes, document: str, place: str) -> list[str]:
    try:
        text = stanza.decode()
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start}"
        raise DocumentError(document=document, place=place, problem=problem) from None
    control = _CONTROL.search(text)
    if control is not None:
        problem = f"control character {control[0]!r}"
        raise DocumentError(document=document, place=place, problem=problem)
    lines = text.removesuffix("\n").split("\n")
    if not all(line.strip(" \t") for line in lines):
        raise DocumentError(document=document, place=place, problem="an empty line in a stanza")
    return lines


def _at(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field
