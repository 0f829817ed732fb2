"""Signature files: one or more detached signatures, armoured or binary.

A file holds signature packets and nothing else that could mean anything; a
message, a certificate or compressed octets in it refuse the whole file
(openpgp.md S2, S6, S8).  A single signature that cannot be read is a finding of
its own and leaves its neighbours alone (S17).
"""

from __future__ import annotations

from imagesmith.errors import SignatureError
from imagesmith.trust import armour, packets, signature
from imagesmith.trust.packets import Packet, Tag
from imagesmith.trust.signature import Signature
from imagesmith.trust.verdict import Reason, Rejected, refuse

MAX_OCTETS = 64 << 10
MAX_SIGNATURES = 64

_IGNORED = frozenset({Tag.MARKER, Tag.PADDING})


def read(octets: bytes) -> tuple[Signature | Rejected, ...]:
    """Return every signature of a file in its order, or why it cannot be read."""
    return tuple(_parse(packet.body) for packet in _signatures(octets))


def merge(existing: bytes | None, new: bytes) -> bytes:
    """Add the signatures of `new` to a file and return it as one armoured block.

    A signature already there whose issuer signed again is replaced; all others
    are kept as they are, readable or not.  SignatureError if the file would be one
    that `read` refuses.
    """
    added = _signatures(new)
    replaced = {issuer for packet in added for issuer in _issuers(packet)}
    kept = [
        packet
        for packet in (() if existing is None else _signatures(existing))
        if packet not in added and not replaced.intersection(_issuers(packet))
    ]
    octets = b"".join(packets.frame(packet.tag, packet.body) for packet in (*kept, *added))
    merged = armour.encode(octets, armour.SIGNATURE)
    _signatures(merged)
    return merged


def _signatures(octets: bytes) -> tuple[Packet, ...]:
    if not octets.strip():
        raise refuse(Reason.SIG_MISSING, "there is no signature")
    if len(octets) > MAX_OCTETS:
        raise refuse(Reason.LIMIT, f"signature file is larger than {MAX_OCTETS} octets")
    found = []
    for packet in packets.split(armour.decode(octets, armour.SIGNATURE)):
        if packet.tag == Tag.SIGNATURE:
            found.append(packet)
        elif packet.tag not in _IGNORED:
            raise refuse(
                Reason.NOT_DETACHED,
                f"not a detached signature: the file holds a packet of type {packet.tag}",
            )
    if not found:
        raise refuse(Reason.SIG_MISSING, "there is no signature")
    if len(found) > MAX_SIGNATURES:
        raise refuse(Reason.LIMIT, f"more than {MAX_SIGNATURES} signatures")
    return tuple(found)


def _parse(body: bytes) -> Signature | Rejected:
    try:
        return signature.parse(body)
    except SignatureError as error:
        return Rejected.of(error)


def _issuers(packet: Packet) -> tuple[str, ...]:
    read_one = _parse(packet.body)
    if isinstance(read_one, Rejected):
        return ()
    return read_one.issuer_fingerprints or read_one.issuer_ids
