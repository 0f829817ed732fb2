"""Where two renderings of one thing part: the first member and field, key, or segment.

A digest says that bytes changed.  This says which, in the words of the format:
members and ustar fields (POSIX.1-2017, pax), keys of a document, segments of a layer.
Streams are read once, side by side, and never held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest

import attrs

BLOCK = 512
_STEP = 1024 * 1024
_ENDS = {
    "name": 100, "mode": 108, "uid": 116, "gid": 124, "size": 136, "mtime": 148, "chksum": 156,
    "typeflag": 157, "linkname": 257, "magic": 263, "version": 265, "uname": 297, "gname": 329,
    "devmajor": 337, "devminor": 345, "prefix": 500, "padding": 512,
}  # fmt: skip
"""Fields of a header block in their order, and where each ends."""
_DERIVED = ("chksum", "extended header's size", "extended header's chksum", "records")
"""What changes because something else did: named only if nothing else did."""

Pieces = Iterable[bytes | memoryview]


@attrs.define
class _Stream:
    """Bytes in any pieces, taken in any lengths."""

    _pieces: Iterator[bytes | memoryview]
    _rest: bytes = b""

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        parts, got = [self._rest], len(self._rest)
        while got < size and (piece := next(self._pieces, None)) is not None:
            parts.append(bytes(piece))
            got += len(piece)
        joined = b"".join(parts)
        self._rest = joined[size:]
        return joined[:size]


@attrs.frozen(kw_only=True)
class _Member:
    name: bytes
    fields: Mapping[str, bytes]
    """By field or record, what the headers say."""
    size: int
    """Of the body that follows."""


def tars(expected: Pieces, actual: Pieces) -> str:
    """Name the first member and field in which two tars differ; empty if none does."""
    first, second = _Stream(iter(expected)), _Stream(iter(actual))
    count = 0
    while True:
        one, other = _member(first), _member(second)
        if not isinstance(one, _Member) or not isinstance(other, _Member):
            return _ended(one, other)
        if one.name != other.name:
            return f"member {count}: expected {_shown(one.name)}, got {_shown(other.name)}"
        found = _fields(one.fields, other.fields) or _body(one.size, first, second)
        if found:
            return f"{_shown(one.name)}: {found}"
        count += 1


def _member(stream: _Stream) -> _Member | bytes:
    """Return the next member's headers, or what stands in the place of one."""
    block = stream.take(BLOCK)
    if len(block) < BLOCK or not any(block):
        return block + stream.take(64 * BLOCK)
    fields: dict[str, bytes] = {}
    records: Mapping[str, bytes] = {}
    if block[156:157] == b"x":
        fields = {f"extended header's {name}": value for name, value in _split(block).items()}
        size = _octal(block[124:135])
        body = stream.take(size + -size % BLOCK)
        records = _records(body[:size])
        fields |= {f"record {keyword}": value for keyword, value in records.items()}
        fields["records"] = body
        block = stream.take(BLOCK)
    fields |= _split(block)
    names = (fields["prefix"].rstrip(b"\0"), fields["name"].rstrip(b"\0"))
    name = records.get("path", b"/".join(filter(None, names)))
    size = int(records["size"]) if "size" in records else _octal(fields["size"][:11])
    return _Member(name=name, fields=fields, size=size)


def _octal(field: bytes) -> int:
    """Return a number; 0 for what is none, which then is the difference to be told."""
    return int(field, 8) if re.fullmatch(rb"[0-7]+", field) else 0


def _split(block: bytes) -> dict[str, bytes]:
    starts = (0, *_ENDS.values())
    return {
        name: block[start:end]
        for (name, end), start in zip(_ENDS.items(), starts[:-1], strict=True)
    }


def _records(body: bytes) -> dict[str, bytes]:
    """Read records by their lengths; what is no record ends it."""
    found: dict[str, bytes] = {}
    while body:
        digits, _, _ = body.partition(b" ")
        if not digits.isdigit() or int(digits) <= len(digits):
            break
        record, body = body[len(digits) + 1 : int(digits) - 1], body[int(digits) :]
        keyword, _, value = record.partition(b"=")
        found[keyword.decode(errors="replace")] = value
    return found


def _fields(expected: Mapping[str, bytes], actual: Mapping[str, bytes]) -> str:
    names = dict.fromkeys((*expected, *actual))
    differing = [name for name in names if expected.get(name) != actual.get(name)]
    if not differing:
        return ""
    first = next((name for name in differing if name not in _DERIVED), differing[0])
    return f"{first}: expected {_value(expected.get(first))}, got {_value(actual.get(first))}"


def _value(raw: bytes | None) -> str:
    return "none" if raw is None else repr(raw.rstrip(b"\0"))[1:]


def _body(size: int, first: _Stream, second: _Stream) -> str:
    for start in range(0, size, _STEP):
        step = min(_STEP, size - start)
        if found := _unequal(first.take(step), second.take(step)):
            at, expected, got = found
            return f"content: byte {start + at}: expected {expected}, got {got}"
    if _unequal(first.take(-size % BLOCK), second.take(-size % BLOCK)):
        return "content: not padded with NUL"
    return ""


def _unequal(expected: bytes, actual: bytes) -> tuple[int, str, str] | None:
    """Return the first place where two pieces differ, and what is there."""
    if expected == actual:
        return None
    pairs = enumerate(zip_longest(expected, actual))
    at, (one, other) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
    return at, _byte(one), _byte(other)


def _byte(value: int | None) -> str:
    return "the end" if value is None else f"{value:02x}"


def _ended(one: _Member | bytes, other: _Member | bytes) -> str:
    match one, other:
        case _Member(), bytes():
            return f"{_shown(one.name)}: missing"
        case bytes(), _Member():
            return f"{_shown(other.name)}: not expected"
        case _:
            assert isinstance(one, bytes)
            assert isinstance(other, bytes)
            if one == other:
                return ""
            return f"end of the archive: expected {len(one)} zero bytes, got {len(other)}"


def _shown(name: bytes) -> str:
    return ascii(name.decode("utf-8", "surrogateescape"))[1:-1]


def documents(expected: bytes, actual: bytes) -> str:
    """Name the first key in which two JSON documents differ; empty if none does."""
    if expected == actual:
        return ""
    one, other = json.loads(expected), json.loads(actual)
    if one == other:
        found = _unequal(expected, actual)
        return f"the same values, written otherwise from byte {found[0] if found else 0} on"
    return _values(one, other)


def _values(one: object, other: object, place: str = "") -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        key = next(key for key in keys if one.get(key) != other.get(key))
        return _values(one.get(key), other.get(key), f"{place}.{key}".lstrip("."))
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        at = next(at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
        return _values(one[at], other[at], f"{place}[{at}]")
    return f"{place}: expected {json.dumps(one)}, got {json.dumps(other)}"


def segments(expected: Iterable[bytes], actual: Pieces) -> str:
    """Name the first segment in which two layers differ; empty if none does.

    `expected` comes in its segments, `actual` in any pieces.
    """
    stream = _Stream(iter(actual))
    for number, segment in enumerate(expected):
        if found := _unequal(segment, stream.take(len(segment))):
            at, one, other = found
            return f"segment {number}: byte {at}: expected {one}, got {other}"
    return "bytes after the last segment" if stream.take(1) else ""
