"""The shapes of signature subpackets (RFC 9580 §5.2.3.7 to §5.2.3.36; openpgp.md S16).

A signature in which a subpacket of a known kind has another shape is refused, in
whichever area it stands: other programs read such a signature in other ways, or
not at all.  What subpackets mean is left to `signature`; an embedded signature has
its own reader there.
"""

from __future__ import annotations

import re

__all__ = ["is_well_formed"]

_TIME, _FLAG = rb".{4}", rb"."
_FINGERPRINT = rb"\x04.{20}|\x06.{32}"
"""With the version of its key."""
_SHAPES = {
    2: _TIME,
    3: _TIME,
    4: _FLAG,
    5: rb"..",  # trust: depth and amount
    6: rb".*\0",  # an expression
    7: _FLAG,
    9: _TIME,
    12: rb"[\x80-\xff].{21}",  # an appointed revoker: each class of them has the first bit
    16: rb".{8}",  # a key id
    25: _FLAG,
    29: rb".+",  # the reason for a revocation
    31: rb"...*",  # a target: two algorithms, a digest
    33: _FINGERPRINT,
    35: _FINGERPRINT,
    37: rb"",  # attested certifications have a type of signature that says nothing here
    39: rb"(?:..)*",  # ciphers with their modes
}
_NOTATION, _NOTATION_HEAD = 20, 8


def is_well_formed(kind: int, body: bytes) -> bool:
    """Say whether a subpacket has the shape of its kind; an unknown kind has any."""
    if kind == _NOTATION:
        return len(body) == _notation_octets(body)
    return re.fullmatch(_SHAPES.get(kind, rb".*"), body, re.DOTALL) is not None


def _notation_octets(body: bytes) -> int:
    """Return how long a notation says it is: flags, two lengths, a name and a value."""
    name, value = int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big")
    return _NOTATION_HEAD + name + value
