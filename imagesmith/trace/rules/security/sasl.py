"""SASL: the mechanisms that libsasl2 loads from its compiled-in directories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import compiled
from imagesmith.trace.rules.rule import Finding, Rule
from imagesmith.trace.rules.scene import Scene

_LIBRARY: Final = re.compile(r"libsasl2\.so\..*")
_PATHS: Final = re.compile(
    rb"(?<![!-~])((?:/[!-9;-~]{1,128}/sasl2?)(?::/[!-9;-~]{1,128}/sasl2?){0,9})\0"
)


def _find(scene: Scene) -> Iterator[Finding]:
    for library in scene.named(_LIBRARY):
        yield from compiled.paths(scene, library, _PATHS)


SASL: Final = Rule(
    name="sasl",
    title="SASL mechanisms and their configuration, in libsasl2's directories",
    find=_find,
    mode="listed",
)
