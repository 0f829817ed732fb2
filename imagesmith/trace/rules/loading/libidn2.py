"""Rule `libidn2`: names of hosts beyond ASCII.

glibc opens libidn2 where getaddrinfo(3) or getnameinfo(3) is called with an
AI_IDN or NI_IDN flag, which hardly any program sets; without it such a call
fails, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.libc.clibrary import glibc
from imagesmith.trace.rules.rule import Finding, Load, Rule
from imagesmith.trace.rules.scene import Scene

_NAME: Final = re.compile(rb"(libidn2\.so\.\d{1,3})\0")


def find(scene: Scene) -> Iterator[Finding]:
    """Let the C library open what it names, where somebody looks up hosts."""
    importers = scene.importers("getaddrinfo", "getnameinfo")
    asking = next((each for each in importers if each[0].libc == "glibc"), None)
    if asking is None:
        return
    binary, symbol = asking
    for libc in glibc(scene):
        for name in scene.strings(libc, _NAME):
            yield Load((name,), libc.path, f"{symbol} of {binary.path}")


LIBIDN2: Final = Rule(
    name="libidn2",
    title="libidn2, which glibc opens for host names beyond ASCII",
    find=find,
    mode="listed",
)
