"""Strict reading of TOML (v1.0.0): every mistake is named with its place.

A `Table` is read key by key; `end` refuses what was not read, so an unknown key
is never ignored.  Texts with characters that make them look like something
else (control and bidirectional formatting characters) are refused as a whole.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import attrs

from imagesmith.errors import DocumentError

MAX_BYTES = 16 * 1024 * 1024
"""Largest document that is read at all."""

_DECEPTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_UNWRITTEN = re.compile(rf"{_DECEPTIVE.pattern}|[\t\n]")
"""What a string holds as an escape only."""
_QUOTE = re.compile(r'"(?="|\Z)')
"""What a paragraph escapes, so that three in a row end it and nothing else does."""
_PART = r"""(?:(?<![\w-])[\w-]++|"[^"\n]*"|'[^'\n]*')[ \t]*+"""
_DEEP = re.compile(rf"(?:{_PART}\.[ \t]*+){{32}}", re.ASCII)
"""A key of more than 32 parts: no document has one, and tomllib takes long over them."""
_T = TypeVar("_T")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def parse(text: bytes, *, document: str) -> Table:
    """Return the root table of a TOML document; DocumentError says where it is not one."""
    if len(text) > MAX_BYTES:
        raise DocumentError(document=document, place="", problem=f"larger than {MAX_BYTES} bytes")
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(
            document=document, place="", problem=f"not UTF-8 at byte {error.start}"
        ) from None
    _refuse_deceptive(decoded.replace("\r\n", "\n"), document)
    try:
        values = tomllib.loads(decoded)
    except tomllib.TOMLDecodeError as error:
        problem = f"not TOML: {error}"
        raise DocumentError(document=document, place="", problem=problem) from None
    except (RecursionError, ValueError):
        problem = "not TOML: nested too deeply, or a number too long"
        raise DocumentError(document=document, place="", problem=problem) from None
    return Table(values, document)


def _refuse_deceptive(text: str, document: str) -> None:
    found = _DECEPTIVE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        problem = f"control character U+{ord(found[0]):04X} in line {line}"
        raise DocumentError(document=document, place="", problem=problem)
    found = _DEEP.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        problem = f"more than 32 parts, joined by dots, in line {line}"
        raise DocumentError(document=document, place="", problem=problem)


@attrs.define
class Table:
    """One table of a document, and which of its keys have been read."""

    values: Mapping[str, object]
    document: str
    place: str = ""
    _read: set[str] = attrs.field(factory=set, init=False)

    def at(self, key: str) -> str:
        """Return the place of `key` in the document."""
        spelled = key if _BARE.match(key) else f'"{key}"'
        return f"{self.place}.{spelled}" if self.place else spelled

    def error(self, key: str, problem: str, *, hint: str | None = None) -> DocumentError:
        """Return the error that `key` has `problem`; an empty key means the table itself."""
        place = self.at(key) if key else self.place
        return DocumentError(document=self.document, place=place, problem=problem, hint=hint)

    def names(self) -> tuple[str, ...]:
        """Return the keys present, in document order."""
        return tuple(self.values)

    def has(self, key: str) -> bool:
        """Say whether `key` is present; it then counts as known."""
        self._read.add(key)
        return key in self.values

    def string(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        return self._typed(key, str, "a string", default)

    def integer(self, key: str, default: int | None = None, *, minimum: int = 0) -> int:
        """Return an integer of at least `minimum`."""
        value = self._typed(key, int, "an integer", default)
        if value < minimum:
            raise self.error(key, f"expected at least {minimum}, got {value}")
        return value

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        """Return a boolean."""
        return self._typed(key, bool, "a boolean", default)

    def time(self, key: str) -> int | None:
        """Return an offset date-time as seconds since 1970, or None if absent."""
        if not self.has(key):
            return None
        value: datetime = self._typed(key, datetime, "a date-time", None)
        if value.tzinfo is None:
            raise self.error(key, "expected a date-time with an offset, such as a final Z")
        return int(value.timestamp())

    def strings(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return an array of different strings, in document order."""
        texts = self.words(key, default)
        for index, text in enumerate(texts):
            if text in texts[:index]:
                raise self._at_index(key, index, f"{text!r} is listed twice")
        return texts

    def words(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return an array of strings in which a string may stand more than once."""
        if default is not None and not self.has(key):
            return default
        items: list[object] = self._typed(key, list, "an array of strings", None)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise self._at_index(key, index, f"expected a string, got {_shown(item)}")
        return tuple(str(item) for item in items)

    def _at_index(self, key: str, index: int, problem: str) -> DocumentError:
        place = f"{self.at(key)}[{index}]"
        return DocumentError(document=self.document, place=place, problem=problem)

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a table; an absent optional one reads as empty."""
        empty: Mapping[str, object] | None = {} if optional else None
        return Table(self._typed(key, dict, "a table", empty), self.document, self.at(key))

    def tables(self, key: str, *, optional: bool = False) -> tuple[Table, ...]:
        """Return an array of tables; an absent optional one reads as empty."""
        if optional and not self.has(key):
            return ()
        items: list[object] = self._typed(key, list, "an array of tables", None)
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                raise self._at_index(key, index, f"expected a table, got {_shown(item)}")
        return tuple(
            Table(item, self.document, f"{self.at(key)}[{index}]")
            for index, item in enumerate(items)
            if isinstance(item, dict)
        )

    def convert(self, key: str, value: str, convert: Callable[[str], _T]) -> _T:
        """Return `convert(value)`, its ValueError turned into an error at `key`."""
        try:
            return convert(value)
        except ValueError as error:
            raise self.error(key, str(error)) from None

    def converted(self, key: str, convert: Callable[[str], _T]) -> _T:
        """Return a required string through `convert`."""
        return self.convert(key, self.string(key), convert)

    def convert_all(
        self, key: str, values: tuple[str, ...], convert: Callable[[str], _T]
    ) -> tuple[_T, ...]:
        """Return every value through `convert`, errors naming the index."""
        results: list[_T] = []
        for index, value in enumerate(values):
            try:
                results.append(convert(value))
            except ValueError as error:
                raise self._at_index(key, index, str(error)) from None
        return tuple(results)

    def end(self) -> None:
        """Refuse every key that was not read."""
        for key in self.values:
            if key not in self._read:
                known = ", ".join(sorted(self._read)) or "none"
                raise self.error(key, "unknown key", hint=f"known keys here: {known}")

    def _typed(self, key: str, kind: type[_T], wanted: str, default: object) -> _T:
        self._read.add(key)
        value = self.values.get(key, default)
        if value is None:
            close = difflib.get_close_matches(key, self.values, n=1)
            hint = f"is {close[0]!r} a misspelling of it?" if close else None
            raise self.error(key, f"missing; expected {wanted}", hint=hint)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(key, f"expected {wanted}, got {_shown(value)}")
        return value


def _shown(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "an array"
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case _:
            return str(value)


def string(value: str) -> str:
    """Write a basic string in TOML."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _UNWRITTEN.sub(_escape, escaped) + '"'


def _escape(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04X}"


def paragraph(value: str) -> str:
    """Write a text on as many lines as it has, so that a change is a hunk of its own."""
    if "\n" not in value:
        return string(value)
    escaped = _DECEPTIVE.sub(_escape, value.replace("\\", "\\\\"))
    return '"""\n' + _QUOTE.sub('\\\\"', escaped) + '"""'


def key(value: str) -> str:
    """Write a key, bare where TOML allows it."""
    return value if _BARE.match(value) else string(value)


def array(values: tuple[str, ...]) -> str:
    """Write an array of strings on one line."""
    return "[" + ", ".join(string(value) for value in values) + "]"


def block(values: tuple[str, ...]) -> str:
    """Write an array of strings, one a line, so that a change is a hunk of its own."""
    return "[\n" + "".join(f"    {string(value)},\n" for value in values) + "]"


def boolean(value: bool) -> str:  # noqa: FBT001 - a writer's only argument
    """Write a boolean."""
    return "true" if value else "false"
