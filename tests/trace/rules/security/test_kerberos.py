"""Kerberos and GSS-API: listed, unless a recipe asks for them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected, with_rules
from builders.scenes import importing

LIB = "/usr/lib/x86_64-linux-gnu"
PLUGIN = f"{LIB}/krb5/plugins/preauth/pkinit.so"


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system with both libraries as Debian has them."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing(needed=("libkrb5.so.3", "libgssapi_krb5.so.2")),
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libkrb5.so.3": carrier(
            "libkrb5.so.3",
            f"{LIB}/krb5/plugins",
            f"{LIB}/krb5/plugins/libkrb5",
            "/etc/krb5.conf",
            "/etc/krb5kdc/kdc.conf",
        ),
        f"{LIB}/libgssapi_krb5.so.2": carrier(
            "libgssapi_krb5.so.2", f"{LIB}/gss/", "/etc/gss/mech", "/etc/gss/mech.d/*.conf"
        ),
        PLUGIN: carrier("pkinit.so", needed=("libkrb5.so.3",)),
        "/etc/krb5.conf": b"includedir /etc/krb5.conf.d/\ninclude /etc/more.conf\n[libdefaults]\n",
        "/etc/krb5.conf.d/realm": b"",
        "/etc/more.conf": b"",
        "/etc/gss/mech.d/ntlm.conf": b"",
    }


def test_it_is_only_suspected() -> None:
    """Most who link it never use it."""
    found = ruled(system(), "/usr/bin/p")

    assert shipped(found, "kerberos") == []
    assert ("/etc/krb5.conf", "compiled in") in suspected(found, "kerberos")


def test_a_recipe_may_ask_for_it() -> None:
    """Configuration with its includes, plugins as plugins, mechanisms."""
    found = ruled(system(), "/usr/bin/p", runtime=with_rules("kerberos"))

    assert set(shipped(found, "kerberos")) >= {
        "/etc/gss/mech.d/ntlm.conf",
        "/etc/krb5.conf",
        "/etc/krb5.conf.d/realm",
        "/etc/more.conf",
        PLUGIN,
    }
    assert PLUGIN in {load.objects[0].real for load in found.loads}
