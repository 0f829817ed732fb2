"""What a registry wants to know: the WWW-Authenticate header (RFC 9110, 11.6.1).

Registries ask for a bearer token, to be had from a `realm` (distribution's token
authentication specification), or for a name and a password (RFC 7617).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import urlencode, urlsplit, urlunsplit

import attrs

MAX_HEADER = 16 * 1024
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(
    rf"(?P<key>{_WORD})[ \t]*=[ \t]*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<token>{_WORD}))"
)
_SCHEME = re.compile(rf"(?P<scheme>{_WORD})(?:[ \t]+(?![ \t]*=)|\Z|(?=,))")
_GAP = re.compile(r"[ \t]*,?[ \t]*")
_ESCAPED = re.compile(r"\\(.)")


@attrs.frozen
class Challenge:
    """One way to authenticate that a server accepts."""

    scheme: str
    """In lower case: `bearer`, `basic`."""
    parameters: Mapping[str, str]
    """By their names in lower case."""


def parse(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header as far as it can be read."""
    if len(header) > MAX_HEADER:
        return ()
    return tuple(_challenges(header))


def _challenges(header: str) -> Iterator[Challenge]:
    position = 0
    while found := _SCHEME.match(header, position):
        position = found.end()
        parameters: dict[str, str] = {}
        while pair := _PARAMETER.match(header, _after_gap(header, position)):
            quoted = pair["quoted"]
            text = pair["token"] if quoted is None else _ESCAPED.sub(r"\1", quoted)
            parameters.setdefault(pair["key"].lower(), text)
            position = pair.end()
        yield Challenge(found["scheme"].lower(), MappingProxyType(parameters))
        position = _after_gap(header, position)


def _after_gap(header: str, position: int) -> int:
    gap = _GAP.match(header, position)
    return gap.end() if gap else position


def scopes(challenge: Challenge, wanted: str) -> tuple[str, ...]:
    """Return what a token is asked for: what the registry names, and what is wanted besides."""
    named = challenge.parameters.get("scope", "").split()
    return tuple(dict.fromkeys((*named, *wanted.split())))


def token_url(challenge: Challenge, wanted: str) -> str | None:
    """Return where a bearer token for what is `wanted` is to be had, or None if nobody says."""
    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    if not usable:
        return None
    service = challenge.parameters.get("service")
    asked = [] if service is None else [("service", service)]
    asked += [("scope", scope) for scope in scopes(challenge, wanted)]
    query = "&".join(part for part in (parts.query, urlencode(asked)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
