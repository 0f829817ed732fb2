"""Fontconfig: its configuration, and the fonts in the directories it names.

Directory and fallback are compiled in as one document (src/fcinit.c), which
names where configuration is included from; that directory's fonts.conf names the
directories of fonts.  Its cache is written where it runs, or not at all.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Scene

_LIBRARY: Final = re.compile(r"libfontconfig\.so\.1")
_CONFIGURATION: Final = re.compile(rb"<include[^<>\0]{0,64}>(/[^<>\0]{1,200})/conf\.d</include>")
_FONTS: Final = re.compile(rb"<dir>\s{0,16}(/[^<>\0]{1,200}?)\s{0,16}</dir>")


def _find(scene: Scene) -> Iterator[Finding]:
    for binary in scene.named(_LIBRARY):
        directories = list(scene.strings(binary, _FONTS))
        for above in scene.strings(binary, _CONFIGURATION):
            yield Ship(above, binary.path, "configuration", content=True)
            main = scene.content(posixpath.join(above, "fonts.conf")) or b""
            directories += (
                each.decode("utf-8", "surrogateescape") for each in _FONTS.findall(main)
            )
        for path in filter(scene.exists, dict.fromkeys(directories)):
            yield Ship(path, binary.path, "fonts", content=True)


FONTCONFIG: Final = Rule(
    name="fontconfig",
    title="the configuration of fontconfig, and the fonts in the directories it names",
    find=_find,
    mode="listed",
)
