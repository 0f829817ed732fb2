"""The host's apt sources say where to look."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.sources.debian.aptsources import (
    AptSource,
    mirrors,
    parse_list,
    parse_sources,
)

LIST = """
# comment
deb http://mirror.example.org/debian/ bookworm main contrib  # more
deb [arch=amd64 signed-by=/usr/share/a.gpg,0123] https://example.org/debian bookworm-updates main
deb [ trusted=yes ] file:///srv/archive ./
deb-src http://mirror.example.org/debian bookworm main
deb cdrom:[Debian 12 "Bookworm"]/ bookworm main
deb nonsense bookworm main
deb http://mirror.example.org/debian
debug http://mirror.example.org/debian bookworm main
"""

SOURCES = """\
# comment
Types: deb deb-src
URIs: http://mirror.example.org/debian/
  https://second.example.org/debian
# comment inside
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://disabled.example.org/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: https://sources.example.org/debian
Suites: bookworm
Components: main

Types: deb
Types: deb
URIs: https://twice.example.org/debian
Suites: bookworm

Types: deb
URIs: relative https://inline.example.org/debian
Suites: bookworm-security
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDME
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_the_one_line_form_is_read() -> None:
    """Options, comments, flat repositories; what is not understood is skipped."""
    assert parse_list(LIST) == (
        AptSource("http://mirror.example.org/debian", ("bookworm",), ("main", "contrib")),
        AptSource(
            "https://example.org/debian",
            ("bookworm-updates",),
            ("main",),
            ("/usr/share/a.gpg", "0123"),
        ),
        AptSource("file:///srv/archive", ("./",), ()),
    )


def test_the_deb822_form_is_read() -> None:
    """One entry for each URI; disabled, source-only and malformed stanzas are skipped."""
    keyring = ("/usr/share/keyrings/debian-archive-keyring.gpg",)
    suites = ("bookworm", "bookworm-updates")
    armour = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n"

    assert parse_sources(SOURCES) == (
        AptSource("http://mirror.example.org/debian", suites, ("main", "contrib"), keyring),
        AptSource("https://second.example.org/debian", suites, ("main", "contrib"), keyring),
        AptSource("https://inline.example.org/debian", ("bookworm-security",), (), (armour,)),
    )


@settings(deadline=None, max_examples=150)
@given(st.text("deb Ts:/[]#=\n\u00e9\udc80", max_size=60) | st.text(max_size=40))
def test_any_text_is_read_without_an_error(text: str) -> None:
    """It is the host's document: what it holds cannot stop us."""
    found = (*parse_list(text), *parse_sources(text))

    assert all(":" in entry.uri for entry in found)


HOST = (
    AptSource("https://other.example.org/apt", ("nodistro",), ("main",)),
    AptSource("mirror+file:/etc/mirrors", ("bookworm",), ("main",)),
    AptSource("http://a.example.org/debian", ("bookworm", "bookworm-updates"), ("main",)),
    AptSource("http://a.example.org/security", ("bookworm-security",), ("main",)),
    AptSource("file:/srv/debian", ("trixie",), ("main",)),
    AptSource("https://b.example.org/ubuntu", ("noble",), ("main",)),
    AptSource("https://c.example.org/security", ("buster/updates",), ("main",)),
)


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("bookworm", ("http://a.example.org/debian", "file:/srv/debian")),
        ("trixie", ("file:/srv/debian", "http://a.example.org/debian")),
        ("bookworm-backports", ("http://a.example.org/debian", "file:/srv/debian")),
        ("sid", ("http://a.example.org/debian", "file:/srv/debian")),
        ("oldstable", ("http://a.example.org/debian", "file:/srv/debian")),
        (
            "trixie-security",
            ("http://a.example.org/security", "https://c.example.org/security"),
        ),
        ("noble-updates", ("https://b.example.org/ubuntu",)),
        ("nodistro", ("https://other.example.org/apt",)),
        ("unheard-of", ()),
    ],
)
def test_mirrors_of_the_same_archive_are_tried(suite: str, expected: tuple[str, ...]) -> None:
    """First who lists the suite, then who has its siblings; strangers are left alone."""
    assert expected == mirrors(HOST, suite)
