"""What tracing needs to know of a file's content, whatever it is."""

from __future__ import annotations

from imagesmith.elf import object as elf
from imagesmith.model.facts import Facts
from imagesmith.unpack import script


def facts(view: memoryview) -> Facts | None:
    """Read the facts of an ELF file or a script; None for other content."""
    return elf.facts(view) or script.script_facts(view)
