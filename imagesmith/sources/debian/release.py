"""The Release file: a suite's signed list of its indexes.

Promises: strict reading of text whose signature `trust` has verified, SHA256
only, and the checks that make it the answer to what was asked: right suite,
not from the future, not expired.  Format: Debian's repository format, section
"Release files".  Leaves rollback (an older Release than one seen before) to
whoever remembers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import attrs

from imagesmith.errors import DocumentError, SignatureError
from imagesmith.model.digest import Digest
from imagesmith.sources.debian import deb822

SKEW = 30 * 60
"""Seconds that clocks may differ by."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{{1,2}}) ({'|'.join(_MONTHS)}) ([12]\d{{3}})"
    r" (\d\d):(\d\d):(\d\d) (?:UTC|GMT|\+0000)\Z",
    re.ASCII,
)
_FILE = re.compile(r"([0-9a-f]{64})[ \t]+(0|[1-9][0-9]{0,14})[ \t]+(\S+)\Z")
_PATH = re.compile(r"(?:(?!\.\.?(?:/|\Z))[A-Za-z0-9+._:~%@=,^-]+(?:/(?!\Z)|\Z))+\Z")


@attrs.frozen
class IndexFile:
    """One file that a Release file vouches for."""

    size: int
    digest: Digest


def _sorted(files: Mapping[str, IndexFile]) -> Mapping[str, IndexFile]:
    return MappingProxyType(dict(sorted(files.items())))


@attrs.frozen(kw_only=True)
class Release:
    """What a Release file says."""

    origin: str
    label: str
    suite: str
    codename: str
    date: int
    """Seconds since 1970."""
    valid_until: int | None
    """Seconds since 1970; Debian's main suites of stable releases have none."""
    architectures: tuple[str, ...]
    components: tuple[str, ...]
    by_hash: bool
    """Whether files are also found under their digest (`by_hash_path`)."""
    files: Mapping[str, IndexFile] = attrs.field(converter=_sorted, hash=False)
    """By path relative to the Release file; the SHA256 section only."""


def parse(text: bytes, *, document: str) -> Release:
    """Read a Release file; DocumentError names `document` and the field."""
    stanzas = list(deb822.stanzas(text))
    if len(stanzas) != 1:
        problem = f"expected one stanza, got {len(stanzas)}"
        raise DocumentError(document=document, place="", problem=problem)
    fields = deb822.fields(stanzas[0], document=document, place="")
    date = _date(fields, "Date", document)
    if date is None:
        raise DocumentError(document=document, place="Date", problem="missing")
    return Release(
        origin=_line(fields, "Origin", document),
        label=_line(fields, "Label", document),
        suite=_line(fields, "Suite", document),
        codename=_line(fields, "Codename", document),
        date=date,
        valid_until=_date(fields, "Valid-Until", document),
        architectures=tuple(fields.get("architectures", "").split()),
        components=tuple(fields.get("components", "").split()),
        by_hash=fields.get("acquire-by-hash", "no") == "yes",
        files=_files(fields, document),
    )


def check(release: Release, *, suite: str, now: int, document: str) -> None:
    """Raise SignatureError unless `release` is what was asked for, at the time `now`.

    Status 4, as for a bad signature: the file reads well, and what was signed
    is not a statement about this suite, or not about today.
    """
    hint = None
    if suite not in (release.suite, release.codename):
        problem = f"expected suite {suite}, got {release.suite or '-'}/{release.codename or '-'}"
    elif release.date > now + SKEW:
        problem = f"dated {release.date - now} seconds in the future"
        hint = "check this machine's clock (date -u)"
    elif release.valid_until is not None and release.valid_until < now:
        problem = f"expired {now - release.valid_until} seconds ago"
        hint = "the mirror is behind: try another one; or check this machine's clock (date -u)"
    else:
        return
    raise SignatureError(document=document, problem=problem, hint=hint)


def packages_path(release: Release, component: str, arch: str) -> tuple[str, ...]:
    """Return the paths of a Packages index, the one to fetch first; empty if there is none."""
    stem = f"{component}/binary-{arch}/Packages"
    candidates = (f"{stem}.xz", f"{stem}.gz", stem)
    return tuple(path for path in candidates if path in release.files)


def by_hash_path(path: str, digest: Digest) -> str:
    """Return where the file at `path` lies under its digest, safe from a mirror's next update."""
    folder = path.rpartition("/")[0]
    return f"{folder}/by-hash/SHA256/{digest.hex}".removeprefix("/")


def _line(fields: Mapping[str, str], name: str, document: str) -> str:
    """Return a field of one line, or empty; people are shown these, so no line is made up."""
    text = fields.get(name.lower(), "")
    if "\n" in text:
        raise DocumentError(document=document, place=name, problem="expected one line")
    return text


def _date(fields: Mapping[str, str], name: str, document: str) -> int | None:
    text = fields.get(name.lower())
    if text is None:
        return None
    match = _DATE.match(text)
    if match is None:
        problem = f"not a date in UTC: {text[:80]!r}"
        raise DocumentError(document=document, place=name, problem=problem)
    day, month, year, *clock = match.groups()
    hour, minute, second = map(int, clock)
    number = _MONTHS.index(month) + 1
    try:
        date = datetime(int(year), number, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        problem = f"no such date: {text!r}"
        raise DocumentError(document=document, place=name, problem=problem) from None
    return int(date.timestamp())


def _files(fields: Mapping[str, str], document: str) -> dict[str, IndexFile]:
    lines = fields.get("sha256", "").split("\n")
    if lines.pop(0) or not lines:
        problem = "expected a list of digest, size and path"
        raise DocumentError(document=document, place="SHA256", problem=problem)
    files: dict[str, IndexFile] = {}
    for number, line in enumerate(lines):
        place = f"SHA256[{number}]"
        match = _FILE.match(line.strip(" \t"))
        if match is None or not _PATH.match(match[3]):
            problem = f"not digest, size and path: {line[:200]!r}"
            raise DocumentError(document=document, place=place, problem=problem)
        if match[3] in files:
            raise DocumentError(document=document, place=place, problem=f"{match[3]} again")
        files[match[3]] = IndexFile(int(match[2]), Digest(match[1]))
    return files
