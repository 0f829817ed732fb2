"""Digests: the names of bytes.

The OCI spelling is `algorithm:hex` (image-spec, descriptor.md, "Digests");
sha256 is the only algorithm accepted, so a digest has exactly one spelling.
"""

from __future__ import annotations

import hashlib
import re

import attrs

HEX = re.compile(r"[0-9a-f]{64}\Z")


@attrs.frozen(order=True, str=False)
class Digest:
    """The sha256 of some bytes."""

    hex: str = attrs.field()
    """64 lower-case hexadecimal digits."""

    @hex.validator
    def _is_hex(self, _attribute: object, value: str) -> None:
        if not HEX.match(value):
            raise ValueError(f"not a sha256 in lower-case hexadecimal: {value!r}")

    @classmethod
    def of(cls, data: bytes | memoryview) -> Digest:
        """Return the digest of `data`."""
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read the spelling `sha256:hex`; ValueError on anything else."""
        algorithm, colon, digits = text.partition(":")
        if algorithm != "sha256" or not colon:
            raise ValueError(f"expected a digest like sha256:…, got {text!r}")
        return cls(digits)

    def __str__(self) -> str:
        """Return the spelling `sha256:hex`."""
        return f"sha256:{self.hex}"
