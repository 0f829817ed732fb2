"""OpenSSL's configuration and modules, at the paths compiled into libcrypto."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped
from builders.scenes import importing

from imagesmith.trace.closure import Reason

LIB = "/usr/lib/x86_64-linux-gnu"
CRYPTO = f"{LIB}/libcrypto.so.3"
MODULES = f"{LIB}/ossl-modules"
START = "openssl_conf = i\n[i]\n"
LEGACY = START + "providers = p\n[p]\nlegacy = l\ndefault = l\n[l]\nactivate = 1\n"


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system with OpenSSL as Debian has it."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing(needed=("libcrypto.so.3",)),
        f"{LIB}/libc.so.6": libc(),
        CRYPTO: carrier(
            "libcrypto.so.3",
            'OPENSSLDIR: "/usr/lib/ssl"',
            f'MODULESDIR: "{MODULES}"',
            f'ENGINESDIR: "{LIB}/engines-3"',
        ),
        f"{MODULES}/legacy.so": carrier("legacy.so", needed=("libcrypto.so.3",)),
        f"{LIB}/engines-3/padlock.so": carrier("padlock.so", needed=("libcrypto.so.3",)),
        "/usr/lib/ssl/openssl.cnf": "/etc/ssl/openssl.cnf",
    }


def configured(text: str) -> list[str]:
    """Return what is shipped of OpenSSL with this configuration."""
    changed = {**system(), "/etc/ssl/openssl.cnf": text.encode()}
    return shipped(ruled(changed, "/usr/bin/p"), "openssl")


def test_the_configuration_is_shipped_with_the_library() -> None:
    """And the link that leads to it."""
    changed = {**system(), "/etc/ssl/openssl.cnf": b"# .include more.cnf\n"}
    found = ruled(changed, "/usr/bin/p")

    assert shipped(found, "openssl") == ["/etc/ssl/openssl.cnf"]
    assert found.paths["/etc/ssl/openssl.cnf"] == Reason("openssl", CRYPTO, "configuration")
    assert found.paths["/usr/lib/ssl/openssl.cnf"].rule == "symlink"
    assert not found.warnings


def test_no_configuration_is_an_empty_one() -> None:
    """And a libcrypto that does not say where reads none."""
    assert shipped(ruled(system(), "/usr/bin/p"), "openssl") == []
    silent = {**system(), CRYPTO: carrier("libcrypto.so.3")}
    assert shipped(ruled(silent, "/usr/bin/p"), "openssl") == []


def test_a_provider_is_a_file_only_if_it_is_activated() -> None:
    """The default one is built in."""
    assert configured(LEGACY) == ["/etc/ssl/openssl.cnf", f"{MODULES}/legacy.so"]
    assert configured(LEGACY.replace("activate = 1", "activate = no")) == ["/etc/ssl/openssl.cnf"]


@pytest.mark.parametrize("path", ["padlock.so", f"{LIB}/engines-3/padlock.so", ""])
def test_an_engine_is_named_or_has_a_path(path: str) -> None:
    """Relative to the directory of engines, absolute, or by its name."""
    text = f"{START}engines = e\n[e]\npadlock = s\n[s]\ndynamic_path = {path}\n"

    assert configured(text) == ["/etc/ssl/openssl.cnf", f"{LIB}/engines-3/padlock.so"]


def test_a_module_in_no_package_is_worth_a_warning() -> None:
    """The program would start without it, and do without its algorithms."""
    text = LEGACY.replace("legacy", "fips")
    found = ruled({**system(), "/etc/ssl/openssl.cnf": text.encode()}, "/usr/bin/p")

    what = f"/usr/lib/ssl/openssl.cnf: provider fips is in no package ({MODULES}/fips.so)"
    assert what in found.warnings
