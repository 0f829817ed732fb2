"""ASCII armour, strictly: RFC 9580 §6 read line by line, in one pass.

Promises that bytes have one reading: blocks of the wanted label and nothing
around them, known header keys only, canonical base64, a checksum that is right
where there is one (openpgp.md S5-S7).  What the octets mean is left to `packets`.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from imagesmith.trust.verdict import Reason, refuse

SIGNATURE = "PGP SIGNATURE"
PUBLIC_KEY = "PGP PUBLIC KEY BLOCK"
PRIVATE_KEY = "PGP PRIVATE KEY BLOCK"

MAX_LINE = 1000
"""Bytes."""
MAX_LINES = 100_000
"""The largest file this room reads has a fifth of it, in rows of the usual width."""
HEADER_KEYS = frozenset({b"Version", b"Comment", b"MessageID", b"Hash", b"Charset"})
"""RFC 9580 §6.2.2; any other key is refused (stricter than the RFC asks)."""

_LINE_WIDTH = 64
_CRC24_INIT = 0xB704CE
_CRC24_POLY = 0x1864CFB

_Lines = Iterator[tuple[int, bytes]]


def decode(text: bytes, label: str) -> bytes:
    """Return the octets of every block labelled `label`; binary input is returned as it is."""
    if text and text[0] & 0x80:
        return text
    lines = _lines(text)
    blocks = [_block(lines, label, number, line) for number, line in lines if line]
    if not blocks:
        raise refuse(Reason.ARMOUR, f"no block labelled {label}")
    return b"".join(blocks)


def encode(octets: bytes, label: str) -> bytes:
    """Return `octets` as one block with a checksum, without headers."""
    body = binascii.b2a_base64(octets, newline=False)
    checksum = binascii.b2a_base64(_crc24(octets).to_bytes(3, "big"), newline=False)
    rows = [body[start : start + _LINE_WIDTH] for start in range(0, len(body), _LINE_WIDTH)]
    name = label.encode()
    framed = (b"-----BEGIN %s-----" % name, b"", *rows, b"=" + checksum, b"-----END %s-----" % name)
    return b"\n".join(framed) + b"\n"


def _lines(text: bytes) -> _Lines:
    for number, line in enumerate(text.split(b"\n", MAX_LINES), start=1):
        if number > MAX_LINES:
            raise refuse(Reason.LIMIT, f"more than {MAX_LINES} lines")
        if len(line) > MAX_LINE:
            raise refuse(Reason.ARMOUR, f"line {number} is longer than {MAX_LINE} bytes")
        yield number, line.rstrip(b" \t\r")


def _block(lines: _Lines, label: str, number: int, first: bytes) -> bytes:
    if first != b"-----BEGIN %s-----" % label.encode():
        raise refuse(Reason.ARMOUR, f"line {number}: expected the start of a {label}")
    _skip_headers(lines)
    rows: list[bytes] = []
    checksum: bytes | None = None
    for at, line in lines:
        if line.startswith(b"-"):
            if line != b"-----END %s-----" % label.encode():
                raise refuse(Reason.ARMOUR, f"line {at}: expected the end of the {label}")
            return _octets(b"".join(rows), checksum)
        if checksum is not None or not line:
            raise refuse(Reason.ARMOUR, f"line {at}: expected the end of the {label}")
        if line.startswith(b"="):
            checksum = line[1:]
        else:
            rows.append(line)
    raise refuse(Reason.ARMOUR, f"the {label} that starts on line {number} has no end")


def _skip_headers(lines: _Lines) -> None:
    for number, line in lines:
        if not line:
            return
        key, colon, _value = line.partition(b":")
        if not colon or key not in HEADER_KEYS:
            raise refuse(Reason.ARMOUR, f"line {number}: not an armour header, and no blank line")
    raise refuse(Reason.ARMOUR, "armour headers without an end")


def _octets(body: bytes, checksum: bytes | None) -> bytes:
    octets = _base64(body)
    if checksum is not None and _base64(checksum) != _crc24(octets).to_bytes(3, "big"):
        raise refuse(Reason.ARMOUR, "the armour's checksum does not match")
    return octets


def _base64(text: bytes) -> bytes:
    try:
        octets = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise refuse(Reason.ARMOUR, f"bad base64: {error}".lower()) from error
    if binascii.b2a_base64(octets, newline=False) != text:
        raise refuse(Reason.ARMOUR, "base64 is not canonical")
    return octets


def _crc24_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        crc = octet << 16
        for _ in range(8):
            crc = crc << 1 ^ (_CRC24_POLY if crc & 0x800000 else 0)
        table.append(crc)
    return tuple(table)


_CRC24_TABLE = _crc24_table()


def _crc24(octets: bytes) -> int:
    """Return the checksum of RFC 9580 §6.1."""
    crc = _CRC24_INIT
    for octet in octets:
        crc = (crc << 8 & 0xFFFFFF) ^ _CRC24_TABLE[crc >> 16 ^ octet]
    return crc
