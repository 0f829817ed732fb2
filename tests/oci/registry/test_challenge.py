"""WWW-Authenticate: what is read of it, and where a token is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.oci.registry.challenge import MAX_HEADER, Challenge, parse, token_url


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("Basic", (Challenge("basic", {}),)),
        ('Basic realm="x"', (Challenge("basic", {"realm": "x"}),)),
        (
            'Bearer realm="https://a/t?x=1",service=s , scope="a:b:pull,push"',
            (
                Challenge(
                    "bearer", {"realm": "https://a/t?x=1", "service": "s", "scope": "a:b:pull,push"}
                ),
            ),
        ),
        (
            'Negotiate, BASIC realm="a \\"b\\", c", Bearer REALM=d',
            (
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": 'a "b", c'}),
                Challenge("bearer", {"realm": "d"}),
            ),
        ),
        ('"', ()),
        ("x" * (MAX_HEADER + 1), ()),
    ],
)
def test_a_header_holds_challenges(header: str, expected: tuple[Challenge, ...]) -> None:
    """RFC 9110, 11.6.1: schemes and parameters in one list, strings quoted or not."""
    assert parse(header) == expected


@given(st.text(max_size=200) | st.text('Basicrelm=", \\', max_size=200))
def test_any_header_can_be_read(header: str) -> None:
    """As far as it goes."""
    assert all(challenge.scheme for challenge in parse(header))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"realm": "https://a/t"}, "https://a/t?scope=mine"),
        ({"realm": "https://a/t?x=1", "service": "s t"}, "https://a/t?x=1&service=s+t&scope=mine"),
        ({"realm": "https://a/t", "scope": "theirs"}, "https://a/t?scope=theirs&scope=mine"),
        ({"realm": "ftp://a/t"}, None),
        ({"realm": "/t"}, None),
        ({"realm": "https://[/t"}, None),
        ({"realm": "https://a:99999/t"}, None),
        ({}, None),
    ],
)
def test_a_token_is_to_be_had_from_the_realm(
    parameters: dict[str, str], expected: str | None
) -> None:
    """With the scope that the registry names, and with what is wanted besides."""
    assert token_url(Challenge("bearer", parameters), "mine") == expected
