"""A small system to trace in: programs, a script, plugins, links and configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader

from imagesmith.trace.closure import Closure
from imagesmith.trace.seeds import trace

SYSTEM: dict[str, Content] = {
    GLIBC_INTERP: make_glibc(),
    "/lib": "usr/lib",
    "/bin/p": make_elf(interp=GLIBC_INTERP, needed=["a.so.1"]),
    "/bin/q": make_elf(interp=GLIBC_INTERP, needed=["b.so"]),
    "/bin/s": "#!/bin/q\n",
    "/usr/lib/a.so.1": "a.so.1.2",
    "/usr/lib/a.so.1.2": make_elf(needed=["b.so"]),
    "/usr/lib/b.so": make_elf(),
    "/usr/lib/plug/x.so": make_elf(needed=["c.so"]),
    "/usr/lib/plug/bad.so": make_elf(needed=["gone.so"]),
    "/usr/lib/plug/broken.so": b"\x7fELF",
    "/usr/lib/plug/object.o": make_elf(kind=1, dynamic=False),
    "/usr/lib/plug/hard.so": "=/usr/lib/plug/x.so",
    "/usr/lib/c.so": make_elf(),
    "/etc/conf/a.conf": b"a",
    "/etc/conf/b.conf": b"b",
    "/etc/conf/run": "#!/none\n",
    "/etc/empty": None,
    "/etc/zone": "/usr/share/zone",
    "/usr/share/zone": "UTC",
    "/usr/share/UTC": b"tz",
    "/etc/dir": "conf",
    "/etc/gone": "nowhere",
}


def traced(
    *seeds: str,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    extra: Mapping[str, Content] | None = None,
    modes: Mapping[str, int] | None = None,
) -> Closure:
    """Trace in a small system."""
    tree = make_tree({**SYSTEM, **(extra or {})}, modes)
    return trace(tree, seeds, include=include, exclude=exclude, read=reader(tree))
