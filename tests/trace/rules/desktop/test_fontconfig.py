"""Fontconfig's configuration and fonts, found through the document compiled into it."""

from __future__ import annotations

from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped, suspected, with_rules

LIBRARY = "libfontconfig.so.1"
FALLBACK = (
    '<fontconfig><dir>/usr/share/fonts</dir><dir prefix="xdg">fonts</dir>'
    '<include ignore_missing="yes">/etc/fonts/conf.d</include></fontconfig>'
)
SYSTEM: dict[str, Content] = {
    "/usr/bin/app": a_program(needed=[LIBRARY]),
    f"/usr/lib/{LIBRARY}": a_library(LIBRARY, FALLBACK),
    "/etc/fonts/fonts.conf": b"<dir> /usr/X11/fonts </dir><dir>/none</dir><dir>~/.fonts</dir>",
    "/etc/fonts/conf.d/10-hinting.conf": "/usr/share/fontconfig/conf.avail/10-hinting.conf",
    "/usr/share/fontconfig/conf.avail/10-hinting.conf": b"",
    "/usr/share/fonts/a.ttf": b"",
    "/usr/X11/fonts/b.pcf": b"",
}


def test_configuration_and_fonts_are_suspected() -> None:
    """Directories, not the files in them."""
    assert suspected(ruled(SYSTEM, "/usr/bin/app"), "fontconfig") == [
        ("/etc/fonts", "configuration"),
        ("/usr/X11/fonts", "fonts"),
        ("/usr/share/fonts", "fonts"),
    ]


def test_configuration_and_fonts_are_shipped_if_asked_for() -> None:
    """Links of the configuration are followed, and every directory it names."""
    found = ruled(SYSTEM, "/usr/bin/app", runtime=with_rules("fontconfig"))

    assert {
        "/etc/fonts/fonts.conf",
        "/usr/share/fontconfig/conf.avail/10-hinting.conf",
        "/usr/share/fonts/a.ttf",
        "/usr/X11/fonts/b.pcf",
    } <= {*shipped(found, "fontconfig")}


def test_without_configuration_the_fallback_names_the_fonts() -> None:
    """That is what the library does, too."""
    content = {path: what for path, what in SYSTEM.items() if not path.startswith("/etc")}
    found = ruled(content, "/usr/bin/app", runtime=with_rules("fontconfig"))

    assert shipped(found, "fontconfig") == ["/usr/share/fonts", "/usr/share/fonts/a.ttf"]
