"""Public-key algorithms and hashes, accepted and not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import attrs
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import ALICE, DOCUMENT, PLAIN, SIGNED, Vector

from imagesmith.trust import packets, signature

_SIGN_ONLY, _ENCRYPT_ONLY = 3, 2
"""RSA for one purpose (RFC 9580 §9.1)."""
_FITTING = {"p384": pgp.SHA384, "p521": pgp.SHA512}


def vectors() -> tuple[Vector, ...]:
    """Return the rows on algorithms."""
    return (*_keys(), *_rsa(), *_expired(), *_paddings(), *_subkeys(), *_hashes())


def _keys() -> Iterator[Vector]:
    other = "S11: RSA, ECDSA on NIST curves and EdDSA on Ed25519 alone"
    for kind, reason, stricter in (
        ("rsa2048", None, ""),
        ("p256", None, ""),
        ("p384", None, ""),
        ("p521", None, ""),
        ("rsa1024", "KEY_WEAK", ""),
        ("secp256k1", "KEY_ALGORITHM", ""),
        ("brainpoolP256r1", "KEY_ALGORITHM", ""),
        ("dsa", "KEY_ALGORITHM", other),
        ("ed25519 of RFC 9580", "KEY_ALGORITHM", other),
        ("ed448", "KEY_ALGORITHM", other),
    ):
        key = pgp.make_key("alice", kind)
        made = pgp.detached(DOCUMENT, key, digest=_FITTING.get(kind, pgp.SHA256))
        yield _by(f"algorithm {kind}", made, key, reason, stricter=stricter)
    p, q = pgp.prime("4096 p"), pgp.prime("4096 q")
    for name, rsa, reason in (
        ("rsa4096", pgp.rsa_key(p, q), None),
        ("rsa4104", pgp.rsa_key(p, pgp.prime("4104 q")), "KEY_WEAK"),
        ("exponent 5", pgp.rsa_key(p, q, 5), None),
        ("exponent of 33 bits", pgp.rsa_key(p, q, (1 << 33) - 9), None),
        ("exponent of 34 bits", pgp.rsa_key(p, q, (1 << 33) + 17), "KEY_WEAK"),
    ):
        made = pgp.detached(DOCUMENT, rsa)
        limit = reason and "S11: what pysequoia takes; sqv may have other cryptography"
        yield _by(f"algorithm {name}", made, rsa, reason, stricter=limit or "")
    large = pgp.make_key("alice", "p384")
    made = pgp.detached(DOCUMENT, large, digest=pgp.SHA256)
    yield _by("hash shorter than its curve", made, large, None)


def _by(
    name: str,
    made: bytes,
    key: pgp.Key,
    reason: str | None,
    stricter: str = "",
) -> Vector:
    own = pgp.certificate(key)
    return Vector(name, made, own, reason, primary=key.fingerprint, stricter=stricter)


def _rsa() -> Iterator[Vector]:
    """RSA keys for one purpose, and signatures that name another one than their key."""
    key = pgp.make_key("alice", "rsa2048")
    signs, ciphers = (
        attrs.evolve(key, algorithm=number, body=key.body[:5] + bytes((number,)) + key.body[6:])
        for number in (_SIGN_ONLY, _ENCRYPT_ONLY)
    )
    yield _by("RSA for signing only", pgp.detached(DOCUMENT, signs), signs, None)
    made = pgp.detached(DOCUMENT, ciphers)
    yield _by("RSA for encryption only", made, ciphers, "KEY_ALGORITHM")
    yield _by(
        "RSA, named as for signing only",
        pgp.detached(DOCUMENT, key, algorithm=_SIGN_ONLY),
        key,
        "SIG_ALGORITHM",
        stricter="S11: the algorithm named is the key's",
    )
    yield Vector(
        "another algorithm than its key's",
        pgp.detached(DOCUMENT, ALICE, algorithm=pgp.ECDSA),
        PLAIN,
        "SIG_ALGORITHM",
    )


def _expired() -> Iterator[Vector]:
    """PGPy takes expired keys for good ones where they are weak or on a curve of NIST's."""
    until = pgp.flags(0x03) + pgp.key_lifetime(10 * DAY)
    for kind, live, gone in (
        ("rsa1024", "KEY_WEAK", "KEY_WEAK"),
        ("p256", "KEY_EXPIRED", "KEY_EXPIRED_AT_SIG"),
    ):
        key = pgp.make_key("alice", kind)
        own = pgp.primary(key) + pgp.user_id() + pgp.certify(key, more=until)
        for when, created, reason in (
            ("before", SIGNED, live),
            ("after", T0 + 20 * DAY, gone),
        ):
            stricter = "S18: good now as well" if reason == "KEY_EXPIRED" else ""
            made = pgp.detached(DOCUMENT, key, created=created)
            yield Vector(
                f"lifetime over, {kind}, signed {when}",
                made,
                own,
                reason,
                primary=key.fingerprint,
                stricter=stricter,
            )


def _paddings() -> Iterator[Vector]:
    """Numbers that lack their first octet are padded, not refused (S16)."""
    key = pgp.make_key("alice", "rsa2048")
    yield _by("RSA number shorter than its modulus", _short(key, 0, below=2041), key, None)
    for name, half in (("first", 0), ("second", 1)):
        made = _short(ALICE, half, below=249)
        yield Vector(f"{name} EdDSA number shorter than usual", made, PLAIN, None)


def _short(key: pgp.Key, which: int, *, below: int) -> bytes:
    """Sign with one note after another until a number has fewer bits than `below`."""
    notes = (b"\x80\0\0\0\0\x01\0\x04n" + nonce.to_bytes(4, "big") for nonce in count())
    signed = (pgp.detached(DOCUMENT, key, more=pgp.sub(20, note)) for note in notes)
    return next(made for made in signed if _bits(made)[which] < below)


def _bits(made: bytes) -> tuple[int, ...]:
    """Return the size of each number of a signature."""
    left = signature.parse(packets.split(made)[0].body).material
    found = []
    while left:
        found.append(int.from_bytes(left[:2], "big"))
        left = left[2 + (found[-1] + 7) // 8 :]
    return tuple(found)


def _subkeys() -> Iterator[Vector]:
    """Subkeys of other algorithms than their primary key's."""
    for kind, reason in (("rsa2048", None), ("p256", None), ("rsa1024", "KEY_WEAK")):
        own = pgp.make_key("subkey", kind)
        certificate = pgp.certificate(ALICE, pgp.subkey(own), pgp.bind(ALICE, own))
        made = pgp.detached(DOCUMENT, own)
        yield Vector(f"subkey {kind}", made, certificate, reason)


def _hashes() -> Iterator[Vector]:
    others = "S11: SHA-256, SHA-384 and SHA-512 alone"
    for number, name, reason, stricter in (
        (pgp.MD5, "MD5", "SIG_HASH_WEAK", ""),
        (pgp.SHA1, "SHA-1", "SIG_HASH_WEAK", ""),
        (pgp.RIPEMD160, "RIPEMD-160", "SIG_HASH_WEAK", ""),
        (pgp.SHA224, "SHA-224", "SIG_HASH_WEAK", others),
        (12, "SHA3-256", "SIG_HASH_WEAK", others),
        (99, "unknown hash", "SIG_HASH_WEAK", ""),
        (pgp.SHA256, "SHA-256", None, ""),
        (pgp.SHA384, "SHA-384", None, ""),
    ):
        made = pgp.detached(DOCUMENT, ALICE, digest=number)
        yield Vector(f"{name} signature", made, PLAIN, reason, stricter=stricter)
