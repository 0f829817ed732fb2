"""What archives said before, so that nothing old is passed off as new (openpgp.md S31).

The store remembers, for each suite and each key of its archive, the newest release
file that a lock relied on, and for each package of an archive which bytes its version
had when it was first locked.  Both trust the first sight, and no build needs either.
A key is held to its own words only: nobody who signs one archive can make a store
refuse another.  A release file that a manifest names by its digest is not asked
about: it is as old as the manifest says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial

import attrs

from imagesmith.build.effects import Effects
from imagesmith.errors import DocumentError, IntegrityError, SignatureError
from imagesmith.model import canonical
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.sources.debian.packages import Package

RELEASES = "releases"
"""Kind of memory: for a suite, a line `KEY DATE DIGEST` for each primary key that signed it."""
PACKAGES = "packages"
"""Kind of memory: a line `NAME VERSION ARCHITECTURE SHA256` for each package of an archive."""

HINT = (
    "the mirror is behind, or replays an old archive: try another one; "
    "if going back is intended: --allow-rollback"
)
_LINES = {
    RELEASES: re.compile(r"([0-9a-f]{40}) ([0-9]{1,12} sha256:[0-9a-f]{64})\Z"),
    PACKAGES: re.compile(r"(\S+ \S+ \S+) ([0-9a-f]{64})\Z"),
}
"""What was seen, and what of it is remembered."""


@attrs.frozen(kw_only=True)
class Sighting:
    """A release file that a mirror gave: what of it is compared, and then remembered."""

    document: str
    archive: tuple[str, str]
    """`Origin` and `Label`."""
    suites: tuple[str, ...]
    """Its codename, and the suite asked for: `stable` becomes another codename one day."""
    signers: tuple[str, ...]
    """Fingerprints of the pinned primary keys that signed it."""
    date: int
    """Seconds since 1970."""
    digest: Digest
    """Of the text that is signed."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What of it is remembered under."""
        return tuple(canonical.to_bytes((*self.archive, each)).decode() for each in self.suites)


def judge(found: Sighting, effects: Effects, *, rollback: bool) -> None:
    """Refuse a release file that is older than another by one of its keys, seen before.

    With `rollback` it passes with a warning.  Another text of the same date is worth a
    warning only: it cannot be told which of them is the older.
    """
    known = [
        seen.split()
        for key in found.keys
        for signer, seen in _recalled(RELEASES, key, effects).items()
        if signer in found.signers
    ]
    if not known:
        suite = " ".join((*found.archive, *found.suites[:1]))
        effects.note(f"{found.document}: the first of {suite} that this store sees")
        return
    dated, newest = f"dated {rfc3339(found.date)}", max(int(date) for date, _ in known)
    if found.date < newest:
        problem = f"{dated}, older than one this store has seen, dated {rfc3339(newest)}"
        refuse_rollback(found.document, problem, effects, rollback=rollback)
    elif any(int(date) == found.date and text != str(found.digest) for date, text in known):
        problem = f"{dated}, as one this store has seen, and says something else"
        effects.warn(f"{found.document}: {problem}")


def remember(found: Sighting, effects: Effects) -> None:
    """Remember a release file that a lock relied on, if it is newer than what is known."""
    for key in found.keys:
        effects.store.remember(RELEASES, key, partial(_advanced, found, key, effects))


def _advanced(found: Sighting, key: str, effects: Effects, before: bytes | None) -> bytes:
    known = _rows(RELEASES, key, before, effects)
    for signer in found.signers:
        date = int(known.get(signer, "-1").split()[0])
        if found.date > date:
            known[signer] = f"{found.date} {found.digest}"
    return _lines(known)


def refuse_rollback(document: str, problem: str, effects: Effects, *, rollback: bool) -> None:
    """Raise SignatureError; or warn, where `rollback` allows it."""
    if not rollback:
        raise SignatureError(document=document, problem=problem, hint=HINT)
    effects.warn(f"{document}: {problem}; accepted, as --allow-rollback asks")


def packages(archive: str, found: Iterable[Package], effects: Effects, *, rollback: bool) -> None:
    """Refuse packages of an archive whose version had other bytes before; remember new ones.

    With `rollback` they pass with a warning, and what they are now is remembered.
    """

    def change(before: bytes | None) -> bytes:
        known = _rows(PACKAGES, archive, before, effects)
        for package in found:
            key = f"{package.name} {package.version} {package.architecture}"
            first = known.setdefault(key, package.digest.hex)
            if first != package.digest.hex:
                _exchanged(
                    f"{key} of {archive}", first, package.digest.hex, effects, rollback=rollback
                )
                known[key] = package.digest.hex
        return _lines(known)

    effects.store.remember(PACKAGES, archive, change)


def _exchanged(what: str, first: str, now: str, effects: Effects, *, rollback: bool) -> None:
    expected, got = f"sha256:{first} as when it was first locked here", f"sha256:{now}"
    if not rollback:
        raise IntegrityError(
            what=what,
            expected=expected,
            got=got,
            hint="an archive does not change a version it has published: ask it, or find out "
            "who else goes by its name; if the new one is right: --allow-rollback",
        )
    effects.warn(f"{what}: expected {expected}, got {got}; accepted, as --allow-rollback asks")


def _recalled(kind: str, key: str, effects: Effects) -> Mapping[str, str]:
    return _rows(kind, key, effects.store.recall(kind, key), effects)


def _rows(kind: str, key: str, content: bytes | None, effects: Effects) -> dict[str, str]:
    """Read what is remembered of `key`; DocumentError if another program wrote it."""
    found: dict[str, str] = {}
    lines = (content or b"").decode(errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        match = _LINES[kind].match(line)
        if match is None:
            raise DocumentError(
                document=str(effects.store.layout.memory(kind, key)),
                place=f"line {number}",
                problem="not written by this version",
                hint="if you remove the file, what it guards against is forgotten",
            )
        found[match[1]] = match[2]
    return found


def _lines(rows: Mapping[str, str]) -> bytes:
    return "".join(f"{what} {seen}\n" for what, seen in sorted(rows.items())).encode()
