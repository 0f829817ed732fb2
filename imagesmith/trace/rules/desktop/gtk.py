"""GTK and the libraries around it: plugins that lie beside each library.

GLib's gio, gdk-pixbuf and GTK each look for theirs in a directory of their own
below the one they were installed to.  The lists that Debian makes of them when a
package is installed (loaders.cache, immodules.cache) come from running them:
where one is missing a warning says so, and the recipe may hold one as a file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.tree import parent
from imagesmith.trace.rules.rule import Finding, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Scene

_GIO_LIBRARY: Final = re.compile(r"libgio-2\.0\.so\.0")
_PIXBUF_LIBRARY: Final = re.compile(r"libgdk_pixbuf-2\.0\.so\.0")
_GTK_LIBRARY: Final = re.compile(r"libgtk-(?:3\.so\.0|4\.so\.1)")
_SETTINGS: Final = ("g_settings_new", "g_settings_new_with_path", "g_settings_new_full")
_SCHEMAS: Final = "/usr/share/glib-2.0/schemas/gschemas.compiled"
_ICONS: Final = ("/usr/share/icons/hicolor", "/usr/share/icons/Adwaita")
_LISTS: Final = {
    "loaders": ("loaders.cache", "gdk-pixbuf-query-loaders"),
    "immodules": ("immodules.cache", "gtk-query-immodules-3.0"),
}
"""By directory of plugins: the list beside it, and what makes it."""


def _find_gio(scene: Scene) -> Iterator[Finding]:
    yield from _beside(scene, _GIO_LIBRARY, "gio/modules")
    for binary, symbol in scene.importers(*_SETTINGS):
        yield Ship(_SCHEMAS, binary.path, symbol)
        yield from _unmade(scene, _SCHEMAS, "glib-compile-schemas")


def _find_pixbuf(scene: Scene) -> Iterator[Finding]:
    yield from _beside(scene, _PIXBUF_LIBRARY, "gdk-pixbuf-2.0/2.10.0/loaders")


def _find_gtk(scene: Scene) -> Iterator[Finding]:
    for version in ("gtk-3.0/3.0.0", "gtk-4.0/4.0.0"):
        for kind in ("immodules", "media", "printbackends"):
            yield from _beside(scene, _GTK_LIBRARY, f"{version}/{kind}")
    for binary in scene.named(_GTK_LIBRARY):
        for path in filter(scene.exists, _ICONS):
            yield Ship(path, binary.path, "icons", content=True)


def _beside(scene: Scene, library: re.Pattern[str], name: str) -> Iterator[Finding]:
    """Yield a directory of plugins beside a library, with the list of what is in it."""
    for binary in scene.named(library):
        path = posixpath.join(parent(binary.path), name)
        if not scene.names(path):
            continue
        yield Ship(path, binary.path, name, content=True)
        listing, made_by = _LISTS.get(posixpath.basename(name), ("", ""))
        if listing:
            beside = posixpath.join(parent(path), listing)
            yield Ship(beside, binary.path, name)
            yield from _unmade(scene, beside, made_by)


def _unmade(scene: Scene, path: str, made_by: str) -> Iterator[Warn]:
    """Warn of a file that neither the packages have nor the recipe."""
    if not scene.exists(path) and path not in scene.promised:
        what = f"{made_by} makes it, and [[rootfs.file]] ships it"
        yield Warn(f"{path}: not in the packages; {what}")


GIO: Final = Rule(
    name="gio",
    title="the modules of GLib's gio: TLS, proxies, settings",
    find=_find_gio,
    mode="listed",
)
GDK_PIXBUF: Final = Rule(
    name="gdk-pixbuf",
    title="the image loaders of gdk-pixbuf besides PNG and JPEG",
    find=_find_pixbuf,
    mode="listed",
)
GTK: Final = Rule(
    name="gtk",
    title="the input methods, print backends and icons of GTK 3 and 4",
    find=_find_gtk,
    mode="listed",
)
