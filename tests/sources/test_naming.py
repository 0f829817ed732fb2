"""Package names guessed from file names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.sources.debian.naming import candidates, providers

SHIPPED = {
    "libssl.so.3": "libssl3",
    "libssl.so.3t": "",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libldap-2.5.so.0": "libldap-2.5-0",
    "libgtk-3.so.0": "libgtk-3-0",
    "libX11.so.6": "libx11-6",
    "libboost_system.so.1.74.0": "libboost-system1.74.0",
    "libpython3.11.so.1.0": "libpython3.11",
    "libdb-5.3.so": "libdb5.3",
    "libLLVM-14.so.1": "libllvm14",
    "libpam_misc.so.0": "libpam0g",
    "libcurl.so.4": "libcurl4t64",
    "libstdc++.so.6": "libstdc++6",
    "libgcc_s.so.1": "libgcc-s1",
    "libz.so.1": "zlib1g",
    "libc.so.6": "libc6",
    "libm.so.6": "libc6",
    "/lib64/ld-linux-x86-64.so.2": "libc6",
    "/lib/ld-musl-x86_64.so.1": "musl",
    "libc.musl-x86_64.so.1": "musl",
    "/usr/bin/perl": "perl",
    "/": "",
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_conventions_of_debian_are_known(name: str) -> None:
    """Each of these names, as a real package of Debian 12 or 13 has it."""
    packages = {*SHIPPED.values(), "libssl1.1"} - {""}
    expected = (SHIPPED[name],) if SHIPPED[name] else ()

    assert providers(name, packages) == expected


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40) | st.just("a.so.1" * 5000 + "!"))
def test_any_name_has_few_candidates(name: str) -> None:
    """Each once, whatever the name."""
    found = candidates(name)

    assert len(set(found)) == len(found) <= 60
