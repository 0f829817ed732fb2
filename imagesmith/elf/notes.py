"""Notes in which a file says what it will open by name: UAPI.12, "ELF dlopen metadata".

They are read through PT_NOTE, which survives strip(1), not through the section
`.note.dlopen`.  Nothing that runs a program looks at these notes, so one that
cannot be read does not make the file malformed: it is reported as text.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import attrs

from imagesmith.elf.segment import BadElfError, Segment
from imagesmith.model.facts import DlopenNote

MAX_NOTES: Final = 1_024
"""Notes of one file, of any kind; kernels carry a few dozen."""
MAX_TEXT: Final = 65_536
"""Bytes of JSON in one file; systemd's notes are below 200 each."""
MAX_NAME: Final = 4_096
"""PATH_MAX, for a soname."""

_OWNER, _TYPE = b"FDO\0", 0x407C0C0A
_HEAD: Final = 12
"""n_namesz, n_descsz and n_type, of four bytes each in both classes (as Linux has it)."""
_EIGHT: Final = 8
_PRIORITIES: tuple[Literal["required", "recommended", "suggested"], ...] = (
    "required",
    "recommended",
    "suggested",
)


@attrs.frozen
class Notes:
    """A PT_NOTE, which may reach beyond the file."""

    segment: Segment
    align: int
    """p_align: notes are padded to 8 if it says so, else to 4."""


@attrs.define
class _Budget:
    """What may still be read of a file, in however many segments the same bytes lie."""

    notes: int = MAX_NOTES
    text: int = MAX_TEXT

    def note(self) -> None:
        self.notes -= 1
        if self.notes < 0:
            raise BadElfError(f"more than {MAX_NOTES} notes")

    def json(self, size: int) -> None:
        self.text -= size
        if self.text < 0:
            raise BadElfError(f"longer than {MAX_TEXT} bytes")


def read(
    view: memoryview, order: str, segments: Iterable[Notes]
) -> tuple[tuple[DlopenNote, ...], tuple[str, ...]]:
    """Return the dlopen notes of a file, and what is wrong with those that cannot be read.

    `order` is the byte order as `struct` writes it.
    """
    found: list[DlopenNote] = []
    odd: dict[str, None] = {}
    budget = _Budget()
    for notes in segments:
        try:
            for text in _texts(view, order, notes, budget):
                found += _parsed(text)
        except BadElfError as error:
            odd[f"dlopen note: {error}"] = None
    return tuple(found), tuple(odd)


def _texts(view: memoryview, order: str, notes: Notes, budget: _Budget) -> Iterator[bytes]:
    """Yield the content of each dlopen note in a segment."""
    table, head = notes.segment.content(view), struct.Struct(order + "3I")
    padding = (_EIGHT if notes.align == _EIGHT else 4) - 1
    place = 0
    while place + _HEAD <= len(table):
        name_size, size, kind = head.unpack_from(table, place)
        start = (place + _HEAD + name_size + padding) & ~padding
        end = start + size
        is_ours = kind == _TYPE and table[place + _HEAD : place + _HEAD + name_size] == _OWNER
        if is_ours and end > len(table):
            raise BadElfError("reaches beyond its segment")
        budget.note()
        if is_ours:
            budget.json(size)
            yield bytes(table[start:end])
        place = (end + padding) & ~padding


def _parsed(text: bytes) -> Iterator[DlopenNote]:
    """Read one note: a JSON array of objects, NUL-terminated."""
    try:
        rows = json.loads(text.rstrip(b"\0"))
    except (ValueError, RecursionError) as error:
        raise BadElfError("is not JSON") from error
    if not isinstance(rows, list):
        raise BadElfError("is not a JSON array")
    for row in rows:
        if not isinstance(row, dict):
            raise BadElfError("is not an array of objects")
        yield _note(row)


def _note(row: dict[str, Any]) -> DlopenNote:
    names = row.get("soname")
    if not isinstance(names, list) or not names or not all(map(_is_name, names)):
        raise BadElfError("soname is not an array of names")
    said = row.get("priority", "recommended")
    priority = next((known for known in _PRIORITIES if known == said), None)
    if priority is None:
        raise BadElfError(f"unknown priority {said!r}")
    feature = row.get("feature", "")
    return DlopenNote(tuple(names), priority, feature if isinstance(feature, str) else "")


def _is_name(value: object) -> bool:
    """Say whether a value can be the name of a file: text without control characters."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()
