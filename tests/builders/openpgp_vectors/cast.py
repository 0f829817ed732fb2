"""Who and what the vectors are about: throw-away keys, one document, plain certificates."""

from __future__ import annotations

import attrs
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.trust.packets import frame
from imagesmith.trust.policy import Policy

DOCUMENT = b'name = "curl"\n'
NOW = T0 + 400 * DAY
SIGNED = T0 + DAY

ALICE = pgp.make_key("alice")
SIGNER = pgp.make_key("alice's subkey")
MALLORY = pgp.make_key("mallory")
BOB = pgp.make_key("bob")

PLAIN = pgp.certificate(ALICE)
SUBKEYED = pgp.with_subkey(ALICE, SIGNER)
GOOD = pgp.detached(DOCUMENT, ALICE)
BY_SUBKEY = pgp.detached(DOCUMENT, SIGNER)

NOTATION = b"\x80\0\0\0\0\x01\0\x01nv"


@attrs.frozen
class Vector:
    """One case: what is signed how, and what must come of it."""

    name: str
    signature: bytes
    certificate: bytes
    reason: str | None
    """The code it is rejected with; None if it is accepted."""
    document: bytes = DOCUMENT
    primary: str = ALICE.fingerprint
    """Fingerprint of the pinned primary key."""
    stricter: str = ""
    """The rule by which it is refused although Sequoia accepts it (numbers of openpgp.md)."""

    @property
    def policy(self) -> Policy:
        """Pin the certificate."""
        return pgp.pin_fingerprint(self.primary, self.certificate)


def bound(binding: bytes, *more: bytes) -> bytes:
    """Write a certificate that only certifies, with a subkey and this binding."""
    own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=pgp.flags(0x01))
    return own + pgp.subkey(SIGNER) + binding + b"".join(more)


def self_signed(*self_signatures: bytes) -> bytes:
    """Write a certificate with these signatures after its user id."""
    return pgp.primary(ALICE) + pgp.user_id() + b"".join(self_signatures)


def on_key(certificate: bytes, statement: bytes) -> bytes:
    """Put a signature where those on the primary key stand: right after it."""
    at = len(pgp.primary(ALICE))
    return certificate[:at] + statement + certificate[at:]


def raw(hashed: bytes, *, unhashed: bytes | None = None) -> bytes:
    """Write alice's signature of the document with exactly these subpackets."""
    return frame(2, pgp.signature(0, ALICE, (DOCUMENT,), hashed=hashed, unhashed=unhashed))
