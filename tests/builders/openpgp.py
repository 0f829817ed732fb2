"""OpenPGP of every kind, right and wrong, with real cryptography and throw-away keys.

Keys come from `cryptography` and packets from a writer that shares nothing
with the room under test but the packet header, so the two check each other.
Every function returns octets; a certificate is the concatenation of packets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import (
    dsa,
    ec,
    ed448,
    ed25519,
    padding,
    rsa,
    utils,
)

from imagesmith.trust import armour
from imagesmith.trust.packets import frame
from imagesmith.trust.policy import Policy, Signer

T0 = 1_700_000_000
"""When keys are made, unless a case says otherwise."""
DAY = 86_400

MD5, SHA1, RIPEMD160, SHA256, SHA384, SHA512, SHA224 = 1, 2, 3, 8, 9, 10, 11
HASHES: dict[int, hashes.HashAlgorithm] = {
    MD5: hashes.MD5(),  # noqa: S303 - weak hashes are what is tested
    SHA1: hashes.SHA1(),  # noqa: S303 - as above
    SHA224: hashes.SHA224(),
    SHA256: hashes.SHA256(),
    SHA384: hashes.SHA384(),
    SHA512: hashes.SHA512(),
    12: hashes.SHA3_256(),
    14: hashes.SHA3_512(),
}

RSA, DSA, ECDSA, EDDSA, ED25519, ED448 = 1, 17, 19, 22, 27, 28
CURVES: dict[str, tuple[bytes, ec.EllipticCurve]] = {
    "p256": (bytes.fromhex("2a8648ce3d030107"), ec.SECP256R1()),
    "p384": (bytes.fromhex("2b81040022"), ec.SECP384R1()),
    "p521": (bytes.fromhex("2b81040023"), ec.SECP521R1()),
    "secp256k1": (bytes.fromhex("2b8104000a"), ec.SECP256K1()),
    "brainpoolP256r1": (bytes.fromhex("2b2403030208010107"), ec.BrainpoolP256R1()),
}
ED25519_OID = bytes.fromhex("2b06010401da470f01")

Private = (
    rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


@attrs.frozen
class Key:
    """A key pair and its packet bodies."""

    algorithm: int
    body: bytes
    secret_body: bytes
    private: Private = attrs.field(repr=False, eq=False)

    @property
    def prefixed(self) -> bytes:
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def fingerprint(self) -> str:
        return hashlib.sha1(self.prefixed, usedforsecurity=False).hexdigest()


@cache
def make_key(name: str = "alice", kind: str = "ed25519", created: int = T0) -> Key:
    """Make a key; the same arguments give the same key within one run."""
    algorithm, private, public, secret = _numbers(kind, name)
    body = bytes((4,)) + created.to_bytes(4, "big") + bytes((algorithm,)) + public
    return Key(algorithm, body, body + b"\0" + secret + _checksum(secret), private)


def number(value: int) -> bytes:
    """Write a multiprecision integer."""
    bits = value.bit_length()
    return bits.to_bytes(2, "big") + value.to_bytes((bits + 7) // 8, "big")


def _numbers(kind: str, name: str) -> tuple[int, Private, bytes, bytes]:
    seed = hashlib.sha256(f"{kind} {name}".encode()).digest()
    if kind == "ed25519":
        edwards = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        point = b"\x40" + edwards.public_key().public_bytes_raw()
        public = bytes((len(ED25519_OID),)) + ED25519_OID + number(int.from_bytes(point, "big"))
        return EDDSA, edwards, public, number(int.from_bytes(seed, "big"))
    if kind == "ed25519 of RFC 9580":
        native = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        return ED25519, native, native.public_key().public_bytes_raw(), seed
    if kind == "ed448":
        goldilocks = ed448.Ed448PrivateKey.from_private_bytes((seed * 2)[:57])
        return ED448, goldilocks, goldilocks.public_key().public_bytes_raw(), (seed * 2)[:57]
    if kind in CURVES:
        oid, curve = CURVES[kind]
        elliptic = ec.derive_private_key(int.from_bytes(seed, "big") >> 1, curve)
        at = elliptic.public_key().public_numbers()
        size = (curve.key_size + 7) // 8
        xy = (4).to_bytes(1, "big") + at.x.to_bytes(size, "big") + at.y.to_bytes(size, "big")
        public = bytes((len(oid),)) + oid + number(int.from_bytes(xy, "big"))
        return ECDSA, elliptic, public, number(elliptic.private_numbers().private_value)
    if kind == "dsa":
        signer = dsa.generate_private_key(2048)
        own = signer.private_numbers()
        group = own.public_numbers.parameter_numbers
        public = b"".join(map(number, (group.p, group.q, group.g, own.public_numbers.y)))
        return DSA, signer, public, number(own.x)
    return RSA, *_rsa(kind.removeprefix("rsa"))


def rsa_key(p: int, q: int, exponent: int = 65537, created: int = T0) -> Key:
    """Make the RSA key of two primes."""
    public, secret, private = _of_primes(p, q, exponent)
    body = bytes((4,)) + created.to_bytes(4, "big") + bytes((RSA,)) + public
    return Key(RSA, body, body + b"\0" + secret + _checksum(secret), private)


PRIMES = {"4096 p": (2048, 221), "4096 q": (2048, 254), "4104 q": (2056, 2560)}
"""Bits of large primes, and how many odd numbers they are above their seed: found once, for it
takes seconds to look for them."""


def prime(name: str) -> int:
    """Return one of `PRIMES`."""
    bits, above = PRIMES[name]
    seed = hashlib.shake_256(f"RSA-{name}".encode()).digest(bits // 8)
    return (int.from_bytes(seed, "big") | 3 << (bits - 2) | 1) + 2 * above


def _rsa(bits: str) -> tuple[rsa.RSAPrivateKey, bytes, bytes]:
    if bits == "4096":
        p, q = prime("4096 p"), prime("4096 q")
    else:
        found = rsa.generate_private_key(65537, int(bits)).private_numbers()
        p, q = found.p, found.q
    public, secret, private = _of_primes(p, q, 65537)
    return private, public, secret


def _of_primes(p: int, q: int, exponent: int) -> tuple[bytes, bytes, rsa.RSAPrivateKey]:
    d = pow(exponent, -1, (p - 1) * (q - 1))
    private = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(exponent, p * q),
    ).private_key()
    secret = b"".join(map(number, (d, p, q, pow(p, -1, q))))
    return number(p * q) + number(exponent), secret, private


def _checksum(secret: bytes) -> bytes:
    return (sum(secret) % 65536).to_bytes(2, "big")


def sub(kind: int, body: bytes, *, critical: bool = False) -> bytes:
    """Write one signature subpacket."""
    length = len(body) + 1
    head = bytes((length,)) if length < 192 else b"\xff" + length.to_bytes(4, "big")
    return head + bytes((kind | critical << 7,)) + body


def at(created: int) -> bytes:
    """State a creation time."""
    return sub(2, created.to_bytes(4, "big"))


def flags(granted: int) -> bytes:
    """State key flags."""
    return sub(27, bytes((granted,)))


def key_lifetime(seconds: int) -> bytes:
    """State how long the key lives."""
    return sub(9, seconds.to_bytes(4, "big"))


def lifetime(seconds: int) -> bytes:
    """State how long the signature lives."""
    return sub(3, seconds.to_bytes(4, "big"))


def reason(code: int) -> bytes:
    """State why something is revoked."""
    return sub(29, bytes((code,)) + b"because")


def issuer(key: Key) -> bytes:
    """Hint at the issuer by key id."""
    return sub(16, bytes.fromhex(key.fingerprint)[-8:])


def issuer_fingerprint(key: Key) -> bytes:
    """State the issuer by fingerprint."""
    return sub(33, b"\x04" + bytes.fromhex(key.fingerprint))


def signature(
    kind: int,
    key: Key,
    content: Sequence[bytes],
    *,
    hashed: bytes,
    unhashed: bytes | None = None,
    digest: int = SHA512,
    left: bytes | None = None,
    algorithm: int | None = None,
) -> bytes:
    """Write the body of a signature with exactly these subpackets."""
    hint = issuer(key) if unhashed is None else unhashed
    head = bytes((4, kind, algorithm or key.algorithm, digest))
    head += len(hashed).to_bytes(2, "big") + hashed
    whole = b"".join(content) + head + b"\x04\xff" + len(head).to_bytes(4, "big")
    if digest in HASHES:
        state = hashes.Hash(HASHES[digest])
        state.update(whole)
        value = state.finalize()
        material = sign(key, value, HASHES[digest])
    else:
        value, material = b"\0\0", number(1) + number(1)
    prefix = value[:2] if left is None else left
    return head + len(hint).to_bytes(2, "big") + hint + prefix + material


def sign(key: Key, value: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """Sign a digest and write the numbers as the key's algorithm has them."""
    prehashed = utils.Prehashed(algorithm)
    match key.private:
        case rsa.RSAPrivateKey() as private:
            return number(int.from_bytes(private.sign(value, padding.PKCS1v15(), prehashed), "big"))
        case dsa.DSAPrivateKey() as private:
            return _both(utils.decode_dss_signature(private.sign(value, prehashed)))
        case ec.EllipticCurvePrivateKey() as private:
            return _both(utils.decode_dss_signature(private.sign(value, ec.ECDSA(prehashed))))
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey() as private:
            made = private.sign(value)
            halves = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
            return _both(halves) if key.algorithm == EDDSA else made


def _both(numbers: tuple[int, int]) -> bytes:
    return number(numbers[0]) + number(numbers[1])


def detached(
    document: bytes,
    key: Key,
    *,
    created: int = T0 + DAY,
    kind: int = 0x00,
    more: bytes = b"",
    unhashed: bytes | None = None,
    digest: int = SHA512,
    algorithm: int | None = None,
) -> bytes:
    """Write a signature packet over a document, with its issuer in both areas."""
    hashed = at(created) + issuer_fingerprint(key) + more
    body = signature(
        kind,
        key,
        (document,),
        hashed=hashed,
        unhashed=unhashed,
        digest=digest,
        algorithm=algorithm,
    )
    return frame(2, body)


def primary(key: Key) -> bytes:
    """Write the primary key packet."""
    return frame(6, key.body)


def subkey(key: Key) -> bytes:
    """Write a subkey packet."""
    return frame(14, key.body)


def user_id(name: bytes = b"Alice <alice@example.org>") -> bytes:
    """Write a user id packet."""
    return frame(13, name)


def named(name: bytes) -> bytes:
    """Return what a signature over a user id hashes."""
    return b"\xb4" + len(name).to_bytes(4, "big") + name


def certify(
    key: Key,
    name: bytes = b"Alice <alice@example.org>",
    *,
    created: int = T0,
    more: bytes = flags(0x03),
    kind: int = 0x13,
    digest: int = SHA512,
    by: Key | None = None,
    unhashed: bytes | None = None,
) -> bytes:
    """Write a certification of a user id of `key`, by itself unless told otherwise."""
    maker = by or key
    hashed = at(created) + issuer_fingerprint(maker) + more
    content = key.prefixed, named(name)
    return frame(
        2, signature(kind, maker, content, hashed=hashed, digest=digest, unhashed=unhashed)
    )


def direct(
    key: Key,
    *,
    created: int = T0,
    more: bytes = flags(0x03),
    kind: int = 0x1F,
    digest: int = SHA512,
) -> bytes:
    """Write a direct-key signature, or with kind 0x20 a revocation of the primary key."""
    hashed = at(created) + issuer_fingerprint(key) + more
    return frame(2, signature(kind, key, (key.prefixed,), hashed=hashed, digest=digest))


def back_signature(
    key: Key, sub_key: Key, *, created: int = T0, digest: int = SHA512, more: bytes = b""
) -> bytes:
    """Write the body of a primary key binding: the subkey's consent."""
    hashed = at(created) + issuer_fingerprint(sub_key) + more
    content = key.prefixed, sub_key.prefixed
    return signature(0x19, sub_key, content, hashed=hashed, digest=digest)


def bind(
    key: Key,
    sub_key: Key,
    *,
    created: int = T0,
    granted: int = 0x02,
    back: bytes | None = None,
    more: bytes = b"",
    kind: int = 0x18,
    digest: int = SHA512,
    by: Key | None = None,
) -> bytes:
    """Write a subkey binding (or 0x28, its revocation); `back=b""` leaves the consent out."""
    maker = by or key
    consent = back_signature(key, sub_key, created=created) if back is None else back
    hashed = at(created) + issuer_fingerprint(maker) + more
    if kind == 0x18:
        hashed += flags(granted) + (sub(32, consent) if consent else b"")
    content = key.prefixed, sub_key.prefixed
    return frame(2, signature(kind, maker, content, hashed=hashed, digest=digest))


def certificate(key: Key, *more: bytes) -> bytes:
    """Write a plain certificate: key, user id, self-signature that grants signing, and `more`."""
    return primary(key) + user_id() + certify(key) + b"".join(more)


def with_subkey(key: Key, sub_key: Key, *more: bytes) -> bytes:
    """Write a certificate whose primary key only certifies and whose subkey signs."""
    own = primary(key) + user_id() + certify(key, more=flags(0x01))
    return own + subkey(sub_key) + bind(key, sub_key) + b"".join(more)


def pin(*certificates: tuple[Key, bytes], threshold: int = 1) -> Policy:
    """Make a policy that pins these primary keys."""
    signers = tuple(_signer(key.fingerprint, octets) for key, octets in certificates)
    return Policy(threshold=threshold, signers=signers, document="trust.toml")


def pin_fingerprint(fingerprint: str, certificate: bytes) -> Policy:
    """Make a policy that pins a key of another's making."""
    signers = (_signer(fingerprint, certificate),)
    return Policy(threshold=1, signers=signers, document="trust.toml")


def _signer(fingerprint: str, certificate: bytes) -> Signer:
    return Signer(fingerprint=fingerprint, certificate=certificate, certificate_name="signer.pgp")


def cleartext(text: bytes, key: Key, *, created: int = T0 + DAY, kind: int = 0x01) -> bytes:
    """Sign a text ending in a line feed as InRelease files are signed."""
    lines = [line.rstrip(b" \t") for line in text.removesuffix(b"\n").split(b"\n")]
    packet = detached(b"\r\n".join(lines), key, created=created, kind=kind, digest=SHA256)
    escaped = [b"- " + line if line.startswith(b"-") else line for line in lines]
    head = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
    return head + b"\n".join(escaped) + b"\n" + armour.encode(packet, armour.SIGNATURE)
