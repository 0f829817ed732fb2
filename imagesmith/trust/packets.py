"""OpenPGP packets: framing and the numbers inside (RFC 9580 §3.2 and §4.2).

Reading accepts both header formats with definite lengths only and leaves no
byte over, so one sequence of octets is one sequence of packets (openpgp.md S8).
What a packet means is left to `signature` and `keys`.
"""

from __future__ import annotations

from enum import IntEnum

import attrs

from imagesmith.trust.verdict import Reason, refuse

MAX_PACKETS = 2000
"""Per file (openpgp.md S2)."""

_FIVE_OCTETS = 0xFF
_INDETERMINATE = 3
"""Length type 3 of the old header format (RFC 9580 §4.2.2)."""
_ONE_OCTET_BELOW = 192
_TWO_OCTETS_BELOW = 224
_TWO_OCTETS_UP_TO = 8384


class Tag(IntEnum):
    """The packet types this room knows (RFC 9580 §5)."""

    SIGNATURE = 2
    SECRET_KEY = 5
    PUBLIC_KEY = 6
    SECRET_SUBKEY = 7
    MARKER = 10
    TRUST = 12
    USER_ID = 13
    PUBLIC_SUBKEY = 14
    USER_ATTRIBUTE = 17
    PADDING = 21


@attrs.frozen
class Packet:
    """One packet without its header."""

    tag: int
    body: bytes


def split(octets: bytes, *, limit: int = MAX_PACKETS) -> tuple[Packet, ...]:
    """Return the packets that `octets` consist of, to the last byte."""
    found: list[Packet] = []
    at = 0
    while at < len(octets):
        if len(found) == limit:
            raise refuse(Reason.LIMIT, f"more than {limit} packets")
        tag, start, length = _header(octets, at)
        if start + length > len(octets):
            raise refuse(Reason.FRAMING, f"packet at octet {at} runs over the end")
        found.append(Packet(tag, octets[start : start + length]))
        at = start + length
    return tuple(found)


def frame(tag: int, body: bytes) -> bytes:
    """Return a packet in the current format."""
    return bytes((0xC0 | tag,)) + encode_length(len(body)) + body


def encode_length(length: int) -> bytes:
    """Return a length as current packet headers and signature subpackets write it."""
    if length < _ONE_OCTET_BELOW:
        return bytes((length,))
    if length < _TWO_OCTETS_UP_TO:
        high, low = divmod(length - _ONE_OCTET_BELOW, 256)
        return bytes((high + _ONE_OCTET_BELOW, low))
    return bytes((_FIVE_OCTETS,)) + length.to_bytes(4, "big")


def decode_length(octets: bytes, at: int, *, partial_from: int) -> tuple[int, int]:
    """Return (length, octet after it); first octets from `partial_from` to 254 are refused."""
    first = _take(octets, at, 1)
    if first < _ONE_OCTET_BELOW:
        return first, at + 1
    if first < partial_from:
        second = _take(octets, at + 1, 1)
        return ((first - _ONE_OCTET_BELOW) << 8) + second + _ONE_OCTET_BELOW, at + 2
    if first < _FIVE_OCTETS:
        raise refuse(Reason.FRAMING, f"packet with a partial length at octet {at}")
    return _take(octets, at + 1, 4), at + 5


def read_number(octets: bytes, at: int) -> tuple[bytes, int]:
    """Return (big-endian octets, octet after it) of a multiprecision integer (RFC 9580 §3.2).

    The bit count must be canonical: no number has two spellings (openpgp.md S16).
    """
    bits = _take(octets, at, 2)
    end = at + 2 + (bits + 7) // 8
    number = octets[at + 2 : end]
    if len(octets) < end or int.from_bytes(number, "big").bit_length() != bits:
        raise refuse(Reason.FRAMING, "multiprecision integer is cut short or not canonical")
    return number, end


def write_number(value: int) -> bytes:
    """Return `value` as a multiprecision integer."""
    bits = value.bit_length()
    return bits.to_bytes(2, "big") + value.to_bytes((bits + 7) // 8, "big")


def _header(octets: bytes, at: int) -> tuple[int, int, int]:
    """Return (tag, start of the body, length of the body) of the packet at `at`."""
    first = octets[at]
    if not first & 0x80:
        raise refuse(Reason.FRAMING, f"no packet starts at octet {at}")
    if first & 0x40:
        length, start = decode_length(octets, at + 1, partial_from=_TWO_OCTETS_BELOW)
        return first & 0x3F, start, length
    if first & 0x03 == _INDETERMINATE:
        raise refuse(Reason.FRAMING, f"packet with an indeterminate length at octet {at}")
    width = 1 << (first & 0x03)
    return first >> 2 & 0x0F, at + 1 + width, _take(octets, at + 1, width)


def _take(octets: bytes, at: int, width: int) -> int:
    if at + width > len(octets):
        raise refuse(Reason.FRAMING, "header is cut short")
    return int.from_bytes(octets[at : at + width], "big")
