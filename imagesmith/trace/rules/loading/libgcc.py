"""Rule `libgcc`: the unwinder that glibc opens to end threads and to draw backtraces.

Without it the program aborts: "libgcc_s.so.1 must be installed for pthread_exit
to work".  musl unwinds without help.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules.rule import Finding, Load, Rule
from imagesmith.trace.rules.scene import Scene

SYMBOLS: Final = ("pthread_exit", "pthread_cancel", "thrd_exit", "backtrace")
"""What reaches glibc's `__libc_unwind_link_get`; before 2.34, some of it in libpthread."""

_LIBC: Final = re.compile(r"lib(?:c|pthread)\.so\.\d[\d.]*")
_NAME: Final = re.compile(rb"(libgcc_s\.so\.\d{1,3})\0")
"""LIBGCC_S_SO; the number is the architecture's."""


def find(scene: Scene) -> Iterator[Finding]:
    """Let the C library open what it names, where somebody calls for it.

    What a library imports, the program may never call: libldap has pthread_exit for its server.
    """
    importers = [each for each in scene.importers(*SYMBOLS) if each[0].libc == "glibc"]
    for binary, symbol in sorted(importers, key=lambda each: not each[0].is_main)[:1]:
        for libc in scene.with_libc("glibc", scene.named(_LIBC)):
            for name in scene.strings(libc, _NAME):
                detail = f"{symbol} of {binary.path}"
                yield Load((name,), libc.path, detail, doubtful=not binary.is_main)


LIBGCC: Final = Rule(
    name="libgcc",
    title="libgcc_s for pthread_exit, pthread_cancel and backtrace of glibc",
    find=find,
)
