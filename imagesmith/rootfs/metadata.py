"""What an image says about itself: distribution and licences.

Scanners read /etc/os-release and /etc/debian_version; licences oblige whoever
ships a binary to ship its copyright file.  All of it comes from the packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imagesmith.errors import PathNotFound
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Directory
from imagesmith.rootfs.overlay import Overlay
from imagesmith.trace.closure import Reason

COPYRIGHT = "/usr/share/doc/{}/copyright"
"""Where a package says who may copy it (Debian policy 12.5)."""
OS_RELEASE = ("/etc/os-release", "/etc/debian_version")


def os_release(overlay: Overlay) -> Mapping[str, Reason]:
    """Return the paths that identify the distribution, links included."""
    paths: dict[str, Reason] = {}
    for wanted in OS_RELEASE:
        found = resolve(overlay.tree, wanted)
        if not isinstance(found, Found):
            hint = "add base-files to names, or set os-release = false under [rootfs]"
            raise PathNotFound(path=wanted, what="distribution file", hint=hint)
        paths |= {path: Reason("os-release", None) for path in (*found.links, found.path)}
    return paths


def licences(overlay: Overlay, shipped: Iterable[str]) -> Mapping[str, Reason]:
    """Return the copyright files of every package that ships one of the paths `shipped`.

    `/usr/share/doc/PACKAGE` may be a link into another package (Debian policy
    12.5); the link is followed and shipped, so that no licence text dangles.
    """
    paths: dict[str, Reason] = {}
    for package in shipping(overlay, shipped):
        found = resolve(overlay.tree, COPYRIGHT.format(package))
        if isinstance(found, Found):
            reason = Reason("licence", None, package)
            paths |= {path: reason for path in (*found.links, found.path) if path not in paths}
    return paths


def unlicensed(overlay: Overlay, shipped: Iterable[str]) -> tuple[str, ...]:
    """Return a warning for every package of `licences` that has no copyright file."""
    return tuple(
        f"{package}: no copyright file among the packages"
        for package in shipping(overlay, shipped)
        if not isinstance(resolve(overlay.tree, COPYRIGHT.format(package)), Found)
    )


def shipping(overlay: Overlay, shipped: Iterable[str]) -> tuple[str, ...]:
    """Return the packages that ship a file or link among the paths `shipped`, sorted."""
    owners = (
        overlay.owners.get(path, ())
        for path in shipped
        if not isinstance(overlay.tree.entry(path), Directory)
    )
    return tuple(sorted({package for several in owners for package in several}))
