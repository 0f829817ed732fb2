"""Small ELF files with symbols, versions and relocations, for any machine.

`make_object` adds tables to a file of `builders.elf`: they follow it as its
payload, and dynamic entries at the end, which count before the earlier ones,
point to them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Literal

import attrs
from builders.elf import AMD64, FLAGS_1, HASH, NEEDED, SONAME, STRSZ, STRTAB, SYMTAB, make_elf

from imagesmith.model.arch import Arch

RELA, RELASZ, REL, RELSZ, JMPREL, PLTRELSZ, PLTREL, RELR = 7, 8, 17, 18, 23, 2, 20, 36
GNU_HASH, VERSYM, VERDEF, VERNEED = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFE
RELACOUNT, SYMTABNO, GOTSYM = 0x6FFFFFF9, 0x70000011, 0x70000013
NOW = 0x1
LOCAL, GLOBAL, WEAK, UNIQUE = 0, 1, 2, 10
NOTYPE, OBJECT, FUNC, SECTION, TLS = 0, 1, 2, 3, 6
DEFAULT, INTERNAL, HIDDEN, PROTECTED = 0, 1, 2, 3
ABS = 0xFFF1
HashStyle = Literal["sysv", "gnu", "none"]


@attrs.frozen
class Symbol:
    """One row of DT_SYMTAB."""

    name: str
    version: str | None = None
    hidden: bool = False
    """`name@version` rather than `name@@version`."""
    section: int = 7
    """0: undefined."""
    value: int = 0x100
    binding: int = GLOBAL
    type: int = FUNC
    visibility: int = DEFAULT
    use: Literal["load", "call"] | None = None
    """What kind of relocation names it."""


def wanted(
    name: str,
    version: str | None = None,
    use: Literal["load", "call"] | None = "load",
    binding: int = GLOBAL,
) -> Symbol:
    """Return an undefined symbol."""
    return Symbol(name, version, section=0, value=0, use=use, binding=binding)


def make_object(
    symbols: Sequence[Symbol] = (),
    *,
    arch: Arch = AMD64,
    needed: Sequence[str] = (),
    soname: str | None = None,
    interp: str | None = None,
    needs: Mapping[str, Sequence[str]] | None = None,
    weak: Sequence[str] = (),
    versions: Sequence[str] | None = None,
    hash_style: HashStyle = "sysv",
    rel: bool = False,
    now: bool = False,
    extra: Sequence[tuple[int, int]] = (),
    entry: int = 0,
) -> bytes:
    """Write an ELF file with these symbols.

    `needs` are versions by the file they are wanted of, those in `weak` weakly; `versions` the
    versions defined, after the file's own name.  Undefined symbols come first, as GNU_HASH needs.
    """
    rows = [Symbol("", section=0, value=0), *sorted(symbols, key=lambda each: bool(each.section))]
    numbers = _numbers(versions, needs or {})

    def write(base: int) -> tuple[list[tuple[int, int]], bytes]:
        tables = _Tables(arch, base)
        tags = [(NEEDED, tables.string(name)) for name in needed]
        tags += [(SONAME, tables.string(soname))] if soname is not None else []
        tags += tables.symbols(rows)
        tags += tables.hash(rows, hash_style)
        if versions is not None or needs:
            tags.append(tables.versym(rows, numbers))
        if versions is not None:
            tags.append(tables.verdef([soname or "base", *versions]))
        if needs:
            tags.append(tables.verneed(needs, numbers, weak))
        tags += tables.relocations(rows, rel=rel)
        tags += [(FLAGS_1, NOW)] if now else []
        tags += [*extra, *tables.strtab()]
        return tags, tables.content

    shape, _ = write(0)
    plain = make_elf(arch=arch, interp=interp, entry=entry, tags=shape)
    tags, payload = write(len(plain))
    return make_elf(arch=arch, interp=interp, entry=entry, tags=tags, payload=payload)


def _numbers(versions: Sequence[str] | None, needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    names = [*(versions or ()), *(name for several in needs.values() for name in several)]
    return {name: number for number, name in enumerate(names, start=2)}


@attrs.define
class _Tables:
    """Tables that follow one another from an address on."""

    arch: Arch
    base: int
    content: bytes = b""
    strings: bytes = b"\0"

    @property
    def order(self) -> str:
        return {"little": "<", "big": ">"}[self.arch.endian]

    def add(self, content: bytes) -> int:
        """Append a table; return its address."""
        self.content += bytes(-(self.base + len(self.content)) % 8)
        at = self.base + len(self.content)
        self.content += content
        return at

    def pack(self, layout: str, *values: int) -> bytes:
        return struct.pack(self.order + layout, *values)

    def string(self, text: str) -> int:
        at = len(self.strings)
        self.strings += text.encode("utf-8", "surrogateescape") + b"\0"
        return at

    def strtab(self) -> list[tuple[int, int]]:
        return [(STRTAB, self.add(self.strings)), (STRSZ, len(self.strings))]

    def symbols(self, rows: Sequence[Symbol]) -> list[tuple[int, int]]:
        table = b""
        for row in rows:
            name = self.string(row.name) if row.name else 0
            info = row.binding << 4 | row.type if row.name else 0
            if self.arch.bits == 64:
                table += self.pack("IBBHQQ", name, info, row.visibility, row.section, row.value, 0)
            else:
                table += self.pack("IIIBBH", name, row.value, 0, info, row.visibility, row.section)
        return [(SYMTAB, self.add(table))]

    def hash(self, rows: Sequence[Symbol], style: HashStyle) -> list[tuple[int, int]]:
        wide = self.arch.debian == "s390x"
        count = len(rows) if style == "sysv" else 0
        sysv = self.add(self.pack("QQ" if wide else "II", 1, count) + bytes(8 * (2 + count)))
        if style != "gnu":
            return [(HASH, sysv)]
        first = next((at for at, row in enumerate(rows) if row.section), len(rows))
        bucket = first if first < len(rows) else 0
        chain = [2] * (len(rows) - first - 1) + [3] * (first < len(rows))
        table = self.pack("IIII", 1, first, 1, 0) + bytes(self.arch.bits // 8)
        table += self.pack(f"I{len(chain)}I", bucket, *chain)
        return [(HASH, sysv), (GNU_HASH, self.add(table))]

    def versym(self, rows: Sequence[Symbol], numbers: Mapping[str, int]) -> tuple[int, int]:
        values = [
            (numbers[row.version] if row.version else 1) | (0x8000 if row.hidden else 0)
            for row in rows
        ]
        return VERSYM, self.add(self.pack(f"{len(values)}H", 0, *values[1:]))

    def verdef(self, names: Sequence[str]) -> tuple[int, int]:
        table = b""
        for number, name in enumerate(names, start=1):
            rest = 28 if number < len(names) else 0
            table += self.pack("HHHHIII", 1, number == 1, number, 1, 0, 20, rest)
            table += self.pack("II", self.string(name), 0)
        return VERDEF, self.add(table)

    def verneed(
        self, needs: Mapping[str, Sequence[str]], numbers: Mapping[str, int], weak: Sequence[str]
    ) -> tuple[int, int]:
        table = b""
        for place, (file, names) in enumerate(needs.items(), start=1):
            size = 16 + 16 * len(names)
            rest = size if place < len(needs) else 0
            table += self.pack("HHIII", 1, len(names), self.string(file), 16, rest)
            for at, name in enumerate(names, start=1):
                mark = 2 if name in weak else 0
                following = 16 if at < len(names) else 0
                table += self.pack("IHHII", 0, mark, numbers[name], self.string(name), following)
        return VERNEED, self.add(table)

    def relocations(self, rows: Sequence[Symbol], *, rel: bool) -> list[tuple[int, int]]:
        tags: list[tuple[int, int]] = []
        start, size = (REL, RELSZ) if rel else (RELA, RELASZ)
        for use, tag, sized in (("load", start, size), ("call", JMPREL, PLTRELSZ)):
            table = b"".join(
                self._relocation(index, rel=rel) for index, row in enumerate(rows) if row.use == use
            )
            tags += [(tag, self.add(table)), (sized, len(table))] if table else []
        return [*tags, (PLTREL, start)]

    def _relocation(self, index: int, *, rel: bool) -> bytes:
        addend = () if rel else (0,)
        if self.arch.bits == 32:
            return self.pack("II" if rel else "III", 0, index << 8 | 7, *addend)
        info = index if self.arch.debian == "mips64el" else index << 32 | 7
        return self.pack("QQ" if rel else "QQQ", 0, info, *addend)
