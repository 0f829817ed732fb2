"""The host's apt sources, from their text: where it looks for which suite.

Reads both forms of sources.list(5).  Nothing here can change an image: a mirror
is only a place to look, so what cannot be understood is skipped, as this is the
host's document and not ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import attrs

from imagesmith.errors import DocumentError
from imagesmith.sources.debian import deb822

_LINE = re.compile(r"deb[ \t]+(?:\[([^\]]*)\][ \t]*)?([^\s\[]+)[ \t]+(\S+)((?:[ \t]+\S+)*)[ \t]*\Z")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+\Z")
_SCHEMES = ("http:", "https:", "file:")
_POCKET = re.compile(r"(-security|/updates)?(-(updates|proposed-updates|backports(-sloppy)?))?\Z")
"""What Debian appends to a release's name, the older security spelling included."""
_RELEASES = re.compile(
    r"(buster|bullseye|bookworm|trixie|forky|duke|sid|experimental|rc-buggy"
    r"|(old)*stable|testing|unstable)\Z"
)
"""Debian's own suites: an archive that has one of them may have the others."""


@attrs.frozen
class AptSource:
    """One place for binary packages."""

    uri: str
    """The archive's base, without a slash at the end."""
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: tuple[str, ...] = ()
    """Paths of keyrings and fingerprints; a key written into the file stands as its armour."""


def parse_list(text: str) -> tuple[AptSource, ...]:
    """Read the one-line form, `sources.list` and `*.list`."""
    entries: list[AptSource] = []
    for line in text.splitlines():
        match = _LINE.match(line.partition("#")[0].strip())
        if match is None or not _URI.match(match[2]):
            continue
        options = dict(option.partition("=")[::2] for option in (match[1] or "").split())
        signed_by = tuple(filter(None, options.get("signed-by", "").split(",")))
        components = tuple((match[4] or "").split())
        entries.append(AptSource(match[2].rstrip("/"), (match[3],), components, signed_by))
    return tuple(entries)


def parse_sources(text: str) -> tuple[AptSource, ...]:
    """Read the deb822 form, `*.sources`; one entry for each URI of each stanza."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    entries: list[AptSource] = []
    for stanza in deb822.stanzas("\n".join(lines).encode(errors="surrogateescape")):
        try:
            fields = deb822.fields(stanza, document="", place="")
        except DocumentError:
            continue
        if "deb" in fields.get("types", "").split() and _enabled(fields.get("enabled", "yes")):
            suites, components = (
                tuple(fields.get(n, "").split()) for n in ("suites", "components")
            )
            signed_by = _signed_by(fields.get("signed-by", ""))
            uris = (uri for uri in fields.get("uris", "").split() if _URI.match(uri) and suites)
            entries += (AptSource(uri.rstrip("/"), suites, components, signed_by) for uri in uris)
    return tuple(entries)


def mirrors(entries: Sequence[AptSource], suite: str) -> tuple[str, ...]:
    """Return the base URIs to look for `suite` at, best first.

    First the entries that list the suite, then those of the same archive: of the
    same release, or for a Debian suite of any Debian release, security kept apart.
    """
    usable = [entry for entry in entries if entry.uri.startswith(_SCHEMES)]
    listed = [entry.uri for entry in usable if suite in entry.suites]
    related = [entry.uri for entry in usable if _share_archive(suite, entry.suites)]
    return tuple(dict.fromkeys((*listed, *related)))


def _share_archive(suite: str, others: Iterable[str]) -> bool:
    name, security = _pocket(suite)
    return any(
        security == other_security
        and (name == other or (_RELEASES.match(name) and _RELEASES.match(other)))
        for other, other_security in map(_pocket, others)
    )


def _pocket(suite: str) -> tuple[str, bool]:
    """Return the release that `suite` belongs to, and whether it is its security archive."""
    match = _POCKET.search(suite)
    assert match is not None  # it matches the empty string
    return suite[: match.start()], match[1] is not None


def _enabled(value: str) -> bool:
    return value.lower() not in ("no", "false", "without", "off", "disable", "0")


def _signed_by(value: str) -> tuple[str, ...]:
    if "-----BEGIN" in value:
        lines = (line.strip() for line in value.strip().split("\n"))
        return ("\n".join("" if line == "." else line for line in lines) + "\n",)
    return tuple(re.split(r"[\s,]+", value.strip())) if value.strip() else ()
