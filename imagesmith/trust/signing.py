"""Making signatures: by a key in a file, or by gpg.

Version 4, SHA-2, everything that counts in the hashed area: what this room
itself accepts, and what gpg, sqv and apt accept too.  The same evaluation that
judges others' keys decides which key may sign, so no signature is made that a
verifier would refuse at that time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from imagesmith.trust import (
    armour,
    assembly,
    attribution,
    detached,
    keypacket,
    keyring,
    keys,
    validity,
)
from imagesmith.trust import signature as signatures
from imagesmith.trust.certificate import Certificate
from imagesmith.trust.content import Content, compute_digest
from imagesmith.trust.keypacket import PublicKey, SecretKey
from imagesmith.trust.packets import Packet, Tag, encode_length, frame
from imagesmith.trust.signature import Signature, Sub, Type
from imagesmith.trust.verdict import Reason, Rejected, refuse

SHA256, SHA384, SHA512 = 8, 9, 10

_P256_BITS, _P384_BITS = 515, 771
"""Size of a point with its prefix 0x04."""


@attrs.frozen
class SecretCertificate:
    """A certificate and the secret keys that came with it, by fingerprint."""

    certificate: Certificate
    secrets: dict[str, SecretKey]


def sign(
    document: bytes,
    secret: bytes,
    *,
    created: int,
    passphrase: Callable[[], str] | None,
) -> bytes:
    """Return a detached signature packet over `document` by the best key of a secret key file.

    That is the newest signing subkey usable at `created`, else the primary key.
    `passphrase` is called once, and only when the key is protected.  What was made
    is judged as a verifier would before it is returned.
    """
    certified = read_secret(secret)
    key = _signing_key(certified, created)
    word = passphrase() if key.is_protected and passphrase is not None else None
    body = make(Type.BINARY, key, (document,), hashed=stamp(key.public, created), passphrase=word)
    _check(signatures.parse(body), document, (certified.certificate,))
    return frame(Tag.SIGNATURE, body)


def gpg_signature(document: bytes, key: str, *, run: Callable[[list[str], bytes], bytes]) -> bytes:
    """Return a detached signature packet that gpg made with the user's key `key`.

    `run` executes a command with the document on its standard input and gives
    its standard output.  Options override what gpg.conf may say.  What gpg made is
    judged with the certificate gpg has of that key before it is returned.
    """
    command = ["gpg", "--batch", "--no-armor", "--no-textmode", "--digest-algo", "SHA512"]
    made = run([*command, "--detach-sign", "--output", "-", f"--local-user={key}"], document)
    (found, *others) = detached.read(made)
    if isinstance(found, Rejected):
        raise refuse(Reason(found.reason), f"gpg: {found.detail}")
    if others or found.type != Type.BINARY:
        raise refuse(Reason.SIG_TYPE, "gpg did not make exactly one binary signature")
    exported = run(["gpg", "--batch", "--no-armor", "--export", "--", key], b"")
    groups = keyring.split(exported, armour.PUBLIC_KEY)
    _check(found, document, tuple(assembly.assemble(group) for group in groups))
    return frame(Tag.SIGNATURE, found.body)


def _check(made: Signature, document: bytes, certificates: tuple[Certificate, ...]) -> None:
    """Refuse to hand out a signature that no verifier would accept."""
    content = Content.of(document)
    attribution.attribute(made, content, certificates, kind=Type.BINARY, now=made.created)


def read_secret(octets: bytes) -> SecretCertificate:
    """Read a file with exactly one secret key, armoured or binary."""
    is_armoured_public = b"BEGIN " + armour.PUBLIC_KEY.encode() in octets[: armour.MAX_LINE]
    groups = keyring.split(octets, armour.PUBLIC_KEY if is_armoured_public else armour.PRIVATE_KEY)
    if len(groups) != 1:
        raise refuse(Reason.CERT_MALFORMED, f"expected one secret key, got {len(groups)}")
    if groups[0][0].tag == Tag.PUBLIC_KEY:
        error = refuse(Reason.KEY_NO_SECRET, "this is a public key, which cannot sign")
        raise attrs.evolve(error, hint="name the file with the secret key")
    public: list[Packet] = []
    secrets: dict[str, SecretKey] = {}
    for packet in groups[0]:
        if packet.tag in (Tag.SECRET_KEY, Tag.SECRET_SUBKEY):
            secret = keypacket.parse_secret(packet.body)
            secrets[secret.public.fingerprint] = secret
            is_primary = packet.tag == Tag.SECRET_KEY
            tag = Tag.PUBLIC_KEY if is_primary else Tag.PUBLIC_SUBKEY
            public.append(Packet(tag, secret.public.body))
        else:
            public.append(packet)
    return SecretCertificate(assembly.assemble(tuple(public)), secrets)


def make(
    kind: Type,
    key: SecretKey,
    content: Iterable[bytes],
    *,
    hashed: bytes,
    passphrase: str | None = None,
) -> bytes:
    """Return the body of a signature packet with these hashed subpackets."""
    issuer = subpacket(Sub.ISSUER, bytes.fromhex(key.public.fingerprint)[-8:])
    algorithm = _hash_for(key.public)
    head = bytes((4, kind, key.public.algorithm, algorithm)) + _counted(hashed)
    unsigned = signatures.parse(head + _counted(issuer) + b"\0\0")
    digest = compute_digest(unsigned, content)
    assert digest is not None
    numbers = keys.sign(key, algorithm, digest, passphrase)
    return head + _counted(issuer) + digest[:2] + numbers


def stamp(key: PublicKey, created: int) -> bytes:
    """Return the hashed subpackets every signature has: its time and its issuer."""
    if not 0 <= created < 1 << 32:
        raise refuse(Reason.SIG_CREATION_TIME, f"{created} is not a time OpenPGP can write")
    fingerprint = b"\x04" + bytes.fromhex(key.fingerprint)
    return subpacket(Sub.CREATED, created.to_bytes(4, "big")) + subpacket(
        Sub.ISSUER_FINGERPRINT,
        fingerprint,
    )


def subpacket(kind: int, body: bytes, *, critical: bool = False) -> bytes:
    """Return one signature subpacket."""
    return encode_length(len(body) + 1) + bytes((kind | critical << 7,)) + body


def _signing_key(secret: SecretCertificate, at: int) -> SecretKey:
    """Choose the key to sign with; refuse with the reason each key has."""
    primary = secret.certificate.primary
    by_rank = sorted(
        secret.certificate.keys,
        key=lambda key: (key.fingerprint != primary.fingerprint, key.created),
        reverse=True,
    )
    problems = []
    for key in by_rank:
        held = secret.secrets.get(key.fingerprint)
        problem = validity.signing_problem(secret.certificate, key, at)
        if problem is None and held is not None and not held.is_stub:
            return held
        problems.append(f"{key.fingerprint}: {problem or 'its secret part is not in this file'}")
    raise refuse(Reason.KEY_NOT_SIGNING, f"no key may sign: {'; '.join(problems)}")


def _hash_for(key: PublicKey) -> int:
    """Return the hash that fits the key; a curve wants at least its own size (FIPS 186-5 §6.4)."""
    if key.algorithm != keypacket.ECDSA:
        return SHA512
    if key.bits <= _P256_BITS:
        return SHA256
    return SHA384 if key.bits <= _P384_BITS else SHA512


def _counted(area: bytes) -> bytes:
    return len(area).to_bytes(2, "big") + area
