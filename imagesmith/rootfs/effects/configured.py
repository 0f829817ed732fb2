"""What configuring packages leaves behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from imagesmith.rootfs.effects.accounts import Accounts
from imagesmith.rootfs.effects.ledger import Ledger
from imagesmith.rootfs.overlay import Overlay


@attrs.frozen
class Origin:
    """Where a package comes from."""

    source: str
    """Name of its source package."""
    built: int
    """Seconds since 1970."""


@attrs.frozen(kw_only=True)
class Configured:
    """Packages as their maintainer scripts leave them."""

    overlay: Overlay
    accounts: Accounts = attrs.field(factory=Accounts)
    ledgers: tuple[Ledger, ...] = ()
    """One for every script, in the order they were read."""
    origins: Mapping[str, Origin] = attrs.field(factory=dict)
    """By the name of each package."""

    def lacking(self, packages: Collection[str]) -> tuple[Ledger, ...]:
        """Return the ledgers of some packages in which something is left out."""
        return tuple(each for each in self.ledgers if each.skipped and each.package in packages)
