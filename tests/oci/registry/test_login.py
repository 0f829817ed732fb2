"""Files of logins, as docker and podman write them."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from imagesmith.errors import DocumentError
from imagesmith.oci.registry.login import TOKEN_USER, Login, find

HOST = "r.example.org"


def auth(text: str) -> dict[str, str]:
    """Return an entry with a name and a password."""
    return {"auth": b64encode(text.encode()).decode()}


def found(content: Any, name: str = "team/app") -> Login | None:  # noqa: ANN401 - any JSON
    """Look `name` up in a file; the program of this test knows one host."""

    def program(called: str, place: str) -> dict[str, str] | None:
        return {"Username": called, "Secret": "s"} if place == HOST else None

    return find(json.dumps(content).encode(), HOST, name, document="auth.json", program=program)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, None),
        ({"auths": {"other.example.org": auth("a:b")}}, None),
        ({"auths": {HOST: auth("a:b:c")}}, Login("a", "b:c")),
        ({"auths": {f"https://{HOST}": auth("a:b")}}, Login("a", "b")),
        ({"auths": {HOST: auth("a:b"), f"{HOST}/team": auth("t:u")}}, Login("t", "u")),
        ({"auths": {HOST: auth("a:b"), f"{HOST}/team/application": auth("t:u")}}, Login("a", "b")),
        ({"auths": {HOST: {"identitytoken": "t", **auth("a:b")}}}, Login(TOKEN_USER, "t")),
        ({"auths": {HOST: {"username": "a", "password": "b"}}}, Login("a", "b")),
        ({"auths": {HOST: {}}}, None),
        ({"credHelpers": {HOST: "pass"}}, Login("pass", "s")),
        ({"credsStore": "pass", "auths": {HOST: auth("a:b")}}, Login("pass", "s")),
        ({"credHelpers": {f"{HOST}/team": "pass"}, "auths": {HOST: auth("a:b")}}, Login("a", "b")),
    ],
)
def test_the_longest_place_that_is_known_counts(content: object, expected: Login | None) -> None:
    """And programs come before what lies in the file."""
    assert found(content) == expected


@pytest.mark.parametrize(
    "content", [[], "x", {"auths": []}, {"auths": {HOST: auth("no colon")}}, {"auths": {HOST: 1}}]
)
def test_a_broken_file_is_named(content: object) -> None:
    """Rather than asking without a login."""
    with pytest.raises(DocumentError) as e:
        found(content)

    assert e.value.message == "auth.json: not a file of logins as docker and podman write it"


def test_a_login_is_not_shown() -> None:
    """Neither in tracebacks nor in logs."""
    assert "secret" not in repr(Login("a", "secret"))
    assert Login("alice", "pass:word").basic == "Basic YWxpY2U6cGFzczp3b3Jk"
