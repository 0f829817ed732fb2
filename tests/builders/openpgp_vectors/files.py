"""Signature files: armour, framing, other packets, several signatures (S5-S9, S17)."""

from __future__ import annotations

from collections.abc import Iterator

from builders import openpgp as pgp
from builders.openpgp_vectors.cast import (
    ALICE,
    BOB,
    DOCUMENT,
    GOOD,
    MALLORY,
    PLAIN,
    SIGNED,
    Vector,
)

from imagesmith.trust import armour, packets
from imagesmith.trust.packets import frame

_TEXT = armour.encode(GOOD, armour.SIGNATURE)
_BODY = packets.split(GOOD)[0].body
_BY_MALLORY = pgp.detached(DOCUMENT, MALLORY)


def vectors() -> tuple[Vector, ...]:
    """Return the rows on files."""
    return (*_armour(), *_framing(), *_confusions(), *_several())


def _armour() -> Iterator[Vector]:
    head, blank, *rows, checksum, tail, _end = _TEXT.split(b"\n")
    octets = b"".join(rows)
    checked = "S7: a checksum that is there is right"
    one_way = "S6: a file has one reading, and nothing around its blocks"
    short = "S5: lines of at most 1,000 octets"
    message = head.replace(b"SIGNATURE", b"MESSAGE")
    endless = b"Comment: " + b"x" * 1000
    for name, lines in (
        ("armoured", [head, blank, *rows, checksum, tail]),
        ("armour without a checksum", [head, blank, *rows, tail]),
        ("armour with comments", [head, b"Version: x", b"Comment: a: b", blank, *rows, tail]),
        ("armour in one line", [head, blank, octets, checksum, tail]),
        ("armour in short lines", [head, blank, *_rows(octets, 20), checksum, tail]),
        ("armour with trailing blanks", [line + b" \t" for line in (head, blank, *rows, tail)]),
        ("armour with CRLF", [line + b"\r" for line in (head, blank, *rows, checksum, tail)]),
    ):
        yield Vector(name, b"\n".join(lines) + b"\n", PLAIN, None)
    for name, lines, stricter in (
        ("armour with a wrong checksum", [head, blank, *rows, b"=AAAA", tail], checked),
        ("armour of an unknown header", [head, b"Hint: x", blank, *rows, tail], one_way),
        ("armour without its blank line", [head, *rows, tail], one_way),
        ("text before the armour", [b"Hello", _TEXT], one_way),
        ("text after the armour", [_TEXT, b"Hello"], one_way),
        ("armour of a message", [message, blank, *rows, tail], ""),
        ("armour without an end", [head, blank, *rows], ""),
        ("armour with a line too long", [head, endless, blank, *rows, tail], short),
    ):
        yield Vector(name, b"\n".join(lines) + b"\n", PLAIN, "ARMOUR", stricter=stricter)


def _blocks(*signatures: bytes) -> bytes:
    return b"".join(armour.encode(each, armour.SIGNATURE) for each in signatures)


def _rows(octets: bytes, width: int) -> list[bytes]:
    return [octets[start : start + width] for start in range(0, len(octets), width)]


def _framing() -> Iterator[Vector]:
    """Yield one signature in the frames a packet can have (RFC 9580 §4.2)."""
    size = len(_BODY)
    for name, header in (
        ("old header, one octet of length", bytes((0x88, size))),
        ("old header, two octets of length", b"\x89" + size.to_bytes(2, "big")),
        ("old header, four octets of length", b"\x8a" + size.to_bytes(4, "big")),
        ("five octets of length", b"\xc2\xff" + size.to_bytes(4, "big")),
    ):
        yield Vector(name, header + _BODY, PLAIN, None)
    definite = "S8: definite lengths, to the last octet"
    partial = b"\xc2\xe6" + _BODY[:64] + bytes((size - 64,)) + _BODY[64:]
    for name, octets, stricter in (
        ("old header, no length", b"\x8b" + _BODY, ""),
        ("partial lengths", partial, ""),
        ("truncated", GOOD[:-1], ""),
        ("an octet too many", GOOD + b"\0", definite),
        ("longer than it says", bytes((0xC2, size - 1)) + _BODY, ""),
        ("shorter than it says", bytes((0xC2, size + 1)) + _BODY, ""),
    ):
        yield Vector(name, octets, PLAIN, "FRAMING", stricter=stricter)


def _confusions() -> Iterator[Vector]:
    """Yield files that are something else than detached signatures (S3, S8, S9)."""
    alone = "S8: signatures and nothing that could mean anything"
    one_pass = frame(4, b"\x03\0\x0a\x16" + bytes.fromhex(ALICE.fingerprint)[-8:] + b"\x01")
    literal = frame(11, b"b\0\0\0\0\0" + DOCUMENT)
    for name, octets, stricter in (
        ("certificate with the signature", PLAIN + GOOD, ""),
        ("certificate after the signature", GOOD + PLAIN, alone),
        ("a message that signs itself", one_pass + literal + GOOD, ""),
        ("old style message", GOOD + literal, alone),
        ("compressed signature", frame(8, b"\x00" + GOOD), ""),
        ("a key alone", pgp.primary(ALICE), ""),
        ("encrypted octets", frame(18, b"\x01" + bytes(40)), ""),
        ("a packet of private use", frame(60, b"x") + GOOD, ""),
    ):
        yield Vector(name, octets, PLAIN, "NOT_DETACHED", stricter=stricter)
    yield Vector("no signature", b"", PLAIN, "SIG_MISSING")
    yield Vector("marker and padding", frame(10, b"PGP") + GOOD + frame(21, b"xx"), PLAIN, None)


def _several() -> Iterator[Vector]:
    """Yield files with several signatures; Sequoia is asked for each of them."""
    stranger = pgp.detached(DOCUMENT, BOB)
    bad = pgp.detached(b"other", ALICE, created=SIGNED + 1)
    unreadable = frame(2, b"\x03" + bytes(30))
    for name, octets in (
        ("three signers, the second known", stranger + GOOD + _BY_MALLORY),
        ("bad, then good", bad + GOOD),
        ("good, then bad", GOOD + bad),
        ("unreadable, then good", unreadable + GOOD),
        ("the same twice", GOOD + GOOD),
        ("two blocks, the second known", _blocks(stranger, GOOD)),
    ):
        yield Vector(name, octets, PLAIN, None)
    limit = "S2: at most 64 signatures"
    yield Vector("sixty-five signatures", GOOD * 65, PLAIN, "LIMIT", stricter=limit)
