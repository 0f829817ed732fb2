"""Charsets: modules of the declared ones, through the index that finds them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected
from builders.scenes import importing

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection

LIB = "/usr/lib/x86_64-linux-gnu"
GCONV = f"{LIB}/gconv"
INDEX = b"alias L1// ISO-8859-1//\nmodule ISO-8859-1// INTERNAL LATIN 1\n"


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system, made once."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing("iconv_open"),
        f"{LIB}/libc.so.6": libc(),
        f"{GCONV}/gconv-modules": INDEX,
        f"{GCONV}/gconv-modules.d/extra.conf": b"# more\nmodule EUC// INTERNAL EUC 1\n",
        f"{GCONV}/gconv-modules.d/README": b"module NO// INTERNAL NO 1\n",
        f"{GCONV}/LATIN.so": carrier("LATIN.so"),
        f"{GCONV}/EUC.so": carrier("EUC.so", needed=("libJIS.so",)),
        f"{LIB}/libJIS.so": carrier("libJIS.so"),
    }


def charsets(*names: str) -> RuntimeSection:
    """Declare charsets."""
    return RuntimeSection(charsets=names)


def test_nothing_is_shipped_unless_declared() -> None:
    """An index without modules would convert nothing more."""
    found = ruled(system(), "/usr/bin/p")

    assert shipped(found, "gconv") == []
    assert suspected(found, "gconv") == [(GCONV, "iconv_open: runtime.charsets says which")]


def test_a_charset_brings_its_module_and_what_this_needs() -> None:
    """By an alias as well; the index is shipped as far as it is read."""
    found = ruled(system(), "/usr/bin/p", runtime=charsets("l1", "EUC"))

    assert shipped(found, "gconv") == [
        f"{GCONV}/EUC.so",
        f"{GCONV}/LATIN.so",
        f"{GCONV}/gconv-modules",
        f"{GCONV}/gconv-modules.d/extra.conf",
    ]
    assert found.paths[f"{LIB}/libJIS.so"].needed_by == f"{GCONV}/EUC.so"
    assert found.paths[f"{GCONV}/LATIN.so"].detail == "l1"


def test_what_is_built_in_needs_no_file() -> None:
    """Under every name that the C library has among its strings."""
    found = ruled(
        system(), "/usr/bin/p", runtime=charsets("utf-8", "ISO-10646/UTF8", "ANSI_X3.4-1968")
    )

    assert shipped(found, "gconv") == []


def test_a_cache_that_knows_every_charset_is_all_the_index_there_is() -> None:
    """Otherwise it must not be in the image: glibc would look no further."""
    cache = (
        bytes.fromhex("24030120 1000 5400 0100 5800 7000")
        + b"\0\0\0X//\0"
        + f"{GCONV}/".encode().ljust(40, b"\0")
        + b"LATIN.so".ljust(23, b"\0")
        + bytes.fromhex("0100 0100")
        + bytes(12)
        + bytes.fromhex("0100 0500 2d00 0500 2d00 0000")
    )
    changed: dict[str, Content] = {**system(), f"{GCONV}/gconv-modules.cache": cache}

    assert shipped(ruled(changed, "/usr/bin/p", runtime=charsets("x")), "gconv") == [
        f"{GCONV}/LATIN.so",
        f"{GCONV}/gconv-modules.cache",
    ]
    changed[f"{GCONV}/gconv-modules"] = INDEX + b"alias X// ISO-8859-1//\n"
    for wanted in (charsets("L1"), charsets("x", "L1")):
        found = ruled(changed, "/usr/bin/p", runtime=wanted)
        assert f"{GCONV}/gconv-modules.cache" not in found.paths


def test_an_unknown_charset_is_an_error() -> None:
    """It names what may have been meant."""
    with pytest.raises(ClosureIncomplete) as raised:
        ruled(system(), "/usr/bin/p", runtime=charsets("ISO-8859-11", "NO"))

    known = "ANSI_X3.4-1968, EUC, ISO-10646/UTF8, ISO-8859-1, L1, UTF-8"
    assert raised.value.problems == (
        "runtime.charsets: ISO-8859-11 is not in the packages (did you mean ISO-8859-1)",
        f"runtime.charsets: NO is not in the packages (there is {known})",
    )


def test_without_glibc_nobody_would_convert_them() -> None:
    """A warning says so; musl has every charset built in."""
    found = ruled({"/usr/bin/p": importing(needed=())}, "/usr/bin/p", runtime=charsets("L1"))

    assert "runtime.charsets: no C library in the image would convert them" in found.warnings
