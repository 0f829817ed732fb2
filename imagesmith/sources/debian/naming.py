"""Which package may ship a file, guessed from its name.

A Packages index does not list files.  But Debian Policy 8.1 names a library's
package after its soname: libssl3 ships libssl.so.3, libglib2.0-0 ships
libglib-2.0.so.0.  What comes out is a guess, to be held against the names that
an index has and to be called one.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container
from typing import Final

_SONAME: Final = re.compile(r"(?P<stem>.+?)\.so(?:\.(?P<version>\d[\w.+~-]*))?\Z", re.DOTALL)
_LONGEST: Final = 255
"""NAME_MAX: no file has a longer name, and no pattern need look at one."""
_SUFFIXES: Final = ("", "t64", "v5", "g", "a", "-0")
"""What follows a name after a change of ABI without one of soname: time_t 64, C++11; libc6's g."""
_LIBC: Final = re.compile(
    r"(?:ld-linux.*|ld64|ld|lib(?:c|m|mvec|pthread|dl|rt|util|anl|resolv|nsl|BrokenLocale"
    r"|thread_db|nss_(?:compat|dns|files|hesiod)))\Z"
)
"""Stems of what glibc is made of, all of it in one package."""
_MUSL: Final = re.compile(r"(?:ld-musl-.+|libc\.musl-.+)\Z")


def candidates(name: str) -> tuple[str, ...]:
    """Return the names of packages that may ship a library or program, the likeliest first."""
    file = posixpath.basename(name)
    if len(file) > _LONGEST:
        return ()
    match = _SONAME.match(file)
    if match is None:
        return (file,) if file else ()
    stem, version = match["stem"], match["version"] or ""
    if _MUSL.match(stem):
        return ("musl",)
    if _LIBC.match(stem):
        return ("libc6",)
    if stem == "libz":  # older than the convention
        return ("zlib1g",)
    named = [f"{each}{suffix}" for each in _names(stem, version) for suffix in _SUFFIXES]
    return tuple(dict.fromkeys(named))


def _names(stem: str, version: str) -> tuple[str, ...]:
    """Spell library name and soname version as one: with a dash between two digits."""
    plain = stem.lower().replace("_", "-")
    joined = re.sub(r"-(?=\d)", "", plain)
    versions = (version, version.partition(".")[0])
    spelled = [_with_version(each, which) for which in versions for each in (plain, joined)]
    spelled += [plain, joined]  # libpython3.11.so.1.0, libdb-5.3.so
    family = plain.partition("-")[0]  # libpam0g ships libpam_misc.so.0
    spelled += [_with_version(family, which) for which in versions if which]
    return tuple(dict.fromkeys(spelled))


def _with_version(stem: str, version: str) -> str:
    dash = "-" if version and stem[-1:].isdigit() else ""
    return f"{stem}{dash}{version}"


def providers(name: str, known: Container[str]) -> tuple[str, ...]:
    """Return those candidates for `name` that are `known`."""
    return tuple(each for each in candidates(name) if each in known)
