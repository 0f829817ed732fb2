"""What stands before any script: essential directories, generated files, bounds of paths."""

from __future__ import annotations

from collections.abc import Mapping

from imagesmith.model.tree import Directory, Entry, Symlink

GENERATED = {
    "/etc/group": "accounts are generated",
    "/etc/gshadow": "accounts are generated",
    "/etc/passwd": "accounts are generated",
    "/etc/shadow": "accounts are generated",
    "/etc/ld.so.cache": "made by the ld-so-cache option",
}
"""Files that an image gets in another way, and which; no script writes them."""

_STANDARD = (
    "/boot /dev /etc /etc/alternatives /etc/default /etc/profile.d /etc/skel /home /proc /run "
    "/sys /usr /usr/bin /usr/games /usr/include /usr/lib /usr/sbin /usr/share /usr/share/doc "
    "/usr/share/info /usr/share/man /usr/share/misc /usr/src /var /var/backups /var/cache "
    "/var/lib /var/lib/misc /var/log /var/spool"
)
ESSENTIAL: Mapping[str, Entry] = {
    **dict.fromkeys(_STANDARD.split(), Directory()),
    **{f"/{name}": Symlink(target=f"usr/{name}") for name in ("bin", "lib", "sbin")},
    "/root": Directory(mode=0o700),
    "/tmp": Directory(mode=0o1777),  # noqa: S108 - a path inside the image
    "/var/tmp": Directory(mode=0o1777),  # noqa: S108 - the same
}
"""Where every package may put something: what base-files and dpkg ship, which nobody depends on."""
PATH_MAX = 4095
"""Bytes of a path (linux/limits.h)."""
MAX_DEPTH = 100
"""Directories within each other that scripts may make; the kernel has no such bound."""
