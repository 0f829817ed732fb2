"""The cleartext signature framework, for InRelease only (RFC 9580 §7, openpgp.md S30).

Splits a file into the text, the octets that are signed and the signature, and
refuses every file that some other reader could split differently.  Only what
comes out here may be read further, never the file itself.
"""

from __future__ import annotations

import re

import attrs

from imagesmith.trust.verdict import Reason, refuse

MAX_OCTETS = 16 << 20

_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_BEGIN_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
_END_SIGNATURE = b"-----END PGP SIGNATURE-----"
_HASH = re.compile(rb"Hash: [A-Z0-9, -]+")


@attrs.frozen
class Cleartext:
    """A message taken apart."""

    text: bytes
    """The lines without dash-escapes and trailing blanks, each ending with a line feed."""
    signed: bytes
    """What is hashed: the same lines joined by CR LF."""
    signature: bytes
    """The armoured block."""


def split(message: bytes) -> Cleartext:
    """Take exactly one message apart, from the first byte of the file to the last."""
    if len(message) > MAX_OCTETS:
        raise refuse(Reason.LIMIT, f"message is larger than {MAX_OCTETS} octets")
    if b"\0" in message or b"\r" in message:
        raise refuse(Reason.CLEARTEXT, "message contains NUL or CR")
    head, found, body = message.partition(b"\n\n")
    first, *headers = head.split(b"\n")
    if first != _BEGIN or not found:
        raise refuse(Reason.CLEARTEXT, "file does not start with a signed message")
    if not all(_HASH.fullmatch(header) for header in headers):
        raise refuse(Reason.CLEARTEXT, "message has a header other than Hash")
    text, found, rest = body.partition(b"\n" + _BEGIN_SIGNATURE + b"\n")
    if not found:
        raise refuse(Reason.CLEARTEXT, "message has no signature")
    if rest.partition(_END_SIGNATURE)[2] not in (b"", b"\n"):
        raise refuse(Reason.CLEARTEXT, "something follows the end of the message")
    lines = [_unescaped(line) for line in text.split(b"\n")]
    return Cleartext(
        text=b"\n".join(lines) + b"\n",
        signed=b"\r\n".join(lines),
        signature=_BEGIN_SIGNATURE + b"\n" + rest,
    )


def _unescaped(line: bytes) -> bytes:
    if line.startswith(b"-"):
        if not line.startswith(b"- "):
            raise refuse(Reason.CLEARTEXT, "line starts with a dash that is not escaped")
        line = line[2:]
    return line.rstrip(b" \t")
