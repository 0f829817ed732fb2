"""Locales: directories by the names people write."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected
from builders.scenes import importing

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.rules.libc.locale import normalised

LOCALES = "/usr/lib/locale"


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system, made once."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing("setlocale"),
        "/usr/lib/x86_64-linux-gnu/libc.so.6": libc(),
        **{f"{LOCALES}/{name}/LC_CTYPE": name.encode() for name in ("C.utf8", "de_DE.utf8")},
        f"{LOCALES}/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES": b"C",
        f"{LOCALES}/empty": None,
    }


def locales(*names: str) -> RuntimeSection:
    """Declare locales."""
    return RuntimeSection(locales=names)


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("C.UTF-8", "C.utf8"),
        ("de_DE.ISO-8859-1@euro", "de_DE.iso88591@euro"),
        ("de_DE.8859-1", "de_DE.iso88591"),
        ("de_DE", "de_DE"),
        ("de_DE@euro", "de_DE@euro"),
        ("ja_JP.eucJP", "ja_JP.eucjp"),
    ],
)
def test_names_are_spelt_as_glibc_spells_them(name: str, directory: str) -> None:
    """Letters and digits of the codeset in lower case; iso before mere digits."""
    assert normalised(name) == directory


@pytest.mark.parametrize("name", ["C.UTF-8", "C.utf8"])
def test_a_locale_is_a_directory(name: str) -> None:
    """Whichever way it is written."""
    found = ruled(system(), "/usr/bin/p", runtime=locales(name))

    assert shipped(found, "locale") == [
        f"{LOCALES}/C.utf8",
        f"{LOCALES}/C.utf8/LC_CTYPE",
        f"{LOCALES}/C.utf8/LC_MESSAGES",
        f"{LOCALES}/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES",
    ]


def test_c_and_posix_are_built_in() -> None:
    """They need nothing; without a declaration nothing is shipped."""
    assert shipped(ruled(system(), "/usr/bin/p", runtime=locales("C", "POSIX")), "locale") == []
    undeclared = ruled(system(), "/usr/bin/p")
    assert shipped(undeclared, "locale") == []
    assert suspected(undeclared, "locale") == [
        (f"{LOCALES}/C.utf8", "setlocale: runtime.locales says which")
    ]


def test_a_locale_nobody_compiled_is_an_error() -> None:
    """An empty directory is none either; packages have some ready-made."""
    with pytest.raises(ClosureIncomplete) as raised:
        ruled(system(), "/usr/bin/p", runtime=locales("de_AT.UTF-8", "empty"))

    assert raised.value.problems == (
        "runtime.locales: de_AT.UTF-8 is not in the packages (did you mean de_DE.utf8 or C.utf8)",
        "runtime.locales: empty is not in the packages (there is C.utf8, de_DE.utf8)",
    )
    bare = {path: each for path, each in system().items() if LOCALES not in path}
    with pytest.raises(ClosureIncomplete, match="package locales-all has locales"):
        ruled(bare, "/usr/bin/p", runtime=locales("C.UTF-8"))


def test_without_glibc_nobody_reads_them() -> None:
    """A warning says so."""
    found = ruled({"/usr/bin/p": importing(needed=())}, "/usr/bin/p", runtime=locales("C.UTF-8"))

    assert "runtime.locales: no C library in the image reads locales from files" in found.warnings
