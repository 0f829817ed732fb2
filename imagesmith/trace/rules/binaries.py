"""The ELF files of a closure, as rules see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from imagesmith.elf.candidate import ET_EXEC
from imagesmith.elf.closure import LoaderClosure, Object, Root
from imagesmith.elf.glibc import DF_1_PIE
from imagesmith.model.facts import Elf
from imagesmith.model.resolve import Found
from imagesmith.model.tree import File
from imagesmith.trace.rules.scene import Binary

STARTS: Final = ("seed", "shebang", "env")
"""Rules of the objects that the kernel starts; a plugin is a seed of its own as well."""


def binaries(root: Root, loads: Iterable[LoaderClosure]) -> tuple[Binary, ...]:
    """Return the ELF files of some loads, each once."""
    found: dict[str, Binary] = {}
    for load in loads:
        for each in (*load.objects, *load.extras):
            elf = facts(root, each.real)
            if elf is None:
                continue
            binary = Binary(each.real, elf, is_main(each, elf), load.loader)
            known = found.get(each.real)
            if known is None or (binary.is_main and not known.is_main):
                found[each.real] = binary
    return tuple(found.values())


def mains(root: Root, load: LoaderClosure) -> Iterator[Object]:
    """Yield the objects of a load that processes start with: two where a script runs env."""
    for each in load.objects:
        elf = facts(root, each.real)
        if elf is not None and is_main(each, elf):
            yield each


def is_main(each: Object, elf: Elf) -> bool:
    """Say whether a process starts with an object, which is no plugin then."""
    is_program = elf.interp is not None or elf.type == ET_EXEC or bool(elf.flags_1 & DF_1_PIE)
    return each.rule in STARTS and is_program


def facts(root: Root, real: str) -> Elf | None:
    """Return the facts of the ELF file at a real path."""
    found = root.lookup(real)
    entry = found.entry if isinstance(found, Found) else None
    return entry.facts if isinstance(entry, File) and isinstance(entry.facts, Elf) else None
