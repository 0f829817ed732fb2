"""Certificate files: one certificate or many, armoured or binary (openpgp.md S2, S3, S18a).

Takes a file apart into the packets of each certificate and finds the one that
holds a pinned key by full fingerprints; key ids and user ids find nothing.
Building the certificate is left to `certificate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from imagesmith.errors import SignatureError
from imagesmith.trust import armour, keypacket, packets
from imagesmith.trust.packets import Packet, Tag
from imagesmith.trust.pin import Pin
from imagesmith.trust.verdict import Reason, Rejected, refuse

MAX_OCTETS = 1 << 20
"""Of one certificate file (openpgp.md S2)."""

Group = tuple[Packet, ...]
"""The packets of one certificate, primary key first."""

_IGNORED = frozenset({Tag.MARKER, Tag.TRUST, Tag.PADDING})
_PRIMARY_KEYS = frozenset({Tag.PUBLIC_KEY, Tag.SECRET_KEY})
_KEYS = _PRIMARY_KEYS | {Tag.PUBLIC_SUBKEY, Tag.SECRET_SUBKEY}


@attrs.frozen
class Keyring:
    """The certificates of some files, by the fingerprint of their primary key."""

    groups: dict[str, Group]
    rejected: tuple[Rejected, ...]
    """One finding per file that cannot be read."""

    def holding(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the primary fingerprints of certificates with a key of this fingerprint or id."""
        wanted = tuple(names)
        return tuple(
            primary
            for primary, group in self.groups.items()
            if any(own.endswith(wanted) for own in _fingerprints(group))
        )

    def export(self, fingerprints: Iterable[str]) -> bytes:
        """Return the certificates of these primary keys as one binary file, sorted."""
        chosen = (packet for each in sorted(set(fingerprints)) for packet in self.groups[each])
        return b"".join(packets.frame(packet.tag, packet.body) for packet in chosen)


def split(octets: bytes, label: str = armour.PUBLIC_KEY) -> tuple[Group, ...]:
    """Return the packets of each certificate in a file."""
    if len(octets) > MAX_OCTETS:
        raise refuse(Reason.LIMIT, f"certificate file is larger than {MAX_OCTETS} octets")
    groups: list[list[Packet]] = []
    for packet in packets.split(armour.decode(octets, label)):
        if packet.tag in _IGNORED:
            continue
        if packet.tag in _PRIMARY_KEYS:
            groups.append([])
        if not groups:
            raise refuse(Reason.CERT_MALFORMED, "certificate file does not start with a key")
        groups[-1].append(packet)
    return tuple(map(tuple, groups))


def index(octets: bytes) -> dict[str, Group]:
    """Return the version 4 certificates of a file by primary fingerprint."""
    found: dict[str, Group] = {}
    for group in split(octets):
        for fingerprint in _fingerprints(group[:1]):
            if fingerprint in found:
                raise refuse(Reason.CERT_DUPLICATE, "certificate file holds a primary key twice")
            found[fingerprint] = group
    return found


def choose(groups: Mapping[str, Group], pin: Pin) -> tuple[str, Group]:
    """Return the primary fingerprint and the packets of the certificate that is pinned."""
    found = [
        (primary, group)
        for primary, group in groups.items()
        if pin.fingerprint == primary or (pin.exact and pin.fingerprint in _fingerprints(group))
    ]
    if not found:
        raise refuse(Reason.CERT_MISMATCH, "no certificate at hand holds the pinned key")
    if len(found) > 1:
        raise refuse(Reason.CERT_DUPLICATE, "several certificates hold the pinned key")
    return found[0]


def join(group: Group, other: Group) -> Group:
    """Return one certificate with all that two copies of it say."""
    return tuple(dict.fromkeys((*group, *other)))


def collect(files: Iterable[bytes]) -> Keyring:
    """Read several files; copies of one certificate become one with the packets of all."""
    groups: dict[str, Group] = {}
    rejected = []
    for octets in files:
        try:
            found = index(octets)
        except SignatureError as error:
            rejected.append(Rejected.of(error))
            continue
        for fingerprint, group in found.items():
            groups[fingerprint] = join(groups.get(fingerprint, ()), group)
    return Keyring(groups, tuple(rejected))


def _fingerprints(group: Group) -> tuple[str, ...]:
    found = []
    for packet in group:
        if packet.tag in _KEYS:
            try:
                found.append(keypacket.parse_public(packet.body).fingerprint)
            except SignatureError:
                continue  # of another version: no signature this room reads can be by it
    return tuple(found)
