"""Inputs of a megabyte that cost a careless reader minutes or gigabytes (hostile-inputs.md A6).

Each goes to the part of the room that reads such a file, through the door its
users take, and comes to nothing but a refusal.
"""

from __future__ import annotations

import bz2
from collections.abc import Callable

import attrs
from builders import openpgp as pgp
from builders.openpgp import T0
from builders.openpgp_vectors.cast import ALICE, DOCUMENT, GOOD, NOW, PLAIN

from imagesmith.errors import SignatureError
from imagesmith.trust import archive
from imagesmith.trust.archive import Anchors, ReleaseFile
from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.packets import frame

SIZE = 1_000_000
"""Octets of every input, but for the last unit that would not fit."""

_BEGIN = b"-----BEGIN PGP %s-----\n"
_SIGNATURE, _CERTIFICATE, _MESSAGE = (
    _BEGIN % label for label in (b"SIGNATURE", b"PUBLIC KEY BLOCK", b"SIGNED MESSAGE")
)
_BZIP2 = 3
_PACKETS, _USER_IDS = 1_900, 900


@attrs.frozen
class Hostile:
    """One input and who reads it."""

    name: str
    octets: bytes = attrs.field(repr=False)
    refuses: Callable[[bytes], bool]
    """Read it; whether it was refused."""

    def read(self) -> bool:
        """Say whether it is refused."""
        return self.refuses(self.octets)


def as_signature(octets: bytes) -> bool:
    """Take it for a signature file."""
    policy = pgp.pin((ALICE, PLAIN))
    return not judge(Content.of(DOCUMENT), octets, policy, now=NOW).valid


def as_certificate(octets: bytes) -> bool:
    """Take it for the pinned signer's certificate."""
    policy = pgp.pin((ALICE, octets))
    return not judge(Content.of(DOCUMENT), GOOD, policy, now=NOW).valid


def as_release(octets: bytes) -> bool:
    """Take it for an InRelease file."""
    anchors = Anchors(certificates=(PLAIN,), fingerprints=(ALICE.fingerprint,), now=NOW)
    try:
        archive.verify(ReleaseFile(octets), anchors, document="InRelease")
    except SignatureError:
        return True
    return False


def inputs() -> tuple[Hostile, ...]:
    """Make all of them."""
    bomb = frame(8, bytes((_BZIP2,)) + bz2.compress(bytes(10 << 20)) * 40)
    return (
        Hostile("signature: BEGIN lines", _filled(_SIGNATURE), as_signature),
        Hostile("signature: headers", _SIGNATURE + _filled(b"a: b\n"), as_signature),
        Hostile("signature: one long header", _SIGNATURE + _filled(b"a: "), as_signature),
        Hostile("signature: a bzip2 bomb", bomb, as_signature),
        Hostile("signature: nested compression", _nested_compression(), as_signature),
        Hostile("signature: nested signatures", _nested_signatures(), as_signature),
        Hostile("certificate: BEGIN lines", _filled(_CERTIFICATE), as_certificate),
        Hostile("certificate: empty blocks", _filled(_empty_block()), as_certificate),
        Hostile("certificate: headers", _CERTIFICATE + _filled(b"a: b\n"), as_certificate),
        Hostile("certificate: comments", _CERTIFICATE + _filled(b"Comment: \n"), as_certificate),
        Hostile("certificate: one long header", _CERTIFICATE + _filled(b"a: "), as_certificate),
        Hostile("certificate: one long line", _CERTIFICATE + b"\n" + _filled(b"A"), as_certificate),
        Hostile("certificate: dashes", _filled(b"-"), as_certificate),
        Hostile("certificate: short rows", _rows(), as_certificate),
        Hostile("certificate: empty packets", _filled(b"\xc2\x00"), as_certificate),
        Hostile("certificate: a bzip2 bomb", PLAIN + bomb, as_certificate),
        Hostile("certificate: self-signatures", _self_signatures(), as_certificate),
        Hostile("certificate: user ids and signatures", _user_ids(), as_certificate),
        Hostile("certificate: subpackets", _subpackets(), as_certificate),
        Hostile("release: dash lines", _MESSAGE + b"\n" + _filled(b"- \n"), as_release),
        Hostile("release: BEGIN lines", _filled(_MESSAGE), as_release),
        Hostile("release: headers", _MESSAGE + _filled(b"Hash: SHA256\n"), as_release),
        Hostile(
            "release: trailing blanks", _MESSAGE + b"\n" + _filled(b" " * 999 + b"\n"), as_release
        ),
    )


def _filled(unit: bytes) -> bytes:
    return unit * (SIZE // len(unit))


def _empty_block() -> bytes:
    return _CERTIFICATE + b"\n=twTO\n" + _CERTIFICATE.replace(b"BEGIN", b"END")


def _rows() -> bytes:
    return _CERTIFICATE + b"\n" + _filled(b"AAAA\n")


def _nested_compression() -> bytes:
    octets = b""
    while len(octets) < 60_000:
        octets = frame(8, b"\0" + octets)
    return octets


def _nested_signatures() -> bytes:
    body = pgp.signature(0x19, ALICE, (b"",), hashed=pgp.at(T0))
    while len(body) < 50_000:
        body = pgp.signature(0x18, ALICE, (b"",), hashed=pgp.at(T0) + pgp.sub(32, body))
    return frame(2, body)


def _self_signatures() -> bytes:
    """Return a certificate with as many genuine self-signatures as it may have packets."""
    made = b"".join(pgp.certify(ALICE, created=T0 + each) for each in range(_PACKETS))
    return pgp.primary(ALICE) + pgp.user_id() + made


def _user_ids() -> bytes:
    """Return long user ids and signatures of none of them: all are hashed for each."""
    names = (pgp.user_id(b"%04d" % each + b"x" * 800) for each in range(_USER_IDS))
    foreign = (
        pgp.certify(ALICE, b"nobody", created=T0 + each) for each in range(_PACKETS - _USER_IDS)
    )
    return pgp.primary(ALICE) + b"".join((*names, *foreign))


def _subpackets() -> bytes:
    full = pgp.at(T0) + pgp.sub(100, b"") * 255
    body = pgp.signature(0x13, ALICE, (b"",), hashed=full)
    return pgp.primary(ALICE) + pgp.user_id() + _filled(frame(2, body))
