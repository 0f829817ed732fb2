"""Where an image lies: `HOST[:PORT]/NAME[:TAG][@DIGEST]`.

The grammar is distribution's (reference.go).  A host is always named: there is
no registry that everybody means.
"""

from __future__ import annotations

import re

import attrs

from imagesmith.errors import UsageError
from imagesmith.model.digest import Digest

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    r"(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)"
    rf"/(?P<name>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]+){3}|\[::1\])(?::[0-9]+)?")
MAX_NAME = 255
LATEST = "latest"


@attrs.frozen(kw_only=True)
class ImageName:
    """A place in a registry."""

    host: str
    """With the port, if one is named."""
    name: str
    """The repository."""
    tag: str | None = None
    digest: Digest | None = None

    @property
    def reference(self) -> str:
        """What its manifest is asked for by: the digest, or else the tag."""
        return str(self.digest) if self.digest else self.tag or LATEST

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where nobody listens between."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        """Return the spelling people know."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.name}{tag}{digest}"


def parse(text: str) -> ImageName:
    """Read a place in a registry; UsageError says how it is spelled."""
    found = _NAME.fullmatch(text.removeprefix("docker://"))
    if found is None or not _is_host(found["host"]) or len(found["name"]) > MAX_NAME:
        raise UsageError(
            problem=f"{text!a}: not a place in a registry",
            hint="write it like registry.example.org/team/app:1.4.2, host included",
        )
    digest = Digest.parse(found["digest"]) if found["digest"] else None
    tag = found["tag"] or (None if digest else LATEST)
    return ImageName(host=found["host"], name=found["name"], tag=tag, digest=digest)


def expect(place: ImageName, digest: Digest) -> None:
    """Raise UsageError if a place names another digest than that of what goes there."""
    if place.digest not in (None, digest):
        raise UsageError(
            problem=f"{place}: what would go there has the digest {digest}",
            hint="name the tag alone; the digest is what it is",
        )


def is_loopback(host: str) -> bool:
    """Say whether a host, with a port or without, is this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def _is_host(text: str) -> bool:
    """Say whether a first component is a host and not the start of a name."""
    return "." in text or ":" in text or text == "localhost"
