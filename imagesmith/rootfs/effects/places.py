"""Places below which nothing that a script leaves is part of an image, and why.

A directory made there is made all the same: runtimes mount over some of them
only.  What is written there in a way nobody can know is not missed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

REASONS = {
    "/dev": "the kernel's",
    "/proc": "the kernel's",
    "/sys": "the kernel's",
    "/run": "empty whenever a system starts",
    "/var/run": "empty whenever a system starts",
    "/tmp": "temporary",  # noqa: S108 - a path inside the image
    "/var/tmp": "temporary",  # noqa: S108 - a path inside the image
    "/var/lib/dpkg": "package management's own",
    "/var/lib/apt": "package management's own",
    "/var/lib/ucf": "package management's own",
    "/var/lib/systemd": "the service manager's",
    "/var/log": "logs are written anew",
    "/var/cache": "made again when it is not there",
    "/etc/ca-certificates.conf": "only update-ca-certificates reads it",
    "/etc/ca-certificates.conf.dpkg-new": "only update-ca-certificates reads it",
    "/etc/ca-certificates.conf.dpkg-old": "nobody reads it",
    "/etc/ssl/certs": "made by the ca-bundle option",
}


def reason(words: Iterable[str]) -> str:
    """Return why no path among some words is part of an image; empty if one is, or there is none.

    Paths may end in what is not known; `..` is not taken to be part of that.
    """
    found = [_reason(path) for path in words if path.startswith("/") or "\0" in path]
    return found[0] if found and all(found) else ""


def _reason(path: str) -> str:
    known, unknown, _ = path.partition("\0")
    if not known.startswith("/"):
        return ""
    here = posixpath.normpath(known)
    if unknown and not known.endswith("/"):
        here = posixpath.dirname(here)
    while here != "/":
        if here in REASONS:
            return REASONS[here]
        here = posixpath.dirname(here)
    return ""
