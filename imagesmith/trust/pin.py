"""Which key is meant: a primary key with all its subkeys, or one key alone (openpgp.md S3).

A pin is a full fingerprint.  By itself it names a primary key, whose signing
subkeys count as well; with a final `!`, as in apt's Signed-By, it names exactly
that primary key or subkey.  Key ids and user ids pin nothing.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Pin:
    """One pinned key."""

    fingerprint: str
    """40 lower-case hexadecimal digits."""
    exact: bool = False
    """Whether no other key of the same certificate counts."""

    @classmethod
    def parse(cls, text: str) -> Pin:
        """Read a fingerprint, optionally with a final `!`, that is known to be one."""
        return cls(text.removesuffix("!").lower(), text.endswith("!"))

    def covers(self, primary: str, key: str) -> bool:
        """Say whether a signature by `key` of the certificate of `primary` is by what is pinned."""
        return self.fingerprint == (key if self.exact else primary)

    def __str__(self) -> str:
        return self.fingerprint + "!" * self.exact
