"""Certificates as values: a primary key and what it has verifiably said of itself.

`assembly` makes them from packets, every statement verified; what follows from them
at a point in time is left to `validity` (openpgp.md S18-S23).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from imagesmith.trust.keypacket import PublicKey
from imagesmith.trust.packets import Packet, frame
from imagesmith.trust.signature import OTHER_HASHES, Signature, Sub
from imagesmith.trust.verdict import Rejected


@attrs.frozen
class Binding:
    """A genuine self-signature or subkey binding."""

    signature: Signature
    problem: Rejected | None
    """Why it grants nothing; what it restricts still counts."""
    back_signatures: tuple[Signature, ...] = ()
    """Genuine, strong primary key bindings embedded in a subkey binding."""

    @property
    def counts_elsewhere(self) -> bool:
        """Whether others may accept it for a hash that is not accepted here."""
        return self.problem is not None and self.signature.hash_algorithm in OTHER_HASHES


@attrs.frozen(kw_only=True)
class Component:
    """The primary key itself, a user id, a user attribute or a subkey."""

    key: PublicKey | None = None
    """Of a subkey."""
    user_id: bytes | None = None
    """Of a user id; unchecked octets, never an identity (S3)."""
    hashed: bytes
    """What a signature over it hashes after the primary key."""
    bindings: tuple[Binding, ...] = ()
    revocations: tuple[Signature, ...] = ()
    withdrawals: tuple[Signature, ...] = ()
    """Those of them that no reader doubts: they alone take restrictions back."""


@attrs.frozen(kw_only=True)
class Certificate:
    """A version 4 certificate, all genuine statements verified."""

    primary: PublicKey
    itself: Component
    """The primary key's direct-key signatures and revocations."""
    identities: tuple[Component, ...]
    subkeys: tuple[Component, ...]
    foreign_revocations: int
    """Revocations by designated revokers: reported, not evaluated (S23)."""
    packets: tuple[Packet, ...] = attrs.field(repr=False, eq=False)
    """All that the file holds of it."""

    @property
    def revokers(self) -> tuple[str, ...]:
        """The fingerprints of designated revokers: reported, not obeyed (S23)."""
        return tuple(dict.fromkeys(revokers((self.itself, *self.identities, *self.subkeys))))

    def to_bytes(self) -> bytes:
        """Return the certificate as it was judged, binary."""
        return b"".join(frame(each.tag, each.body) for each in self.packets)

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """The primary key and every subkey, bound or not."""
        return (self.primary, *(sub.key for sub in self.subkeys if sub.key is not None))


def revokers(components: Iterable[Component]) -> Iterator[str]:
    """Yield the fingerprints of designated revokers (RFC 9580 §5.2.3.23)."""
    for component in components:
        for binding in component.bindings:
            for body in binding.signature.values(Sub.REVOCATION_KEY):
                yield body[2:].hex()
