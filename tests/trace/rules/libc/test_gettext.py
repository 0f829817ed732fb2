"""Message catalogues: those of the domains that somebody in the image names."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import libc
from builders.roots import Content
from builders.ruled import ruled, shipped
from builders.scenes import importing

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.rules.libc.gettext import spellings

SHARE = "/usr/share/locale"
DOMAINS = ("libc", "other", "shadow", "tool")


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system, made once."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing("textdomain", strings=["GNU tool", "shadow"]),
        "/usr/bin/mute": importing(strings=["other"]),
        "/usr/lib/x86_64-linux-gnu/libc.so.6": libc(SHARE, "libc", "shadow"),
        **{
            f"{SHARE}/de/LC_MESSAGES/{name}.mo": b"mo"
            for name in ("libc", "other", "shadow", "tool")
        },
        f"{SHARE}/de_AT/LC_MESSAGES/tool.mo": b"mo",
        f"{SHARE}/de/LC_MESSAGES/README": b"",
        f"{SHARE}/fr/LC_MESSAGES/other.mo": b"mo",
    }


def languages(*names: str) -> RuntimeSection:
    """Declare languages."""
    return RuntimeSection(languages=names)


def test_a_program_has_its_own_domains() -> None:
    """And the C library one: its other strings are no domains."""
    found = ruled(system(), "/usr/bin/p", runtime=languages("de"))
    paths = shipped(found, "gettext")
    of = {path.rpartition("/")[2]: found.paths[path].needed_by for path in paths}

    assert of == {
        "libc.mo": "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "shadow.mo": "/usr/bin/p",
        "tool.mo": "/usr/bin/p",
    }
    assert shipped(ruled(system(), "/usr/bin/mute", runtime=languages("de")), "gettext") == [
        f"{SHARE}/de/LC_MESSAGES/libc.mo"
    ]


def test_nothing_is_translated_unless_declared() -> None:
    """Catalogues are the larger half of many packages."""
    assert shipped(ruled(system(), "/usr/bin/p"), "gettext") == []


def test_a_dialect_falls_back_to_its_language() -> None:
    """What the particular catalogue lacks comes from the general one."""
    found = shipped(ruled(system(), "/usr/bin/p", runtime=languages("de_AT.UTF-8")), "gettext")

    assert f"{SHARE}/de_AT/LC_MESSAGES/tool.mo" in found
    assert f"{SHARE}/de/LC_MESSAGES/tool.mo" in found
    assert spellings("sr_RS.UTF-8@latin") == (
        "sr_RS.UTF-8@latin",
        "sr_RS.utf8@latin",
        "sr_RS@latin",
        "sr@latin",
        "sr_RS.UTF-8",
        "sr_RS.utf8",
        "sr_RS",
        "sr",
    )
    assert spellings("de") == ("de",)


def test_a_language_without_catalogues_is_an_error() -> None:
    """One that is there and that nobody speaks is worth a warning."""
    with pytest.raises(ClosureIncomplete, match=r"languages: xx .* \(there is de, de_AT, fr\)"):
        ruled(system(), "/usr/bin/p", runtime=languages("xx"))
    found = ruled(system(), "/usr/bin/p", runtime=languages("fr"))

    assert "runtime.languages: nothing in the image has messages in fr" in found.warnings
