"""Who somebody is to a registry: the files that docker and podman keep (containers-auth.json(5)).

`auths` holds names and passwords, or an identity token; `credHelpers` and
`credsStore` name programs that know them.  What a file says of a longer path
beats what it says of a shorter one.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from imagesmith.errors import DocumentError

TOKEN_USER = "<token>"  # noqa: S105 - what credential programs say instead of a name
MAX_FILE = 1024 * 1024

Program = Callable[[str, str], Mapping[str, Any] | None]
"""Asks `docker-credential-NAME` for what it knows of a host; None if that is nothing."""


@attrs.frozen(repr=False)
class Login:
    """A name and a password, or a token that stands for both."""

    user: str
    password: str

    @property
    def is_token(self) -> bool:
        """Whether the password is an identity token (an OAuth 2 refresh token)."""
        return self.user == TOKEN_USER

    @property
    def basic(self) -> str:
        """Return the value of an Authorization header (RFC 7617)."""
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()


def find(text: bytes, host: str, name: str, *, document: str, program: Program) -> Login | None:
    """Return what a file knows of the repository `name` on `host`; DocumentError if it is broken.

    Programs come before what lies in the file, the one for this host first.
    """
    try:
        return _found(dict(json.loads(text).items()), host, name, program)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        problem = "not a file of logins as docker and podman write it"
        raise DocumentError(document=document, place="", problem=problem) from error


def _found(found: Mapping[str, Any], host: str, name: str, program: Program) -> Login | None:
    for place in _places(host, name):
        named = found.get("credHelpers", {}).get(place) or (
            found.get("credsStore") if place == host else None
        )
        told = program(str(named), place) if named else None
        if told is not None:
            return Login(str(told["Username"]), str(told["Secret"]))
        for spelling in (place, f"https://{place}", f"https://{place}/", f"http://{place}"):
            entry = found.get("auths", {}).get(spelling)
            login = None if entry is None else _entry(entry)
            if login is not None:
                return login
    return None


def _places(host: str, name: str) -> Iterator[str]:
    """Yield the repository, every namespace above it, and the host."""
    components = [host, *name.split("/")]
    for length in range(len(components), 0, -1):
        yield "/".join(components[:length])


def _entry(entry: Mapping[str, Any]) -> Login | None:
    if entry.get("identitytoken"):
        return Login(TOKEN_USER, str(entry["identitytoken"]))
    if entry.get("auth"):
        user, colon, password = b64decode(entry["auth"], validate=True).decode().partition(":")
        if not colon:
            raise ValueError("no password")
        return Login(user, password.rstrip("\0"))
    if entry.get("username"):
        return Login(str(entry["username"]), str(entry.get("password", "")))
    return None
