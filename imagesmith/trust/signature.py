"""One version 4 signature packet as a value (RFC 9580 §5.2.3).

Keeps the hashed octets verbatim and takes every statement from the hashed area
only; the unhashed area gives two hints, the issuer's key id and embedded
signatures, which prove themselves (openpgp.md S9-S16).  Whether the signature
is cryptographically right is left to `keys`, whether it counts to `validity`
and `attribution`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from enum import IntEnum

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import packets, shapes
from imagesmith.trust.verdict import Reason, Rejected, refuse

MAX_SUBPACKETS = 256
"""Per signature (openpgp.md S2)."""


class Type(IntEnum):
    """Signature types (RFC 9580 §5.2.1)."""

    BINARY = 0x00
    TEXT = 0x01
    GENERIC_CERTIFICATION = 0x10
    POSITIVE_CERTIFICATION = 0x13
    SUBKEY_BINDING = 0x18
    PRIMARY_KEY_BINDING = 0x19
    DIRECT_KEY = 0x1F
    KEY_REVOCATION = 0x20
    SUBKEY_REVOCATION = 0x28
    CERTIFICATION_REVOCATION = 0x30


CERTIFICATIONS = frozenset(range(Type.GENERIC_CERTIFICATION, Type.POSITIVE_CERTIFICATION + 1))
REVOCATIONS = frozenset(
    {Type.KEY_REVOCATION, Type.SUBKEY_REVOCATION, Type.CERTIFICATION_REVOCATION},
)


class Sub(IntEnum):
    """Subpacket types (RFC 9580 §5.2.3.7)."""

    CREATED = 2
    LIFETIME = 3
    KEY_LIFETIME = 9
    REVOCATION_KEY = 12
    ISSUER = 16
    NOTATION = 20
    KEY_FLAGS = 27
    REVOCATION_REASON = 29
    EMBEDDED = 32
    ISSUER_FINGERPRINT = 33


CRITICAL_KNOWN = frozenset({2, 3, 4, 5, 6, 7, 9, 11, 12, 16, *range(20, 31), 32, 33, 35})
"""Subpackets that may be marked critical (openpgp.md S14); notations then fail by themselves."""

HASHES = {
    1: "md5",
    2: "sha1",
    3: "ripemd160",
    8: "sha256",
    9: "sha384",
    10: "sha512",
    11: "sha224",
    12: "sha3_256",
    14: "sha3_512",
}
"""hashlib's names by OpenPGP's numbers (RFC 9580 §9.5)."""

STRONG_HASHES = {8: "SHA256", 9: "SHA384", 10: "SHA512"}
"""The hashes accepted for anything but revocations (openpgp.md S11, S19)."""
OTHER_HASHES = frozenset({11, 12, 14})
"""SHA-224 and SHA-3: not accepted here and accepted elsewhere, so what they sign restricts."""

_NUMBERS = {1: 1, 3: 1, 17: 2, 19: 2, 22: 2}
"""How many numbers a signature has, by public-key algorithm (RFC 9580 §5.2.3)."""

_VERSION = 4
_FIXED_OCTETS = 6
"""Version, type, two algorithms and the length of the hashed area."""
_KEY_ID_DIGITS = 16


@attrs.frozen
class Subpacket:
    """One statement of a signature."""

    type: int
    critical: bool
    body: bytes


@attrs.frozen(kw_only=True)
class Signature:
    """A version 4 signature."""

    body: bytes
    """The whole packet body."""
    type: int
    key_algorithm: int
    hash_algorithm: int
    created: int
    """Unix seconds."""
    signed_part: bytes
    """From the version to the end of the hashed area: what is hashed after the content."""
    hashed: tuple[Subpacket, ...]
    unhashed: tuple[Subpacket, ...]
    left: bytes
    """The first two octets of the digest, unprotected."""
    material: bytes
    """The numbers of the signature as multiprecision integers, unread."""

    def values(self, kind: Sub) -> tuple[bytes, ...]:
        """Return the bodies of the hashed subpackets of one kind."""
        return tuple(sub.body for sub in self.hashed if sub.type == kind)

    def shortest(self, kind: Sub) -> int | None:
        """Return the shortest lifetime stated in seconds, or None for no limit."""
        stated = [int.from_bytes(body, "big") for body in self.values(kind)]
        return min((seconds for seconds in stated if seconds), default=None)

    @property
    def expires(self) -> int | None:
        """When this signature ends, in Unix seconds; None is never."""
        lifetime = self.shortest(Sub.LIFETIME)
        return None if lifetime is None else self.created + lifetime

    @property
    def has_many_lifetimes(self) -> bool:
        """Whether it says more than once how long it lives, so that readers may differ."""
        return len(self.values(Sub.LIFETIME)) > 1

    @property
    def flags(self) -> int | None:
        """The key flags that every flags subpacket grants (first octet); None without any."""
        granted = [body[0] if body else 0 for body in self.values(Sub.KEY_FLAGS)]
        return functools.reduce(operator.and_, granted) if granted else None

    @property
    def issuer_fingerprints(self) -> tuple[str, ...]:
        """The version 4 fingerprints of the hashed area; anything else there reads as itself."""
        return tuple(
            body[1:].hex() if body[:1] == bytes((_VERSION,)) else f"v{body.hex()}"
            for body in self.values(Sub.ISSUER_FINGERPRINT)
        )

    @property
    def issuer_ids(self) -> tuple[str, ...]:
        """The key ids of both areas: hints, proving nothing."""
        both = (*self.hashed, *self.unhashed)
        return tuple(sub.body.hex() for sub in both if sub.type == Sub.ISSUER)

    def names(self, fingerprint: str) -> bool:
        """Say whether the issuer stated is the key with this fingerprint."""
        if self.issuer_fingerprints:
            return set(self.issuer_fingerprints) == {fingerprint}
        return fingerprint[-_KEY_ID_DIGITS:] in self.issuer_ids

    def hints_at(self, fingerprint: str) -> bool:
        """Say whether this key is among all that is stated, contradictions or not."""
        return (
            fingerprint in self.issuer_fingerprints
            or fingerprint[-_KEY_ID_DIGITS:] in self.issuer_ids
        )

    @property
    def is_anonymous(self) -> bool:
        """Whether no issuer is stated at all."""
        return not self.issuer_fingerprints and not self.issuer_ids

    def embedded(self) -> Iterator[Signature]:
        """Yield the embedded signatures of both areas."""
        for sub in (*self.hashed, *self.unhashed):
            if sub.type == Sub.EMBEDDED:
                yield parse(sub.body, is_embedded=True)

    def critical_problem(self) -> Rejected | None:
        """Return the finding when a critical subpacket is not understood."""
        for sub in self.hashed:
            if sub.critical and sub.type == Sub.NOTATION:
                return Rejected(Reason.SIG_CRITICAL_NOTATION, "critical notation is not understood")
            if sub.critical and sub.type not in CRITICAL_KNOWN:
                detail = f"critical subpacket {sub.type} is not understood"
                return Rejected(Reason.SIG_CRITICAL, detail)
        return None


def parse(body: bytes, *, is_embedded: bool = False) -> Signature:
    """Read the body of a signature packet; an embedded one embeds no other."""
    if not body or body[0] != _VERSION:
        raise _version_problem(body)
    if len(body) < _FIXED_OCTETS:
        raise refuse(Reason.SIG_MALFORMED, "signature is cut short")
    hashed_area, end = _area(body, _FIXED_OCTETS - 2)
    unhashed_area, after = _area(body, end)
    if len(body) < after + 2:
        raise refuse(Reason.SIG_MALFORMED, "signature is cut short")
    hashed = _subpackets(hashed_area, MAX_SUBPACKETS)
    unhashed = _subpackets(unhashed_area, MAX_SUBPACKETS - len(hashed))
    for sub in (*hashed, *unhashed):
        _check(sub, is_embedded=is_embedded)
    return Signature(
        body=body,
        type=body[1],
        key_algorithm=body[2],
        hash_algorithm=body[3],
        created=_created(hashed),
        signed_part=body[:end],
        hashed=hashed,
        unhashed=unhashed,
        left=body[after : after + 2],
        material=body[after + 2 :],
    )


def numbers(algorithm: int, material: bytes) -> tuple[int, ...]:
    """Return the numbers of a signature: exactly as many as the algorithm has (S16)."""
    found = []
    at = 0
    for _ in range(_NUMBERS.get(algorithm, 0)):
        try:
            number, at = packets.read_number(material, at)
        except SignatureError as error:
            raise refuse(Reason.SIG_MALFORMED, error.problem) from error
        found.append(int.from_bytes(number, "big"))
    if at != len(material) or not found:
        raise refuse(Reason.SIG_MALFORMED, "signature has the wrong number of integers")
    return tuple(found)


def stated_type(body: bytes) -> int | None:
    """Return the type octet of a signature of any version, even where the rest is unreadable."""
    at = 2 if body[:1] in (b"\x02", b"\x03") else 1
    return body[at] if len(body) > at else None


def _version_problem(body: bytes) -> SignatureError:
    """Refuse any version but 4, later ones by a code of their own (S9)."""
    version = body[0] if body else 0
    if version > _VERSION:
        hint = "RFC 9580 signatures are not supported, sign with a version 4 key"
        return refuse(Reason.SIG_VERSION_LATER, f"signature of version {version}; {hint}")
    return refuse(Reason.SIG_VERSION, f"signature of version {version}")


def _area(body: bytes, at: int) -> tuple[bytes, int]:
    """Return (octets, octet after them) of the subpacket area whose length stands at `at`."""
    start = at + 2
    end = start + int.from_bytes(body[at:start], "big")
    if end > len(body):
        raise refuse(Reason.SIG_MALFORMED, "subpackets run over the end of the signature")
    return body[start:end], end


def _subpackets(area: bytes, limit: int) -> tuple[Subpacket, ...]:
    found: list[Subpacket] = []
    at = 0
    while at < len(area):
        if len(found) == limit:
            raise refuse(Reason.LIMIT, f"more than {MAX_SUBPACKETS} subpackets")
        length, start = packets.decode_length(area, at, partial_from=0xFF)
        if not length or start + length > len(area):
            raise refuse(Reason.SIG_MALFORMED, "subpacket is empty or runs over the end")
        kind = area[start]
        found.append(Subpacket(kind & 0x7F, bool(kind & 0x80), area[start + 1 : start + length]))
        at = start + length
    return tuple(found)


def _check(sub: Subpacket, *, is_embedded: bool) -> None:
    """Refuse a subpacket of another shape than its kind has."""
    if sub.type == Sub.EMBEDDED:
        if is_embedded:
            raise refuse(Reason.SIG_MALFORMED, "embedded signature embeds another")
        inner = parse(sub.body, is_embedded=True)
        if inner.key_algorithm in _NUMBERS:
            numbers(inner.key_algorithm, inner.material)
    elif not shapes.is_well_formed(sub.type, sub.body):
        raise refuse(Reason.SIG_MALFORMED, f"subpacket {sub.type} is malformed")


def _created(hashed: tuple[Subpacket, ...]) -> int:
    times = [sub.body for sub in hashed if sub.type == Sub.CREATED]
    if len(times) != 1:
        raise refuse(
            Reason.SIG_CREATION_TIME,
            f"expected one creation time in the hashed area, got {len(times)}",
        )
    return int.from_bytes(times[0], "big")
