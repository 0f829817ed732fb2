"""The names that a file imports, without versions: what runtime rules go by.

Much less work than `symbols.read`: what the file defines is passed over, and so
are weak references, which only ask whether something happens to be there.
"""

from __future__ import annotations

from typing import Final

from imagesmith.elf import symtab
from imagesmith.elf.segment import BadElfError
from imagesmith.elf.tables import tables
from imagesmith.model.facts import Elf

_GLOBAL: Final = 1
"""STB_GLOBAL."""


def names(view: memoryview, elf: Elf) -> frozenset[bytes]:
    """Return the names of the undefined global symbols; none if the tables cannot be read.

    Whether they can is for `binding` to say, which holds them against definitions.
    """
    try:
        found = tables(view, elf)
        if found is None or symtab.DT_SYMTAB not in found.last:
            return frozenset()
        rows = symtab.rows(found, symtab.count(found))
        wanted = [
            name for name, info, _, section, _ in rows if not section and info >> 4 == _GLOBAL
        ]
        return frozenset(symtab.names(symtab.strings(found), wanted)) - {b""}
    except BadElfError:
        return frozenset()
