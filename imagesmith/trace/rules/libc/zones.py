"""Time zones: the files that tzset(3) reads for TZ and for /etc/localtime.

Every C library has the directory among its strings, and so has a static program
that reads zones by itself.  Which zone a program will be in is a matter of its
environment, so zones are declared; one of them can be the local one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.model.tree import File, Symlink
from imagesmith.trace.rules import hints
from imagesmith.trace.rules.compiled import START
from imagesmith.trace.rules.libc.clibrary import asked, glibc, musl, static
from imagesmith.trace.rules.rule import Absent, Finding, Make, Rule, Ship
from imagesmith.trace.rules.scene import Scene

_KEY: Final = "runtime.zones"
_LOCAL_KEY: Final = "runtime.local-zone"
_DIRECTORY: Final = re.compile(rb"(" + START + rb"[!-~]{0,255}zoneinfo)/?\0")
_USUAL: Final = "/usr/share/zoneinfo"
"""Where others look too: Python's zoneinfo, Java, programs that nobody can read (tzset(3))."""
_LOCAL: Final = "/etc/localtime"
_SYMBOLS: Final = ("localtime", "localtime_r", "mktime", "tzset")


def _find(scene: Scene) -> Iterator[Finding]:
    requester, directory = _directory(scene)
    runtime = scene.runtime
    if not runtime.zones and not runtime.local_zone:
        yield from asked(scene, directory, _SYMBOLS, _KEY)
        return
    for zone in runtime.zones:
        yield _zone(scene, requester, directory, zone, _KEY)
    if runtime.local_zone:
        yield _zone(scene, requester, directory, runtime.local_zone, _LOCAL_KEY)
        target = Symlink(target=f"{directory}/{runtime.local_zone}")
        yield Make(_LOCAL, target, requester, _LOCAL_KEY)


def _directory(scene: Scene) -> tuple[str | None, str]:
    """Return the first directory that somebody has compiled in and the packages have."""
    for binary in (*glibc(scene), *musl(scene), *static(scene)):
        for directory in scene.strings(binary, _DIRECTORY):
            if scene.exists(directory):
                return binary.path, directory
    return None, _USUAL


def _zone(scene: Scene, requester: str | None, directory: str, zone: str, key: str) -> Finding:
    path = f"{directory}/{zone}"
    if isinstance(scene.entry(path), File):
        return Ship(path, requester, zone, key)
    advice = "add tzdata to the packages"
    if scene.exists(directory):
        above = zone if scene.names(path) else zone.rpartition("/")[0]
        names = scene.names(f"{directory}/{above}".rstrip("/"))
        advice = hints.close(zone, [f"{above}/{name}".lstrip("/") for name in names])
    return Absent(key, zone, advice)


ZONES: Final = Rule(
    name="zones",
    title="time zones for tzset(3): the files of those declared, and the link /etc/localtime",
    find=_find,
    mode="declared",
)
