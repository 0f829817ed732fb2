"""What archives said before, so that nothing old is passed off as new (openpgp.md S31).

The store remembers, for each suite, the newest release file that was accepted,
and for each package of an archive which bytes its version had when it was first
locked.  Both trust the first sight, and no build needs either.  A release file
that a manifest names by its digest is not asked about: it is as old as the
manifest says.
"""

from __future__ import annotations

from collections.abc import Iterable

from imagesmith.build.effects import Effects
from imagesmith.errors import IntegrityError, SignatureError
from imagesmith.model import canonical
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.sources.debian.packages import Package
from imagesmith.sources.debian.release import Release

RELEASES = "releases"
"""Kind of memory: `DATE DIGEST` of the newest accepted release file of a suite."""
PACKAGES = "packages"
"""Kind of memory: a line `NAME VERSION ARCHITECTURE SHA256` for each package of an archive."""

HINT = (
    "the mirror is behind, or replays an old archive: try another one; "
    "if going back is intended: --allow-rollback"
)


def release(
    found: Release, text: bytes, document: str, effects: Effects, *, rollback: bool
) -> None:
    """Refuse a fetched release file older than one seen before; remember the newest.

    With `rollback` it passes with a warning and is not remembered.  Another text of the same
    date is worth a warning only: it cannot be told which of them is the older.
    """
    suite = (found.origin, found.label, found.codename or found.suite)
    mine = f"{found.date} {Digest.of(text)}\n".encode()

    def change(before: bytes | None) -> bytes | None:
        if before is None:
            effects.note(f"{document}: the first of {' '.join(suite)} that this store sees")
            return mine
        date = int(before.split()[0])
        if found.date > date:
            return mine
        dated = f"dated {rfc3339(found.date)}"
        if found.date < date:
            problem = f"{dated}, older than one this store has seen, dated {rfc3339(date)}"
            refuse_rollback(document, problem, effects, rollback=rollback)
        elif before != mine:
            effects.warn(f"{document}: {dated}, as one this store has seen, and says something else")
        return None

    effects.store.remember(RELEASES, canonical.to_bytes(suite).decode(), change)


def refuse_rollback(document: str, problem: str, effects: Effects, *, rollback: bool) -> None:
    """Raise SignatureError; or warn, where `rollback` allows it."""
    if not rollback:
        raise SignatureError(document=document, problem=problem, hint=HINT)
    effects.warn(f"{document}: {problem}; accepted, as --allow-rollback asks")


def packages(origin: str, found: Iterable[Package], effects: Effects, *, rollback: bool) -> None:
    """Refuse packages of an archive whose version had other bytes before; remember new ones.

    With `rollback` they pass with a warning, and what they are now is remembered.
    """

    def change(before: bytes | None) -> bytes | None:
        rows = (line.rpartition(" ") for line in (before or b"").decode().splitlines())
        known = {key: digest for key, _, digest in rows}
        for package in found:
            key = f"{package.name} {package.version} {package.architecture}"
            first = known.setdefault(key, package.digest.hex)
            if first != package.digest.hex:
                _exchanged(
                    f"{key} of {origin}", first, package.digest.hex, effects, rollback=rollback
                )
                known[key] = package.digest.hex
        return "".join(f"{key} {digest}\n" for key, digest in sorted(known.items())).encode()

    effects.store.remember(PACKAGES, origin, change)


def _exchanged(what: str, first: str, now: str, effects: Effects, *, rollback: bool) -> None:
    expected, got = f"sha256:{first} as when it was first locked here", f"sha256:{now}"
    if not rollback:
        raise IntegrityError(
            what=what,
            expected=expected,
            got=got,
            hint="an archive does not change a version it has published: ask it; "
            "if the new one is right: --allow-rollback",
        )
    effects.warn(f"{what}: expected {expected}, got {got}; accepted, as --allow-rollback asks")
