"""GnuTLS: the configuration of a whole system, at its compiled-in path.

The GnuTLS manual calls it "System-wide configuration of the library".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import compiled
from imagesmith.trace.rules.rule import Finding, Rule
from imagesmith.trace.rules.scene import Scene

_LIBRARY: Final = re.compile(r"libgnutls\.so\..*")
_PATHS: Final = re.compile(rb"(" + compiled.START + rb"[!-~]{1,255}/gnutls/[a-z./]{1,32})\0")


def _find(scene: Scene) -> Iterator[Finding]:
    for library in scene.named(_LIBRARY):
        yield from compiled.paths(scene, library, _PATHS)


GNUTLS: Final = Rule(
    name="gnutls",
    title="GnuTLS's system-wide configuration",
    find=_find,
    mode="listed",
)
