"""`#!` lines, as the kernel reads them (execve(2); fs/binfmt_script.c).

What the line means, interpreter and argument, is left to whoever traces it.
"""

from __future__ import annotations

from imagesmith.model.facts import Script
from imagesmith.unpack.paths import decoded

_BUFFER = 256
"""BINPRM_BUF_SIZE (include/uapi/linux/binfmts.h): all the kernel looks at."""


def script_facts(view: memoryview) -> Script | None:
    """Return the script that `view` is; None without `#!` or with nothing behind it.

    A line longer than the kernel reads is cut where the kernel cuts it, at 255
    bytes: arguments may be, and an interpreter cut short is then not found.
    """
    head = bytes(view[:_BUFFER])
    if not head.startswith(b"#!"):
        return None
    line, newline, _ = head.partition(b"\n")
    if not newline:
        line = head[: _BUFFER - 1]
    line = line[2:].partition(b"\0")[0]
    return Script(decoded(line)) if line.strip(b" \t") else None
