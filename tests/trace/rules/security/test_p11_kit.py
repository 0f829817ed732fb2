"""PKCS #11: listed, unless a recipe asks for it; then the modules that are configured."""

from __future__ import annotations

from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected, with_rules
from builders.scenes import importing

LIB = "/usr/lib/x86_64-linux-gnu"


def test_modules_are_named_by_configuration() -> None:
    """Relative to their directory, or by a path; what is not named stays out."""
    names = ("/etc/pkcs11/modules", "/usr/share/p11-kit/modules", "/etc/pkcs11/pkcs11.conf")
    system: dict[str, Content] = {
        "/lib": "usr/lib",
        "/usr/bin/p": importing(needed=("libp11-kit.so.0",)),
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libp11-kit.so.0": carrier("libp11-kit.so.0", f"{LIB}/pkcs11", *names),
        f"{LIB}/pkcs11/trust.so": carrier("trust.so"),
        f"{LIB}/pkcs11/unnamed.so": carrier("unnamed.so"),
        "/opt/token.so": carrier("token.so"),
        "/usr/share/p11-kit/modules/a.module": b"# trust\nmodule: trust.so\npriority: 1\n",
        "/usr/share/p11-kit/modules/b.module": b"module:/opt/token.so\n",
        "/etc/pkcs11/pkcs11.conf": b"",
    }

    assert shipped(ruled(system, "/usr/bin/p"), "p11-kit") == []
    assert suspected(ruled(system, "/usr/bin/p"), "p11-kit")
    found = shipped(ruled(system, "/usr/bin/p", runtime=with_rules("p11-kit")), "p11-kit")
    assert found == [
        "/etc/pkcs11/pkcs11.conf",
        "/opt/token.so",
        f"{LIB}/pkcs11/trust.so",
        "/usr/share/p11-kit/modules",
        "/usr/share/p11-kit/modules/a.module",
        "/usr/share/p11-kit/modules/b.module",
    ]
