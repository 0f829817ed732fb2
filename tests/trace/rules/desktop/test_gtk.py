"""Plugins beside the libraries of GLib, gdk-pixbuf and GTK, and the lists made of them."""

from __future__ import annotations

from builders.elf import GLIBC_INTERP, make_elf
from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped, suspected, with_rules
from builders.symbols import make_object, wanted

DIRECTORY = "/usr/lib/x86_64-linux-gnu"
LOADERS = f"{DIRECTORY}/gdk-pixbuf-2.0/2.10.0"
METHODS = f"{DIRECTORY}/gtk-3.0/3.0.0"
SCHEMAS = "/usr/share/glib-2.0/schemas/gschemas.compiled"
NEEDED = ("libgio-2.0.so.0", "libgdk_pixbuf-2.0.so.0", "libgtk-3.so.0")
SYSTEM: dict[str, Content] = {
    "/usr/bin/app": a_program(needed=NEEDED),
    **{f"{DIRECTORY}/{name}": a_library(name) for name in NEEDED},
    f"{DIRECTORY}/gio/modules/libgiognutls.so": make_elf(),
    f"{LOADERS}/loaders/libpixbufloader-svg.so": make_elf(),
    f"{METHODS}/immodules/im-xim.so": make_elf(),
    f"{METHODS}/printbackends/libprintbackend-file.so": make_elf(),
    "/usr/share/icons/hicolor/index.theme": b"",
}


def test_their_directories_are_suspected() -> None:
    """Nobody is told of file after file."""
    found = ruled(SYSTEM, "/usr/bin/app")

    assert [suspected(found, rule) for rule in ("gio", "gdk-pixbuf", "gtk")] == [
        [(f"{DIRECTORY}/gio/modules", "gio/modules")],
        [
            (f"{LOADERS}/loaders", "gdk-pixbuf-2.0/2.10.0/loaders"),
            (f"{LOADERS}/loaders.cache", "gdk-pixbuf-2.0/2.10.0/loaders"),
        ],
        [
            (f"{METHODS}/immodules", "gtk-3.0/3.0.0/immodules"),
            (f"{METHODS}/immodules.cache", "gtk-3.0/3.0.0/immodules"),
            (f"{METHODS}/printbackends", "gtk-3.0/3.0.0/printbackends"),
            ("/usr/share/icons/hicolor", "icons"),
        ],
    ]


def test_what_is_asked_for_is_shipped() -> None:
    """With the lists, if the packages or the recipe have them."""
    extra: dict[str, Content] = {f"{LOADERS}/loaders.cache": b"", f"{METHODS}/immodules.cache": b""}
    rules = with_rules("gio", "gdk-pixbuf", "gtk")
    found = ruled({**SYSTEM, **extra}, "/usr/bin/app", runtime=rules)

    assert f"{DIRECTORY}/gio/modules/libgiognutls.so" in shipped(found, "gio")
    assert f"{LOADERS}/loaders.cache" in shipped(found, "gdk-pixbuf")
    assert f"{METHODS}/immodules.cache" in shipped(found, "gtk")
    assert "/usr/share/icons/hicolor/index.theme" in shipped(found, "gtk")
    assert found.warnings == ()


def test_a_list_that_nobody_made_is_warned_of() -> None:
    """Making it means to run the plugins, which a build never does; the recipe may have it."""
    listing = f"{LOADERS}/loaders.cache"
    bare = ruled(SYSTEM, "/usr/bin/app", runtime=with_rules("gdk-pixbuf"))
    made = ruled(
        SYSTEM,
        "/usr/bin/app",
        runtime=with_rules("gdk-pixbuf"),
        promised=frozenset({listing}),
    )
    how = "gdk-pixbuf-query-loaders makes it, and [[rootfs.file]] ships it"

    assert bare.warnings == (f"{listing}: not in the packages; {how}",)
    assert made.warnings == ()


def test_programs_with_settings_need_compiled_schemas() -> None:
    """The function that aborts without them is imported."""
    app = make_object([wanted("g_settings_new")], interp=GLIBC_INTERP)
    bare = ruled({"/usr/bin/app": app}, "/usr/bin/app", runtime=with_rules("gio"))
    whole = ruled({"/usr/bin/app": app, SCHEMAS: b""}, "/usr/bin/app", runtime=with_rules("gio"))

    assert bare.warnings[0].startswith(f"{SCHEMAS}: not in the packages; glib-compile-schemas")
    assert whole.paths[SCHEMAS].detail == "g_settings_new"
