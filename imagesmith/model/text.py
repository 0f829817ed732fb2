"""Text from strangers, made safe to show.

A terminal acts upon control characters, a reader is misled by bidirectional
ones (CVE-2021-42574), and bytes that are no UTF-8 cannot be written at all
(openpgp.md S27).
"""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Escape what is not printable as Python does: `\n`, `\u202e`, `\xff` for a stray byte."""
    if text.isprintable():
        return text
    return "".join(part if part.isprintable() else _escaped(part) for part in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that was no UTF-8
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()
