"""What a maintainer script finds and changes: files, accounts, links, diversions.

A branch that may not be taken works on a copy, so that what it would do can be
told without being done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from imagesmith.model.arch import Arch
from imagesmith.rootfs.effects import alternatives
from imagesmith.rootfs.effects.accounts import Registry
from imagesmith.rootfs.effects.filesystem import Filesystem

Compare = Callable[[str, str], int]
"""The order of two Debian versions: negative, zero or positive."""


UMASK = 0o022
"""dpkg's, when it runs a script."""


@attrs.frozen
class Diversion:
    """Where a path lies for every package but one (dpkg-divert(1))."""

    target: str
    package: str
    """Empty for a local one, which diverts every package's."""


@attrs.frozen(kw_only=True)
class Machine:
    """What does not change while packages are configured."""

    arch: Arch
    versions: Mapping[str, str]
    """Of the packages that are there, by name."""
    read: Callable[[str], bytes]
    """The content of the regular file at a real path of the packages' tree."""
    compare: Compare
    ca_bundle: bool
    """Whether the image gets a bundle of the certificates there are."""


@attrs.define(kw_only=True)
class World:
    """One moment while packages are configured."""

    machine: Machine
    files: Filesystem
    accounts: Registry = attrs.field(factory=Registry)
    alternatives: alternatives.Groups = attrs.field(factory=dict)
    diversions: dict[str, Diversion] = attrs.field(factory=dict)
    """By merged path."""
    package: str = ""
    """Whose script is being read."""
    script: str = ""
    """`preinst` or `postinst`."""
    is_bash: bool = False
    """Whether that script is written for bash."""
    umask: int = UMASK

    def copy(self) -> World:
        """Return a world that changes by itself."""
        return attrs.evolve(
            self,
            files=self.files.copy(),
            accounts=self.accounts.copy(),
            alternatives=dict(self.alternatives),
            diversions=dict(self.diversions),
        )

    def moment(self) -> object:
        """Return what differs once an image could show that something was changed."""
        return (
            self.umask,
            self.files.directory,
            len(self.files.touched),
            tuple(self.accounts.users.values()),
            tuple(self.accounts.groups.values()),
            tuple(self.diversions.items()),
        )

    def text(self, path: str, *, limit: int) -> str | None:
        """Return what a file says; None if it is none, is too long, or is no text."""
        from imagesmith.model.tree import File  # the only entry that says anything

        here = self.files.real(path)
        entry = None if here in self.files.blurred else self.files.at(path)
        if here is None or not isinstance(entry, File) or entry.size > limit:
            return None
        content = entry.content if isinstance(entry.content, bytes) else self._shipped(here, entry)
        return (
            None
            if content is None or b"\0" in content
            else content.decode("utf-8", "surrogateescape")
        )

    def _shipped(self, here: str, entry: object) -> bytes | None:
        """Read a packed file where the packages have it: scripts may have moved or copied it."""
        if self.files.below.get(here) == entry:
            return self.machine.read(here)
        origin = next((path for path, known in self.files.below.items() if known == entry), None)
        return None if origin is None else self.machine.read(origin)
