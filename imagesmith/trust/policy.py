"""The trust policy: trust.toml as a value (DESIGN.md §1, openpgp.md S3, S4, S11, S17).

Says who may sign what, and how many of them it takes.  Certificates are read
here and judged later: one that cannot be read or used is a finding about its
signer, not an error of the document.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

import attrs

from imagesmith.errors import HostError
from imagesmith.manifest import table as toml
from imagesmith.manifest.recipe import pinned_key
from imagesmith.manifest.table import Table
from imagesmith.trust.keypacket import MIN_RSA_BITS
from imagesmith.trust.pin import Pin

ROLES = ("manifest", "rebuild")


@attrs.frozen(kw_only=True)
class Signer:
    """One primary key that may sign."""

    fingerprint: str
    """Of the primary key: 40 lower-case hexadecimal digits; with `!`, of exactly one key (S3)."""
    certificate: bytes = attrs.field(repr=False)
    """The certificate file, armoured or binary; empty if it could not be read."""
    certificate_name: str
    """The file's name as the policy gives it."""
    images: tuple[str, ...] = ("*",)
    """Globs over manifest names."""
    roles: tuple[str, ...] = ROLES
    not_before: int | None = None
    """Unix seconds; signatures made earlier do not count."""
    not_after: int | None = None
    """Unix seconds; later nothing of this signer counts, whenever it was made."""
    unread: str | None = None
    """Why the certificate file could not be read."""

    @property
    def pin(self) -> Pin:
        """Return the key that is meant."""
        return Pin.parse(self.fingerprint)

    def covers(self, image: str) -> bool:
        """Say whether this signer may sign for the manifest with this name."""
        return any(fnmatchcase(image, pattern) for pattern in self.images)


@attrs.frozen(kw_only=True)
class Policy:
    """Who may sign, and how many distinct primary keys it takes."""

    threshold: int
    signers: tuple[Signer, ...]
    document: str
    """File name of the policy as the user gave it."""
    strict_all: bool = False
    """Whether one bad signature by anybody listed fails the whole verification (S17)."""
    min_rsa_bits: int = MIN_RSA_BITS
    """Of the key that signed and of its primary key (S11)."""


def parse(text: bytes, *, document: str, read: Callable[[str], bytes]) -> Policy:
    """Read trust.toml; `read` gives the octets of a certificate by its name in the document.

    A HostError or ValueError of `read` is remembered as why the signer cannot be judged.
    """
    table = toml.parse(text, document=document)
    rows = table.tables("signer")
    signers: dict[str, Signer] = {}
    for row in rows:
        signer = _signer(row, read)
        if signer.fingerprint in signers:
            raise row.error("fingerprint", f"{signer.fingerprint} is listed twice")
        signers[signer.fingerprint] = signer
    threshold = table.integer("threshold", 1, minimum=1)
    if threshold > len(signers):
        problem = f"{threshold} distinct keys asked for, {len(signers)} listed"
        raise table.error("threshold", problem)
    policy = Policy(
        threshold=threshold,
        signers=tuple(signers.values()),
        document=document,
        strict_all=table.boolean("strict-all", default=False),
        min_rsa_bits=table.integer("min-rsa-bits", MIN_RSA_BITS, minimum=MIN_RSA_BITS),
    )
    table.end()
    return policy


def _signer(row: Table, read: Callable[[str], bytes]) -> Signer:
    name = row.string("certificate")
    certificate, unread = b"", None
    try:
        certificate = read(name)
    except HostError as error:
        unread = f"cannot read {name!r}: {error.problem}"
    except ValueError as error:
        unread = f"cannot read {name!r}: {error}"
    signer = Signer(
        fingerprint=row.converted("fingerprint", pinned_key),
        certificate=certificate,
        certificate_name=name,
        images=row.strings("images", ("*",)),
        roles=row.convert_all("roles", row.strings("roles", ROLES), _role),
        not_before=row.time("not-before"),
        not_after=row.time("not-after"),
        unread=unread,
    )
    row.end()
    return signer


def _role(text: str) -> str:
    if text not in ROLES:
        raise ValueError(f"unknown role {text!r}; known: {', '.join(ROLES)}")
    return text
