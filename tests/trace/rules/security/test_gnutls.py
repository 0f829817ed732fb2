"""GnuTLS: listed, unless a recipe asks for it."""

from __future__ import annotations

from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected, with_rules
from builders.scenes import importing

LIB = "/usr/lib/x86_64-linux-gnu"


def test_there_is_one_configuration() -> None:
    """Where the library says."""
    system: dict[str, Content] = {
        "/lib": "usr/lib",
        "/usr/bin/p": importing(needed=("libgnutls.so.30",)),
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libgnutls.so.30": carrier("libgnutls.so.30", "/etc/gnutls/config"),
        "/etc/gnutls/config": b"",
    }
    found = ruled(system, "/usr/bin/p", runtime=with_rules("gnutls"))

    assert suspected(ruled(system, "/usr/bin/p"), "gnutls") == [
        ("/etc/gnutls/config", "compiled in")
    ]
    assert shipped(found, "gnutls") == ["/etc/gnutls/config"]
