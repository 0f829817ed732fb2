"""Version 4 key packets as numbers (RFC 9580 §5.5), and which of them are strong enough.

A key whose fields cannot be read, or are not accepted, is still a value: it
keeps its place in its certificate and carries the `problem` (openpgp.md S11,
S24).  Computing with keys is left to `keys`.
"""

from __future__ import annotations

import hashlib

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import packets
from imagesmith.trust.verdict import Reason, Rejected, refuse

RSA, RSA_ENCRYPT_ONLY, RSA_SIGN_ONLY = 1, 2, 3
ELGAMAL, DSA, ECDH, ECDSA, EDDSA = 16, 17, 18, 19, 22
"""Public-key algorithms (RFC 9580 §9.1)."""

ALGORITHMS = {RSA: "RSA", RSA_SIGN_ONLY: "RSA", ECDSA: "ECDSA", EDDSA: "EdDSA"}
"""The algorithms whose signatures can count (openpgp.md S11)."""

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 4096
"""Sequoia's RustCrypto backend, that of pysequoia, takes no larger modulus; they also cost."""
MIN_RSA_EXPONENT = 3
MAX_RSA_EXPONENT = 2**33 - 1
"""Nor a larger public exponent."""

CURVES = {
    bytes.fromhex("2a8648ce3d030107"): "SECP256R1",
    bytes.fromhex("2b81040022"): "SECP384R1",
    bytes.fromhex("2b81040023"): "SECP521R1",
    bytes.fromhex("2b06010401da470f01"): "Ed25519",
}
"""The curves that can count by their object identifiers (RFC 9580 §9.2), in OpenSSL's names."""

_POINT_OCTETS = {
    (ECDSA, "SECP256R1"): 65,
    (ECDSA, "SECP384R1"): 97,
    (ECDSA, "SECP521R1"): 133,
    (EDDSA, "Ed25519"): 33,
}
"""Octets of a public point with its prefix."""
_POINT_PREFIX = {ECDSA: 0x04, EDDSA: 0x40}
_FIELD = 2**255 - 19
_EIGHTH = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _EIGHTH, _FIELD - _EIGHTH})
"""The y coordinates of Edwards points of order 1, 2, 4 and 8 (RFC 8032 §5.1)."""

_NUMBERS = {
    RSA: 2,
    RSA_ENCRYPT_ONLY: 2,
    RSA_SIGN_ONLY: 2,
    ELGAMAL: 3,
    DSA: 4,
    ECDH: 1,
    ECDSA: 1,
    EDDSA: 1,
}
"""How many numbers a public key has (RFC 9580 §5.5.5)."""
_CURVED = frozenset({ECDH, ECDSA, EDDSA})

_VERSION = 4
_FIXED_OCTETS = 6
"""Version, creation time and algorithm stand before the key's own fields."""
_MAX_BODY = 0xFFFF
_STUB = 101
"""GNU's string-to-key specifier for a secret part that is kept elsewhere."""


@attrs.frozen(kw_only=True)
class PublicKey:
    """A version 4 public key, primary or subkey."""

    body: bytes
    """The packet body; a secret key's is cut to its public part."""
    created: int
    """Unix seconds."""
    algorithm: int
    bits: int
    """Size of the first number: the modulus or the point; 0 where it cannot be read."""
    fingerprint: str
    """40 lower-case hexadecimal digits."""
    problem: Rejected | None
    """Why signatures by this key never count, whatever its certificate says."""

    @property
    def numbers(self) -> bytes:
        """Its algorithm and numbers: what is the same key, whenever it is said to be made."""
        return self.body[_FIXED_OCTETS - 1 :]

    @property
    def prefixed(self) -> bytes:
        """The octets that stand for the key wherever keys are hashed (RFC 9580 §5.2.4)."""
        return _prefixed(self.body)


@attrs.frozen(kw_only=True)
class SecretKey:
    """A key with its secret part, which may be protected by a passphrase."""

    public: PublicKey
    body: bytes = attrs.field(repr=False)
    """The whole packet body."""

    @property
    def is_protected(self) -> bool:
        """Whether a passphrase is needed."""
        return self._secret_part[0] != 0

    @property
    def is_stub(self) -> bool:
        """Whether the secret part is kept elsewhere: on a card, or offline."""
        return self.is_protected and self._secret_part[2:3] == bytes((_STUB,))

    @property
    def _secret_part(self) -> bytes:
        return self.body[len(self.public.body) :]


def parse_public(body: bytes) -> PublicKey:
    """Read the body of a public key packet; only its version and frame can make it unreadable."""
    if len(body) < _FIXED_OCTETS or body[0] != _VERSION or len(body) > _MAX_BODY:
        raise refuse(Reason.KEY_MALFORMED, "not a version 4 key")
    algorithm = body[_FIXED_OCTETS - 1]
    numbers: tuple[bytes, ...] = ()
    try:
        curve, numbers, end = read_fields(body)
        problem = _weakness(algorithm, curve, numbers)
        if end != len(body):
            problem = Rejected(Reason.KEY_MALFORMED, "octets after the end of the key")
    except SignatureError as error:
        problem = Rejected.of(error)
    return PublicKey(
        body=body,
        created=int.from_bytes(body[1:5], "big"),
        algorithm=algorithm,
        bits=int.from_bytes(numbers[0], "big").bit_length() if numbers else 0,
        fingerprint=hashlib.sha1(_prefixed(body), usedforsecurity=False).hexdigest(),
        problem=problem,
    )


def parse_secret(body: bytes) -> SecretKey:
    """Read the body of a secret key packet."""
    if len(body) < _FIXED_OCTETS or body[0] != _VERSION:
        raise refuse(Reason.KEY_MALFORMED, "not a version 4 key")
    _curve, _numbers, end = read_fields(body)
    if end == len(body):
        raise refuse(Reason.KEY_NO_SECRET, "the key has no secret part")
    return SecretKey(public=parse_public(body[:end]), body=body)


def read_fields(body: bytes) -> tuple[bytes, tuple[bytes, ...], int]:
    """Return (curve's object identifier or nothing, public numbers, octet after them)."""
    algorithm = body[_FIXED_OCTETS - 1]
    at, curve = _FIXED_OCTETS, b""
    if algorithm not in _NUMBERS:
        raise refuse(Reason.KEY_ALGORITHM, f"public-key algorithm {algorithm} is not supported")
    if algorithm in _CURVED:
        curve, at = _counted(body, at)
    numbers = []
    for _ in range(_NUMBERS[algorithm]):
        number, at = packets.read_number(body, at)
        numbers.append(number)
    if algorithm == ECDH:
        _parameters, at = _counted(body, at)
    return curve, tuple(numbers), at


def _counted(body: bytes, at: int) -> tuple[bytes, int]:
    """Return (octets, octet after them) of a field that starts with its own length."""
    end = at + 1 + int.from_bytes(body[at : at + 1], "big")
    if end > len(body):
        raise refuse(Reason.KEY_MALFORMED, "key is cut short")
    return body[at + 1 : end], end


def _weakness(algorithm: int, curve: bytes, numbers: tuple[bytes, ...]) -> Rejected | None:
    name = ALGORITHMS.get(algorithm)
    if name is None:
        return Rejected(Reason.KEY_ALGORITHM, f"public-key algorithm {algorithm} is not accepted")
    if name == "RSA":
        return _rsa_weakness(*(int.from_bytes(number, "big") for number in numbers))
    octets = _POINT_OCTETS.get((algorithm, CURVES.get(curve, "")))
    if octets is None:
        return Rejected(Reason.KEY_ALGORITHM, f"{name} on curve {curve.hex()} is not accepted")
    if len(numbers[0]) != octets or numbers[0][0] != _POINT_PREFIX[algorithm]:
        return Rejected(Reason.KEY_MALFORMED, "point of the wrong size or form")
    if algorithm == EDDSA and _is_of_small_order(numbers[0][1:]):
        return Rejected(Reason.KEY_WEAK, "Ed25519 point of small order: anybody can sign for it")
    return None


def _is_of_small_order(point: bytes) -> bool:
    """Say so of every encoding; the highest bit is the sign of x."""
    return int.from_bytes(point, "little") % 2**255 % _FIELD in _SMALL_ORDER


def _rsa_weakness(modulus: int, exponent: int) -> Rejected | None:
    bits = modulus.bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        return Rejected(Reason.KEY_WEAK, f"RSA modulus of {bits} bits")
    if not MIN_RSA_EXPONENT <= exponent <= MAX_RSA_EXPONENT or exponent % 2 == 0:
        return Rejected(Reason.KEY_WEAK, f"RSA exponent of {exponent.bit_length()} bits")
    return None


def _prefixed(body: bytes) -> bytes:
    return b"\x99" + len(body).to_bytes(2, "big") + body
