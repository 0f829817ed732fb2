"""Rollback: an old manifest passed off as the current one (DESIGN.md §1, `serial`).

Its signatures stay good, so only somebody who remembers can notice.  Of each name
the highest serial that was accepted is remembered, and a lower one is refused, as
TUF's clients do with versions.  Promises that nothing lowers what is remembered.
Who signed was judged by `trusted`; where a `Seen` is kept is left to the caller.
"""

from __future__ import annotations

import attrs

from imagesmith.errors import SignatureError
from imagesmith.manifest import table as toml
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.trust.attribution import CLOCK_SKEW
from imagesmith.trust.trusted import TrustedManifest

KIND = "accepted"
"""The kind of memory in which `Seen` is kept, by the name of the manifest."""

_WAYS = (
    "get the newer manifest; --allow-rollback takes the old one for this run; "
    "if this is another image, give it another name, or name another store"
)


@attrs.frozen(kw_only=True)
class Seen:
    """The highest serial of a name that was accepted."""

    serial: int
    manifest: Digest
    accepted: int
    """When this serial was accepted first, seconds since 1970."""

    def to_bytes(self) -> bytes:
        """Write what `parse` reads."""
        lines = (
            f"serial = {self.serial}",
            f'manifest = "{self.manifest}"',
            f"accepted = {rfc3339(self.accepted)}",
        )
        return "".join(f"{line}\n" for line in lines).encode()


def parse(text: bytes, *, document: str) -> Seen:
    """Read what was remembered; DocumentError names the key that is wrong."""
    root = toml.parse(text, document=document)
    accepted = root.time("accepted")
    if accepted is None:
        raise root.error("accepted", "missing; expected a date-time")
    seen = Seen(
        serial=root.integer("serial", minimum=1),
        manifest=root.converted("manifest", Digest.parse),
        accepted=accepted,
    )
    root.end()
    return seen


def judge(
    found: TrustedManifest,
    seen: Seen | None,
    *,
    document: str,
    now: int,
    allowed: bool = False,
) -> tuple[str, ...]:
    """Return what is odd about accepting `found` at `now`, after `seen`.

    A lower serial is a SignatureError, and odd only if it is `allowed`.
    """
    if seen is None:
        return ()
    order = _order(found, seen, document, allowed=allowed)
    odd = (order, _clock(seen, now, found.manifest.name))
    return tuple(f"{document}: {each}" for each in odd if each)


def _order(found: TrustedManifest, seen: Seen, document: str, *, allowed: bool) -> str:
    name, serial = found.manifest.name, found.manifest.serial
    accepted = f"accepted here at {rfc3339(seen.accepted)}"
    if serial > seen.serial or found.digest == seen.manifest:
        return ""
    if serial == seen.serial:
        two = f"{seen.manifest}, {accepted}, and {found.digest}, used now"
        return f"two manifests are serial {serial} of {name}: {two}"
    problem = f"serial {serial} of {name} is older than serial {seen.serial}, {accepted}"
    if not allowed:
        raise SignatureError(document=document, problem=problem, hint=_WAYS)
    meaning = "what was mended since is broken again"
    return f"{problem}: {meaning}; serial {seen.serial} stays remembered"


def _clock(seen: Seen, now: int, name: str) -> str:
    """Notice a clock that goes back, which would make good again what has expired."""
    if seen.accepted <= now + CLOCK_SKEW:
        return ""
    before = f"{rfc3339(seen.accepted)}, when serial {seen.serial} of {name} was accepted here"
    wrong = "nothing can be judged by a wrong clock"
    return f"the clock says {rfc3339(now)}, which is before {before}: {wrong}"


def advance(found: TrustedManifest, seen: Seen | None, *, now: int) -> Seen | None:
    """Return what to remember once `found` was accepted at `now`, or None to leave `seen`."""
    if seen is not None and found.manifest.serial <= seen.serial:
        return None
    return Seen(serial=found.manifest.serial, manifest=found.digest, accepted=now)
