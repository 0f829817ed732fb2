"""Making keys: an Ed25519 primary key that certifies and an Ed25519 subkey that signs.

The result is what `certificate` and `validity` accept with nothing to spare: one
self-signature, one binding with its back-signature, SHA-512 throughout.
"""

from __future__ import annotations

import unicodedata

import attrs

from imagesmith.errors import UsageError
from imagesmith.trust import armour, keys
from imagesmith.trust.keypacket import SecretKey
from imagesmith.trust.packets import Packet, Tag, frame
from imagesmith.trust.signature import Sub, Type
from imagesmith.trust.signing import SHA256, SHA384, SHA512, make, stamp, subpacket
from imagesmith.trust.validity import CERTIFY, SIGN

MAX_USER_ID = 2048
"""Octets; GnuPG refuses longer ones."""

_PREFERRED_HASHES = 21
_PRIMARY_USER_ID = 25
_FEATURES = 30
"""Subpacket types (RFC 9580 §5.2.3.7)."""
_END_OF_TIME = 1 << 32
"""Times and lifetimes are four octets."""


@attrs.frozen
class KeyPair:
    """A new key in its two files."""

    secret: bytes = attrs.field(repr=False)
    """Armoured."""
    public: bytes
    """Armoured."""
    fingerprint: str
    """Of the primary key: 40 lower-case hexadecimal digits."""


def generate(
    user_id: str,
    *,
    created: int,
    lifetime: int | None,
    passphrase: str | None,
) -> KeyPair:
    """Make a key; `created` is in Unix seconds, `lifetime` in seconds, None for no end."""
    _check(user_id, created, lifetime)
    primary, subkey = keys.generate(created=created), keys.generate(created=created)
    identity = Packet(Tag.USER_ID, user_id.encode())
    certified = _certification(primary, identity.body, created, lifetime)
    bound = _binding(primary, subkey, created, lifetime)
    public = (
        Packet(Tag.PUBLIC_KEY, primary.public.body),
        identity,
        certified,
        Packet(Tag.PUBLIC_SUBKEY, subkey.public.body),
        bound,
    )
    secret = (
        Packet(Tag.SECRET_KEY, _locked(primary, passphrase).body),
        identity,
        certified,
        Packet(Tag.SECRET_SUBKEY, _locked(subkey, passphrase).body),
        bound,
    )
    return KeyPair(
        secret=_armoured(secret, armour.PRIVATE_KEY),
        public=_armoured(public, armour.PUBLIC_KEY),
        fingerprint=primary.public.fingerprint,
    )


def _check(user_id: str, created: int, lifetime: int | None) -> None:
    if not user_id.strip() or any(unicodedata.category(char)[0] == "C" for char in user_id):
        raise UsageError(problem=f"not a user id: {user_id!r}")
    if len(user_id.encode()) > MAX_USER_ID:
        raise UsageError(problem=f"a user id has at most {MAX_USER_ID} octets")
    if not 0 <= created < _END_OF_TIME:
        raise UsageError(problem=f"not a time OpenPGP can write: {created}")
    if lifetime is not None and not 0 < lifetime < _END_OF_TIME:
        raise UsageError(problem=f"not a lifetime OpenPGP can write: {lifetime}")


def _certification(
    primary: SecretKey, user_id: bytes, created: int, lifetime: int | None
) -> Packet:
    stated = (
        stamp(primary.public, created)
        + subpacket(Sub.KEY_FLAGS, bytes((CERTIFY,)))
        + _ends_after(lifetime)
        + subpacket(_PREFERRED_HASHES, bytes((SHA512, SHA384, SHA256)))
        + subpacket(_PRIMARY_USER_ID, b"\x01")
        + subpacket(_FEATURES, b"\x01")
    )
    content = primary.public.prefixed, b"\xb4" + len(user_id).to_bytes(4, "big") + user_id
    return Packet(Tag.SIGNATURE, make(Type.POSITIVE_CERTIFICATION, primary, content, hashed=stated))


def _binding(primary: SecretKey, subkey: SecretKey, created: int, lifetime: int | None) -> Packet:
    content = primary.public.prefixed, subkey.public.prefixed
    back = make(
        Type.PRIMARY_KEY_BINDING,
        subkey,
        content,
        hashed=stamp(subkey.public, created),
    )
    stated = (
        stamp(primary.public, created)
        + subpacket(Sub.KEY_FLAGS, bytes((SIGN,)))
        + _ends_after(lifetime)
        + subpacket(Sub.EMBEDDED, back)
    )
    return Packet(Tag.SIGNATURE, make(Type.SUBKEY_BINDING, primary, content, hashed=stated))


def _ends_after(lifetime: int | None) -> bytes:
    return b"" if lifetime is None else subpacket(Sub.KEY_LIFETIME, lifetime.to_bytes(4, "big"))


def _locked(key: SecretKey, passphrase: str | None) -> SecretKey:
    return key if passphrase is None else keys.protect(key, passphrase)


def _armoured(group: tuple[Packet, ...], label: str) -> bytes:
    return armour.encode(b"".join(frame(each.tag, each.body) for each in group), label)
