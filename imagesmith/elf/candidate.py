"""What glibc makes of a path it tries: take it, pass it over, or give up.

elf/dl-load.c, `open_verify`.  A file for another class or machine is passed
over; a file that is no shared object at all ends the program.  Debian's and
Ubuntu's loaders pass over any file for another machine before they look
further, upstream's gives up on the other byte order.
"""

from __future__ import annotations

import attrs

from imagesmith.elf import machine
from imagesmith.elf.root import Root, Unusable
from imagesmith.elf.search import PassedOver, Unloadable, elf_at, foreign
from imagesmith.model.facts import Elf
from imagesmith.model.resolve import Found, NotFound

ET_EXEC, ET_DYN = 2, 3

_OSABI_SYSV, _OSABI_GNU = 0, 3
_ABI_LIMIT, _ABI_LIMIT_MIPS = 5, 7
"""LIBC_ABI_MAX (bits/libc-abis.h) of the newest glibc; what is not below it no loader takes."""


@attrs.frozen
class Opened:
    """A file the loader goes on with."""

    path: str
    found: Found
    elf: Elf


Attempt = Opened | PassedOver | Unloadable | NotFound | Unusable


def attempt(root: Root, path: str, host: Elf, *, debian: bool) -> Attempt:
    """Try one path as the loader `host` would."""
    found = root.lookup(path)
    if not isinstance(found, Found):
        return found
    elf = elf_at(path, found)
    if isinstance(elf, Unloadable):
        return elf
    same_order = elf.endian == host.endian
    if elf.bits != host.bits or (debian and not (same_order and elf.machine == host.machine)):
        return PassedOver(path, foreign(elf, host))
    problem = _ident_problem(elf, host)
    if problem is None and not machine.matches(elf, host):
        return PassedOver(path, foreign(elf, host))
    if problem is None and elf.type not in (ET_EXEC, ET_DYN):
        problem = "only ET_DYN and ET_EXEC can be loaded"
    return Unloadable(path, problem) if problem is not None else Opened(path, found, elf)


def _ident_problem(elf: Elf, host: Elf) -> str | None:
    """Compare e_ident, in the order of the loader's own messages."""
    if elf.endian != host.endian:
        return f"ELF file data encoding not {host.endian}-endian"
    if elf.osabi not in (_OSABI_SYSV, _OSABI_GNU):
        return "ELF file OS ABI invalid"
    mips = host.machine == machine.MIPS
    extended = elf.osabi == _OSABI_GNU or mips
    limit = _ABI_LIMIT_MIPS if mips else _ABI_LIMIT
    if elf.abiversion and not (extended and elf.abiversion < limit):
        return "ELF file ABI version invalid"
    return None
