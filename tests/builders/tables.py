"""Whether the kernel at hand has what children of foreign programs need."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from builders.elf import make_elf

from imagesmith.sandbox.starting import foreign


@cache
def has_tables() -> bool:
    """Say whether this kernel gives a namespace its own table of binary formats."""
    line = foreign.registration("/bin/true", make_elf()[:64])
    code = f"import sys; sys.path[:0] = {sys.path!r}\n"
    code += f"from imagesmith.sandbox.starting import foreign; foreign.enter({line!r})"
    ended = subprocess.run((sys.executable, "-c", code), capture_output=True, check=False)
    return not ended.returncode
