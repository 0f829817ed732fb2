"""What was read off one maintainer script: done here, not needed, or left out."""

from __future__ import annotations

import attrs

from imagesmith.model.digest import Digest


@attrs.frozen
class Note:
    """One command of a script, and what there is to say of it."""

    line: int
    text: str
    """The command as it is written, on one line."""
    about: str

    def __str__(self) -> str:
        """Return the note on one line."""
        return f"line {self.line}: {self.text}: {self.about}"


@attrs.frozen(kw_only=True)
class Ledger:
    """One script as dpkg calls it when a package is installed for the first time."""

    package: str
    script: str
    """`preinst` or `postinst`."""
    digest: Digest
    reproduced: tuple[Note, ...] = ()
    """In the tree, or among the accounts."""
    inert: tuple[Note, ...] = ()
    """Changes nothing that an image keeps, and why."""
    skipped: tuple[Note, ...] = ()
    """Left out, and why; somebody has to know of it."""
