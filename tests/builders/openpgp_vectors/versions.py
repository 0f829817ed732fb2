"""Signatures and keys of other versions than 4, right by their own rules (S9)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from builders import openpgp as pgp
from builders.openpgp import T0
from builders.openpgp_vectors.cast import ALICE, DOCUMENT, GOOD, PLAIN, SIGNED, Vector
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519

from imagesmith.trust.packets import frame

_SALT = bytes(range(32))
_OURS = 4
_FOUR = "S9: version 4 alone"


def vectors() -> tuple[Vector, ...]:
    """Return the rows on versions."""
    return tuple(_rows())


def _rows() -> Iterator[Vector]:
    rsa = pgp.make_key("alice", "rsa2048")
    yield Vector(
        "version 3",
        frame(2, _version_3(rsa, DOCUMENT)),
        pgp.certificate(rsa),
        "SIG_VERSION",
        primary=rsa.fingerprint,
    )
    made, certificate, fingerprint = _version_6()
    yield Vector(
        "version 6", made, certificate, "CERT_MISMATCH", primary=fingerprint, stricter=_FOUR
    )
    for version in (0, 2, 5, 7, 255):
        octets = frame(2, bytes((version,)) + GOOD[3:])
        reason = "SIG_VERSION" if version < _OURS else "SIG_VERSION_LATER"
        yield Vector(f"version {version}", octets, PLAIN, reason)
    beside = pgp.sub(33, b"\x06" + bytes.fromhex(fingerprint))
    body = pgp.signature(0, ALICE, (DOCUMENT,), hashed=pgp.at(SIGNED) + beside)
    yield Vector(
        "version 4 that names a key of version 6",
        frame(2, body),
        PLAIN,
        "SIGNER_UNKNOWN",
        stricter="S15: a fingerprint that is stated must be the key's",
    )


def _version_3(key: pgp.Key, document: bytes) -> bytes:
    """Write a signature of RFC 9580 §5.2.2."""
    stated = b"\0" + SIGNED.to_bytes(4, "big")
    digest = hashlib.sha256(document + stated).digest()
    head = b"\x03\x05" + stated + bytes.fromhex(key.fingerprint)[-8:]
    numbers = pgp.sign(key, digest, hashes.SHA256())
    return head + bytes((key.algorithm, pgp.SHA256)) + digest[:2] + numbers


def _version_6() -> tuple[bytes, bytes, str]:
    """Write a signature, its certificate and its fingerprint (RFC 9580 §5.2.3, §5.5.2.3)."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(_SALT)
    point = private.public_key().public_bytes_raw()
    body = b"\x06" + T0.to_bytes(4, "big") + b"\x1b" + len(point).to_bytes(4, "big") + point
    prefixed = b"\x9b" + len(body).to_bytes(4, "big") + body
    fingerprint = hashlib.sha256(prefixed).hexdigest()
    issuer = pgp.sub(33, b"\x06" + bytes.fromhex(fingerprint))

    def signature(kind: int, content: bytes, stated: bytes) -> bytes:
        head = bytes((6, kind, 27, pgp.SHA512)) + len(stated).to_bytes(4, "big") + stated
        trailer = b"\x06\xff" + len(head).to_bytes(4, "big")
        digest = hashlib.sha512(_SALT + content + head + trailer).digest()
        salted = bytes((len(_SALT),)) + _SALT
        return frame(2, head + bytes(4) + digest[:2] + salted + private.sign(digest))

    direct = signature(0x1F, prefixed, pgp.at(T0) + issuer + pgp.flags(0x03))
    made = signature(0, DOCUMENT, pgp.at(SIGNED) + issuer)
    return made, frame(6, body) + direct, fingerprint
