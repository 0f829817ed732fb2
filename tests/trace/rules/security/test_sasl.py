"""SASL: listed, unless a recipe asks for it."""

from __future__ import annotations

from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected, with_rules
from builders.scenes import importing

LIB = "/usr/lib/x86_64-linux-gnu"


def test_mechanisms_lie_in_the_directories_of_the_library() -> None:
    """In a search path, or alone."""
    searched = f"/etc/sasl2:/etc/sasl:{LIB}/sasl2:/usr/lib/sasl2"
    system: dict[str, Content] = {
        "/lib": "usr/lib",
        "/usr/bin/p": importing(needed=("libsasl2.so.2",)),
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libsasl2.so.2": carrier("libsasl2.so.2", searched, f"{LIB}/sasl2"),
        f"{LIB}/sasl2/libplain.so.2": carrier("libplain.so.2"),
        "/etc/sasl2/p.conf": b"",
    }

    assert shipped(ruled(system, "/usr/bin/p"), "sasl") == []
    assert {what for what, _ in suspected(ruled(system, "/usr/bin/p"), "sasl")} == {
        "/etc/sasl2",
        f"{LIB}/sasl2",
    }
    assert set(shipped(ruled(system, "/usr/bin/p", runtime=with_rules("sasl")), "sasl")) == {
        "/etc/sasl2",
        "/etc/sasl2/p.conf",
        f"{LIB}/sasl2",
        f"{LIB}/sasl2/libplain.so.2",
    }
