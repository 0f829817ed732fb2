"""The trust policy: trust.toml as a value (DESIGN.md §1, openpgp.md S3 and S4).

Says who may sign what, and how many of them it takes.  Certificates are read
here and judged later: one that cannot be used is a finding about its signer,
not an error of the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.table import Table

ROLES = ("manifest", "rebuild")

_FINGERPRINT = re.compile(r"[0-9a-fA-F]{40}\Z")


@attrs.frozen(kw_only=True)
class Signer:
    """One primary key that may sign."""

    fingerprint: str
    """Of the primary key: 40 lower-case hexadecimal digits."""
    certificate: bytes = attrs.field(repr=False)
    """The certificate file, armoured or binary."""
    certificate_name: str
    """The file's name as the policy gives it."""
    images: tuple[str, ...] = ("*",)
    """Globs over manifest names."""
    roles: tuple[str, ...] = ROLES
    not_before: int | None = None
    """Unix seconds; signatures made earlier do not count."""
    not_after: int | None = None
    """Unix seconds; later nothing of this signer counts, whenever it was made."""

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


def parse(text: bytes, *, document: str, read: Callable[[str], bytes]) -> Policy:
    """Read trust.toml; `read` gives the octets of a certificate by its name in the document."""
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
    table.end()
    return Policy(threshold=threshold, signers=tuple(signers.values()), document=document)


def _signer(row: Table, read: Callable[[str], bytes]) -> Signer:
    name = row.string("certificate")
    try:
        certificate = read(name)
    except (OSError, ValueError) as error:
        raise row.error("certificate", f"cannot read {name!r}: {error}") from error
    signer = Signer(
        fingerprint=row.converted("fingerprint", _fingerprint),
        certificate=certificate,
        certificate_name=name,
        images=row.strings("images", ("*",)),
        roles=row.convert_all("roles", row.strings("roles", ROLES), _role),
        not_before=row.time("not-before"),
        not_after=row.time("not-after"),
    )
    row.end()
    return signer


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.match(text):
        raise ValueError(f"expected 40 hexadecimal digits, got {text!r}")
    return text.lower()


def _role(text: str) -> str:
    if text not in ROLES:
        raise ValueError(f"unknown role {text!r}; known: {', '.join(ROLES)}")
    return text
