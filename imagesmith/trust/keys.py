"""The public-key operations: the one door to PGPy and to what it computes with.

PGPy 0.6 makes, locks and unlocks secret keys; it never sees a public key, a
signature packet or a certificate, and never decides anything (openpgp.md §0 and
§1.2 say why).  Verifying needs no more than cryptography, which is imported in
half of PGPy's time.  Each operation starts from a digest this room computed.
Whatever PGPy or cryptography raise on hostile octets leaves here as
`SignatureError`, so no exception of theirs crosses the door.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from imagesmith.trust import keypacket, packets
from imagesmith.trust import signature as signatures
from imagesmith.trust.guard import guard
from imagesmith.trust.keypacket import PublicKey, SecretKey, parse_secret
from imagesmith.trust.packets import Tag
from imagesmith.trust.verdict import Reason, refuse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

_PREHASHED = {
    1: "MD5",
    2: "SHA1",
    8: "SHA256",
    9: "SHA384",
    10: "SHA512",
    11: "SHA224",
    12: "SHA3_256",
    14: "SHA3_512",
}
"""Class names in cryptography.hazmat.primitives.hashes by OpenPGP's hash numbers."""

_HALF = 32
"""Octets of each half of an Ed25519 signature."""

_REMEMBERED = 64
"""Public keys in memory: a hostile certificate has hundreds of signatures by one key."""


class _Material(Protocol):
    """What PGPy decodes a secret key packet to."""

    def __privkey__(self) -> PrivateKeyTypes: ...


class _KeyPacket(Protocol):
    """A secret key packet of PGPy's."""

    keymaterial: _Material

    def unprotect(self, passphrase: str) -> None: ...
    def protect(self, passphrase: str, cipher: object, digest: object) -> None: ...
    def update_hlen(self) -> None: ...
    def __bytearray__(self) -> bytearray: ...


def verify(key: PublicKey, hash_algorithm: int, digest: bytes, material: bytes) -> bool:
    """Say whether `material`, a signature's numbers, is `key`'s signature of `digest`."""
    numbers = signatures.numbers(key.algorithm, material)
    if key.problem is not None:
        raise refuse(Reason(key.problem.reason), key.problem.detail)
    with guard(Reason.SIG_BAD, "the key or the signature cannot be computed with"):
        return _holds(_public(key.body), _prehashed(hash_algorithm), digest, numbers)


def sign(key: SecretKey, hash_algorithm: int, digest: bytes, passphrase: str | None) -> bytes:
    """Return the numbers of `key`'s signature of `digest`, checked against its public part."""
    if key.is_stub:
        raise refuse(Reason.KEY_NO_SECRET, "the secret part of the key is not in this file")
    material = _unlock(key, passphrase)
    with guard(Reason.KEY_MALFORMED, "the secret key cannot be computed with"):
        signed = _signed(material.__privkey__(), _prehashed(hash_algorithm), digest)
    numbers = b"".join(packets.write_number(number) for number in signed)
    if not verify(key.public, hash_algorithm, digest, numbers):
        raise refuse(Reason.KEY_MALFORMED, "the secret part of the key does not fit its public one")
    return numbers


def generate(*, created: int) -> SecretKey:
    """Make an Ed25519 key without protection; `created` is in Unix seconds."""
    with guard(Reason.KEY_MALFORMED, "no key can be generated"):
        from pgpy.constants import EllipticCurveOID, PubKeyAlgorithm
        from pgpy.packet.packets import PrivKeyV4

        fresh = PrivKeyV4.new(PubKeyAlgorithm.EdDSA, EllipticCurveOID.Ed25519)
        fresh.created = created
        return _encode(fresh)


def protect(key: SecretKey, passphrase: str) -> SecretKey:
    """Return an unprotected key locked by AES-256 and an iterated, salted SHA-256."""
    with guard(Reason.KEY_PASSPHRASE, "the key cannot be protected"):
        from pgpy.constants import HashAlgorithm, SymmetricKeyAlgorithm

        decoded = _decode(key.body)
        decoded.protect(passphrase, SymmetricKeyAlgorithm.AES256, HashAlgorithm.SHA256)
        return _encode(decoded)


@lru_cache(maxsize=_REMEMBERED)
def _public(body: bytes) -> PublicKeyTypes:
    """Return the key that a packet's numbers are; refuse one of another kind."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    curve, numbers, _end = keypacket.read_fields(body)
    match keypacket.CURVES.get(curve):
        case None if not curve:
            modulus, exponent = (int.from_bytes(number, "big") for number in numbers)
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        case "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(numbers[0][1:])
        case str() as name:
            known: ec.EllipticCurve = getattr(ec, name)()
            return ec.EllipticCurvePublicKey.from_encoded_point(known, numbers[0])
        case _:
            raise refuse(Reason.KEY_ALGORITHM, "no signatures are made on this curve")


def _decode(body: bytes) -> _KeyPacket:
    from pgpy.packet import Packet

    decoded: _KeyPacket = Packet(bytearray(packets.frame(Tag.SECRET_KEY, body)))
    return decoded


def _encode(key: _KeyPacket) -> SecretKey:
    key.update_hlen()
    (packet,) = packets.split(bytes(key.__bytearray__()))
    return parse_secret(packet.body)


def _unlock(key: SecretKey, passphrase: str | None) -> _Material:
    with guard(Reason.KEY_MALFORMED, "the secret key cannot be read"):
        decoded = _decode(key.body)
    if key.is_protected:
        if passphrase is None:
            raise refuse(Reason.KEY_PASSPHRASE, "the secret key needs a passphrase")
        with guard(Reason.KEY_PASSPHRASE, "the passphrase does not unlock the secret key"):
            decoded.unprotect(passphrase)
    return decoded.keymaterial


def _prehashed(hash_algorithm: int) -> Prehashed:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    return Prehashed(getattr(hashes, _PREHASHED[hash_algorithm])())


def _holds(
    public: PublicKeyTypes,
    hashed: Prehashed,
    digest: bytes,
    numbers: tuple[int, ...],
) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

    try:
        match public:
            case rsa.RSAPublicKey():
                padded = numbers[0].to_bytes((public.key_size + 7) // 8, "big")
                public.verify(padded, digest, padding.PKCS1v15(), hashed)
            case ec.EllipticCurvePublicKey():
                signature = utils.encode_dss_signature(*numbers)
                public.verify(signature, digest, ec.ECDSA(hashed))
            case ed25519.Ed25519PublicKey():
                public.verify(b"".join(half.to_bytes(_HALF, "big") for half in numbers), digest)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _signed(private: PrivateKeyTypes, hashed: Prehashed, digest: bytes) -> tuple[int, ...]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

    match private:
        case rsa.RSAPrivateKey():
            return (int.from_bytes(private.sign(digest, padding.PKCS1v15(), hashed), "big"),)
        case ec.EllipticCurvePrivateKey():
            return utils.decode_dss_signature(private.sign(digest, ec.ECDSA(hashed)))
        case ed25519.Ed25519PrivateKey():
            both = private.sign(digest)
            return int.from_bytes(both[:_HALF], "big"), int.from_bytes(both[_HALF:], "big")
        case _:
            raise refuse(Reason.KEY_ALGORITHM, "keys of this algorithm cannot sign")
