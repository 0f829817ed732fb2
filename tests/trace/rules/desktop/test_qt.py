"""Qt's plugins, where QtCore says they are."""

from __future__ import annotations

from builders.elf import make_elf
from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped, suspected, with_rules

DIRECTORY = "/usr/lib/x86_64-linux-gnu"
PLUGINS = f"{DIRECTORY}/qt5/plugins"
CORE = "libQt5Core.so.5"
STRINGS = ("plugins", "lib/x86_64-linux-gnu/qt5/plugins", "lib/x86_64-linux-gnu/qt5/qml")
SYSTEM: dict[str, Content] = {
    "/usr/bin/app": a_program(needed=[CORE]),
    f"{DIRECTORY}/{CORE}": a_library(CORE, *STRINGS),
    f"{DIRECTORY}/qt5/qml/QtQuick/qmldir": b"",
    f"{PLUGINS}/platforms/libqxcb.so": make_elf(needed=["libxcb.so.1"]),
    "/usr/lib/libxcb.so.1": a_library("libxcb.so.1"),
}


def test_the_plugins_are_suspected() -> None:
    """The prefix is above the library, the rest is compiled into it."""
    assert suspected(ruled(SYSTEM, "/usr/bin/app"), "qt") == [(PLUGINS, STRINGS[1])]


def test_the_plugins_come_with_their_libraries_if_asked_for() -> None:
    """Which of them is loaded depends on the display, so all are shipped."""
    found = ruled(SYSTEM, "/usr/bin/app", runtime=with_rules("qt"))

    assert f"{PLUGINS}/platforms/libqxcb.so" in shipped(found, "qt")
    assert "/usr/lib/libxcb.so.1" in found.paths
    assert f"{DIRECTORY}/qt5/qml/QtQuick/qmldir" not in found.paths


def test_modules_of_qml_are_shipped_where_it_is_used() -> None:
    """What says so is that its library is loaded."""
    extra: dict[str, Content] = {
        "/usr/bin/app": a_program(needed=[CORE, "libQt5Qml.so.5"]),
        f"{DIRECTORY}/libQt5Qml.so.5": a_library("libQt5Qml.so.5"),
    }
    found = ruled({**SYSTEM, **extra}, "/usr/bin/app", runtime=with_rules("qt"))

    assert f"{DIRECTORY}/qt5/qml/QtQuick/qmldir" in found.paths
