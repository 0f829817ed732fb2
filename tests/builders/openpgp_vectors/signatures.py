"""The signature of the document: its type, its times, its issuer, its subpackets."""

from __future__ import annotations

from collections.abc import Iterator

from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import (
    ALICE,
    BOB,
    BY_SUBKEY,
    DOCUMENT,
    GOOD,
    MALLORY,
    NOTATION,
    PLAIN,
    SIGNED,
    SIGNER,
    SUBKEYED,
    Vector,
    raw,
)

from imagesmith.trust.packets import frame

_FUTURE = 2_900_000_000
_BY_ALICE, _CREATED = pgp.issuer_fingerprint(ALICE), pgp.at(SIGNED)


def vectors() -> tuple[Vector, ...]:
    """Return the rows on the signature of the document."""
    return (
        *_documents(),
        *_types(),
        *_times(),
        *_lifetimes(),
        *_issuers(),
        *_subpackets(),
        *_numbers(),
        *_malformed(),
    )


def _documents() -> Iterator[Vector]:
    yield Vector("good", GOOD, PLAIN, None)
    yield Vector("good by subkey", BY_SUBKEY, SUBKEYED, None)
    for change, document in (
        ("tampered document", b'name = "evil"\n'),
        ("line feeds turned into CRLF", b'name = "curl"\r\n'),
        ("a NUL octet in the document", b'name = "curl"\0\n'),
        ("last line feed gone", b'name = "curl"'),
        ("no document", b""),
    ):
        yield Vector(change, GOOD, PLAIN, "SIG_BAD", document=document)
    yield Vector("another key", pgp.detached(DOCUMENT, MALLORY), PLAIN, "SIGNER_UNKNOWN")
    forged = pgp.signature(0, MALLORY, (DOCUMENT,), hashed=_CREATED + _BY_ALICE)
    yield Vector("another key that claims to be this one", frame(2, forged), PLAIN, "SIG_BAD")


def _types() -> Iterator[Vector]:
    """Yield signatures of other types; some hash nothing, so they are valid over any document."""
    for kind in (0x01, 0x02, 0x10, 0x18, 0x1F, 0x20, 0x40, 0x50):
        made = pgp.detached(DOCUMENT, ALICE, kind=kind)
        yield Vector(f"signature of type 0x{kind:02x}", made, PLAIN, "SIG_TYPE")
    for kind in (0x02, 0x40, 0x50):
        made = pgp.detached(b"", ALICE, kind=kind)
        name = f"signature of type 0x{kind:02x} over nothing"
        yield Vector(name, made, PLAIN, "SIG_TYPE", document=b"evil\n")
    text = pgp.detached(DOCUMENT.replace(b"\n", b"\r\n"), ALICE, kind=0x01)
    for name, document in (("LF", DOCUMENT), ("CRLF", DOCUMENT.replace(b"\n", b"\r\n"))):
        yield Vector(
            f"text signature, document with {name}",
            text,
            PLAIN,
            "SIG_TYPE",
            document=document,
            stricter="S10: one text signature fits two documents",
        )


def _times() -> Iterator[Vector]:
    once = "S12: exactly one creation time, in four octets"
    yield Vector("no creation time", raw(_BY_ALICE), PLAIN, "SIG_CREATION_TIME")
    yield Vector(
        "creation time unhashed", raw(_BY_ALICE, unhashed=_CREATED), PLAIN, "SIG_CREATION_TIME"
    )
    yield Vector(
        "two creation times",
        raw(_CREATED + _CREATED + _BY_ALICE),
        PLAIN,
        "SIG_CREATION_TIME",
        stricter=once,
    )
    yield Vector(
        "creation time in five octets",
        raw(pgp.sub(2, b"\0" + SIGNED.to_bytes(4, "big")) + _BY_ALICE),
        PLAIN,
        "SIG_MALFORMED",
    )
    yield Vector(
        "critical creation time",
        raw(pgp.sub(2, SIGNED.to_bytes(4, "big"), critical=True) + _BY_ALICE),
        PLAIN,
        None,
    )
    yield Vector(
        "future",
        pgp.detached(DOCUMENT, ALICE, created=_FUTURE),
        PLAIN,
        "SIG_FUTURE",
    )
    yield Vector(
        "older than its key",
        pgp.detached(DOCUMENT, ALICE, created=T0 - 1),
        PLAIN,
        "SIG_BEFORE_KEY",
    )
    yield Vector("as old as its key", pgp.detached(DOCUMENT, ALICE, created=T0), PLAIN, None)


def _lifetimes() -> Iterator[Vector]:
    said = _CREATED + _BY_ALICE
    yield Vector("expired", raw(said + pgp.lifetime(DAY)), PLAIN, "SIG_EXPIRED")
    yield Vector("lifetime of zero is none", raw(said + pgp.lifetime(0)), PLAIN, None)
    unhashed = pgp.lifetime(1) + pgp.issuer(ALICE)
    yield Vector("lifetime unhashed", raw(said, unhashed=unhashed), PLAIN, None)
    yield Vector(
        "two lifetimes, one over",
        raw(said + pgp.lifetime(DAY) + pgp.lifetime(1 << 31)),
        PLAIN,
        "SIG_EXPIRED",
        stricter="S12: of two lifetimes the shorter counts",
    )


def _issuers() -> Iterator[Vector]:
    exactly = "S15: a fingerprint that is stated must be the key's"
    another = pgp.issuer_fingerprint(BOB)
    yield Vector(
        "no issuer",
        raw(_CREATED, unhashed=b""),
        PLAIN,
        "SIG_NO_ISSUER",
    )
    yield Vector("issuer id only", raw(_CREATED), PLAIN, None)
    yield Vector("issuer fingerprint only", raw(_CREATED + _BY_ALICE, unhashed=b""), PLAIN, None)
    yield Vector("issuer id hashed", raw(_CREATED + pgp.issuer(ALICE), unhashed=b""), PLAIN, None)
    wrong_hint = raw(_CREATED + _BY_ALICE, unhashed=pgp.issuer(BOB))
    yield Vector("issuer id wrong", wrong_hint, PLAIN, None)
    for name, made in (
        ("issuer fingerprint wrong", raw(_CREATED + another)),
        ("two issuer fingerprints", raw(_CREATED + another + _BY_ALICE)),
        ("issuer of version 6", raw(_CREATED + pgp.sub(33, b"\x06" + bytes(32)))),
    ):
        yield Vector(name, made, PLAIN, "SIGNER_UNKNOWN", stricter=exactly)
    yield Vector(
        "issuer fingerprint unhashed",
        raw(_CREATED, unhashed=_BY_ALICE),
        PLAIN,
        "SIG_NO_ISSUER",
        stricter="S13: an unhashed fingerprint is nobody's statement",
    )


def _subpackets() -> Iterator[Vector]:
    said = _CREATED + _BY_ALICE
    hint = pgp.issuer(ALICE)
    unknown, note = pgp.sub(100, b"x"), pgp.sub(20, NOTATION)
    must, must_note = pgp.sub(100, b"x", critical=True), pgp.sub(20, NOTATION, critical=True)
    yield Vector("unknown subpacket", raw(said + unknown), PLAIN, None)
    yield Vector("critical subpacket", raw(said + must), PLAIN, "SIG_CRITICAL")
    yield Vector("critical subpacket unhashed", raw(said, unhashed=hint + must), PLAIN, None)
    yield Vector("notation", raw(said + note), PLAIN, None)
    yield Vector("critical notation", raw(said + must_note), PLAIN, "SIG_CRITICAL_NOTATION")
    yield Vector("critical notation unhashed", raw(said, unhashed=hint + must_note), PLAIN, None)
    private = pgp.sub(101, b"x", critical=True)
    yield Vector("critical subpacket of private use", raw(said + private), PLAIN, "SIG_CRITICAL")
    target = pgp.sub(31, b"\x01\x08" + bytes(32), critical=True)
    yield Vector("critical target", raw(said + target), PLAIN, "SIG_CRITICAL")
    policy = pgp.sub(26, b"https://example.org/", critical=True)
    yield Vector("critical policy address", raw(said + policy), PLAIN, None)
    yield Vector(
        "subpackets over the end",
        frame(2, b"\x04\x00\x16\x0a\x00\x03\x09\x02\x00" + bytes(8)),
        PLAIN,
        "SIG_MALFORMED",
    )
    yield Vector("empty subpacket", raw(said + b"\0"), PLAIN, "SIG_MALFORMED")


def _numbers() -> Iterator[Vector]:
    """Yield signatures whose numbers are written otherwise than they must be (S16)."""
    body = pgp.signature(0, ALICE, (DOCUMENT,), hashed=_CREATED + _BY_ALICE)
    left = pgp.signature(0, ALICE, (DOCUMENT,), hashed=_CREATED + _BY_ALICE, left=b"\0\0")
    start = body.index(pgp.issuer(ALICE)) + len(pgp.issuer(ALICE)) + 2
    numbers = body[start:]
    first = 2 + (int.from_bytes(numbers[:2], "big") + 7) // 8
    flipped = numbers[:-1] + bytes((numbers[-1] ^ 1,))
    zeroed = (int.from_bytes(numbers[:2], "big") + 8).to_bytes(2, "big") + b"\0" + numbers[2:]
    yield Vector(
        "left octets wrong",
        frame(2, left),
        PLAIN,
        "SIG_BAD",
        stricter="S16: the left octets are those of the digest",
    )
    yield Vector(
        "a number too many",
        frame(2, body + pgp.number(1)),
        PLAIN,
        "SIG_MALFORMED",
        stricter="S16: exactly the numbers of the algorithm",
    )
    for name, material, reason in (
        ("a bit flipped", flipped, "SIG_BAD"),
        ("numbers cut short", numbers[:-1], "SIG_MALFORMED"),
        ("one number only", numbers[:first], "SIG_MALFORMED"),
        ("a leading zero octet", zeroed, "SIG_MALFORMED"),
        ("numbers exchanged", numbers[first:] + numbers[:first], "SIG_BAD"),
        ("both numbers zero", pgp.number(0) * 2, "SIG_BAD"),
    ):
        yield Vector(name, frame(2, body[:start] + material), PLAIN, reason)


_STRICTER_SHAPES = {
    "issuer": "S16: a key id has eight octets",
    "ciphersuite": "S16: a cipher has a mode; sqv of old does not look",
}


def _malformed() -> Iterator[Vector]:
    """Yield subpackets of known kinds in other shapes; where they stand makes no difference."""
    said, hint = _CREATED + _BY_ALICE, pgp.issuer(ALICE)
    inner = pgp.back_signature(ALICE, SIGNER)
    for kind, name, body in (
        (2, "creation time", b"\0" * 8),
        (3, "lifetime", b"\0"),
        (4, "exportable", b""),
        (5, "trust", b"\0"),
        (6, "expression", b"a"),
        (7, "revocable", b"\0\0"),
        (9, "key lifetime", b"\0" * 5),
        (12, "revoker", b"\x40\x16" + bytes(20)),
        (16, "issuer", b"\0" * 7),
        (20, "notation", NOTATION + b"\0"),
        (25, "primary user id", b""),
        (29, "reason", b""),
        (31, "target", b"\1"),
        (32, "embedded signature", b"\x04\x19"),
        (32, "embedded signature (a number cut short)", inner[:-1]),
        (32, "embedded signature (a number too many)", inner + pgp.number(1)),
        (33, "issuer fingerprint", b"\x04" + bytes(19)),
        (35, "recipient", b"\x05" + bytes(20)),
        (37, "attested certification", bytes(8)),
        (39, "ciphersuite", b"\x09"),
    ):
        odd = pgp.sub(kind, body)
        stricter = _STRICTER_SHAPES.get(name, "")
        for where, made in (
            ("hashed", raw(said + odd)),
            ("unhashed", raw(said, unhashed=hint + odd)),
        ):
            case = f"malformed {name} {where}"
            yield Vector(case, made, PLAIN, "SIG_MALFORMED", stricter=stricter)
