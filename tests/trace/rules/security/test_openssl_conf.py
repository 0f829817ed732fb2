"""OpenSSL's configuration: files it is made of, modules it asks for."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.trace.rules.security.openssl_conf import Configuration, Module, read

MAIN = """\
openssl_conf = init
.include /etc/more.cnf
.include = /etc/conf.d
[ req ]
providers = decoys
[init]
providers = provider_sect
engines=engine_sect
[provider_sect]
default = default_sect
legacy = legacy_sect
quiet = quiet_sect
odd = odd_sect
[default_sect]
activate = 1
[legacy_sect]
activate = yes
[quiet_sect]
activate = 0
[odd_sect]
identity = fancy
module = "/opt/fancy.so"
activate = true
[engine_sect]
e = e_sect
[e_sect]
engine_id = pkcs11
dynamic_path = /usr/lib/pkcs11.so
[decoys]
legacy = legacy_sect
"""


def configuration(files: Mapping[str, str], path: str = "/etc/openssl.cnf") -> Configuration:
    """Read from texts by path; what has none and is the start of others is a directory."""

    def lines(path: str) -> tuple[str, ...]:
        return tuple(line for line in files.get(path, "").splitlines() if line)

    def names(path: str) -> tuple[str, ...]:
        above = f"{path}/"
        return tuple(each.removeprefix(above) for each in sorted(files) if each.startswith(above))

    return read(path, lines, names, posixpath.normpath)


def test_modules_are_those_that_loading_loads() -> None:
    """From openssl_conf on; other sections are other programs' business."""
    assert configuration({"/etc/openssl.cnf": MAIN}).modules == (
        Module("provider", "default"),
        Module("provider", "legacy"),
        Module("provider", "fancy", "/opt/fancy.so"),
        Module("engine", "pkcs11", "/usr/lib/pkcs11.so"),
    )


def test_nothing_is_followed_without_its_name() -> None:
    """Not even by sections that happen to have no name."""
    plain = "engines = e\nproviders = e\n[e]\nx = y\n"

    assert configuration({"/etc/openssl.cnf": plain}).modules == ()
    assert configuration({}).files == ("/etc/openssl.cnf",)


def test_includes_are_followed() -> None:
    """Files, and of directories what ends in .cnf or .conf; each once."""
    files = {
        "/etc/openssl.cnf": MAIN,
        "/etc/more.cnf": ".include /etc/openssl.cnf\n",
        "/etc/conf.d/a.conf": "",
        "/etc/conf.d/b.cnf": "",
        "/etc/conf.d/readme": "",
    }

    assert configuration(files).files == (
        "/etc/openssl.cnf",
        "/etc/more.cnf",
        "/etc/conf.d",
        "/etc/conf.d/a.conf",
        "/etc/conf.d/b.cnf",
    )


def test_a_relative_include_needs_a_directory() -> None:
    """A working directory names nothing in an image; the pragma does."""
    text = ".include fips.cnf\n.pragma includedir:/etc/ssl\n.include fips.cnf\n"

    assert configuration({"/etc/openssl.cnf": text, "/etc/ssl/fips.cnf": ""}).files == (
        "/etc/openssl.cnf",
        "/etc/ssl/fips.cnf",
    )


def test_includes_in_a_row_end() -> None:
    """Some time; OpenSSL has no limit but its stack."""
    files = {f"/{number}": f".include /{number + 1}\n" for number in range(50)}

    assert len(configuration(files, "/0").files) == 11


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="[]=. \n\"'#include$pragma:/ax"))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever is in it."""
    assert "/etc/openssl.cnf" in configuration({"/etc/openssl.cnf": text}).files


def test_the_section_at_the_start_has_a_name() -> None:
    """It is called `default` (config(5ossl))."""
    text = "[ default ]\nopenssl_conf = i\n[i]\nengines = e\n[e]\nx = s\n"

    assert configuration({"/etc/openssl.cnf": text}).modules == (Module("engine", "x"),)


def test_a_file_is_read_once_by_whatever_names() -> None:
    """Each name is noted: a link may lie on the way."""
    names = [f"/etc/{'./' * number}openssl.cnf" for number in range(1, 2_000)]
    text = "".join(f".include {name}\n" for name in names)

    assert configuration({"/etc/openssl.cnf": text}).files == ("/etc/openssl.cnf", *names)


def test_a_directory_that_leads_to_itself_is_listed_once() -> None:
    """By the path it has."""
    files = {"/etc/openssl.cnf": ".include /d\n", "/d/a.cnf": ".include /./d\n", "/./d/a.cnf": ""}

    assert configuration(files).files == ("/etc/openssl.cnf", "/d", "/d/a.cnf", "/./d")


def test_a_section_without_an_end_is_passed_over_at_once() -> None:
    """However many blanks are in it."""
    assert configuration({"/etc/openssl.cnf": f"[{' ' * 200_000}x"}).modules == ()
