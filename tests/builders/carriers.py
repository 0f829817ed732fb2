"""Libraries that gcc makes to carry strings and imports, as runtime rules read them.

The names are real ones: a library that calls itself libtinfo.so.6 and has its
search path among its strings is libtinfo to a rule.  Programs with open symbols, which ld
does not make, are in `scenes`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from builders.toolchain import library, link

LIBC_STRINGS = (
    "/usr/lib/x86_64-linux-gnu/gconv",
    "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
    "UTF-8//",
    "ISO-10646/UTF8/",
    "ANSI_X3.4-1968//",
    "/usr/lib/locale/locale-archive",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
)
"""What glibc of Debian 12 has compiled in, as far as rules look at it."""


def carrier(
    soname: str, *strings: str, imports: Sequence[str] = (), needed: Sequence[str] = ("libc.so.6",)
) -> bytes:
    """Compile a library with these strings and imports."""
    calls = "".join(f"{name}();" for name in imports)
    declared = "".join(f"extern void {name}(void);" for name in imports)
    texts = "".join(f"{json.dumps(text)}, " for text in strings)
    held = f"const char *const held[] = {{{texts}0}};"
    source = f"{declared}{held} void use(void) {{{calls}}}\n"
    return link(library(*needed, soname=soname, source=source))


def libc(*strings: str) -> bytes:
    """Return a C library with these strings, or those of Debian's."""
    return carrier("libc.so.6", *(strings or LIBC_STRINGS), needed=())
