"""Search paths and their tokens."""

from __future__ import annotations

import pytest

from imagesmith.elf.paths import Dropped, Tokens, elements

VALUES = {"ORIGIN": "/app", "LIB": "lib/T", "PLATFORM": None}
SECURE = Tokens(VALUES, secure=True, trusted=("/lib", "/app/lib"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/lib", "/lib"),
        ("$ORIGIN/x", "/app/x"),
        ("${ORIGIN}x", "/appx"),
        ("$ORIGINx", "$ORIGINx"),
        ("$ORIGIN_", "$ORIGIN_"),
        ("$FOO/${LIB", "$FOO/${LIB"),
        ("/a/$LIB/$ORIGIN", "/a/lib/T//app"),
        ("/a/$PLATFORM", None),
        ("$", "$"),
    ],
)
def test_tokens_are_replaced_as_ld_so_does(text: str, expected: str | None) -> None:
    """The longest identifier counts; a token without a value drops the whole."""
    assert expected == Tokens(VALUES).expand(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ORIGIN/lib/x", "/app/lib/x"),
        ("$ORIGIN/../lib", "/app/../lib"),
        ("$ORIGIN", None),
        ("$ORIGIN/../etc", None),
        ("/x/$ORIGIN", None),
        ("$ORIGIN.d", None),
        ("$ORIGIN/$ORIGIN", None),
        ("/opt/$LIB", "/opt/lib/T"),
    ],
)
def test_at_secure_trusts_system_directories_only(text: str, expected: str | None) -> None:
    """$ORIGIN must lead, alone, and the result lie in a trusted directory."""
    assert expected == SECURE.expand(text)


def test_a_library_of_a_secure_program_may_be_anywhere() -> None:
    """Only the program's own $ORIGIN has to be trusted; it must lead all the same."""
    tokens = Tokens(VALUES, secure=True)

    assert tokens.expand("$ORIGIN/x") == "/app/x"
    assert tokens.expand("/x/$ORIGIN") is None


def test_elements_are_normalised_or_dropped() -> None:
    """Trailing slashes go; what depends on processor or working directory is left out."""
    found = list(elements("/a//:/:$PLATFORM/x:b::$ORIGIN", ":", Tokens(VALUES)))

    assert found == [
        "/a",
        "/",
        Dropped("$PLATFORM/x", "depends on the processor ($PLATFORM)"),
        Dropped("b", "is relative to the working directory"),
        Dropped("", "is relative to the working directory"),
        "/app",
    ]


def test_a_secure_program_says_why_an_element_goes() -> None:
    """AT_SECURE is the reason, not the processor."""
    found = list(elements("/x/$ORIGIN;/b", ":;", SECURE))

    assert [Dropped("/x/$ORIGIN", "is not allowed in a program with AT_SECURE"), "/b"] == found
