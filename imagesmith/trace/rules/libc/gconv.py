"""Charsets: the modules with which glibc's iconv(3) converts what it has not built in.

Built in are ASCII, UTF-8 and the UCS forms, under the names its strings list;
UTF-16 and UTF-32 are modules like ISO-8859-1.  Which ones a program wants is in
its input, so charsets are declared.  Without one nothing is shipped: an index
without modules finds no more than no index does.  musl has everything built in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import hints
from imagesmith.trace.rules.compiled import START
from imagesmith.trace.rules.libc.clibrary import asked, glibc, musl
from imagesmith.trace.rules.libc.gconv_modules import Files, cached, charset, configured
from imagesmith.trace.rules.rule import Absent, Finding, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Binary, Scene

_KEY: Final = "runtime.charsets"
_DIRECTORY: Final = re.compile(rb"(" + START + rb"[!-~]{1,255}/gconv)\0")
_BUILT_IN: Final = re.compile(rb"(?<![!-~])([!-.0-~][!-~]{0,63}/)/?\0")
"""iconv/gconv_builtin.h: names as in an index, ended by slashes."""


def _find(scene: Scene) -> Iterator[Finding]:
    libraries = tuple(glibc(scene))
    for libc in libraries:
        for directory in scene.strings(libc, _DIRECTORY)[:1]:
            if scene.runtime.charsets:
                yield from _declared(scene, libc, directory)
            else:
                yield from asked(scene, directory, ("iconv_open",), _KEY)
    if scene.runtime.charsets and not libraries and not any(musl(scene)):
        yield Warn(f"{_KEY}: no C library in the image would convert them")


def _declared(scene: Scene, libc: Binary, directory: str) -> Iterator[Finding]:
    """Yield the modules of the declared charsets, with the index by which they are found."""
    built_in = {charset(name) for name in scene.strings(libc, _BUILT_IN)}
    wanted = [name for name in scene.runtime.charsets if charset(name) not in built_in]
    if not wanted:
        return
    index, files = _index(scene, directory, wanted)
    yield from (Ship(path, libc.path, "index of charsets") for path in index)
    for name in wanted:
        if charset(name) not in files:
            yield Absent(_KEY, name, hints.close(charset(name), {*files, *built_in}))
        for path in files.get(charset(name), ()):
            yield Ship(path, libc.path, name, _KEY)


def _index(scene: Scene, directory: str, wanted: list[str]) -> tuple[tuple[str, ...], Files]:
    """Return the index files to ship, and what they say.

    glibc takes the cache and asks no further, so it is shipped only if it knows all charsets.
    """
    cache = f"{directory}/gconv-modules.cache"
    files = cached(scene.content(cache) or b"")
    if all(charset(name) in files for name in wanted):
        return (cache,), files
    more = (name for name in scene.names(f"{directory}/gconv-modules.d") if name.endswith(".conf"))
    texts = (
        f"{directory}/gconv-modules",
        *(f"{directory}/gconv-modules.d/{name}" for name in more),
    )
    return texts, configured(directory, (line for path in texts for line in scene.lines(path)))


GCONV: Final = Rule(
    name="gconv",
    title="charsets for iconv(3): the gconv modules of those declared, and their index",
    find=_find,
    mode="declared",
)
