"""Small ELF files that real loaders accept, and broken ones that nothing should.

`make_elf` writes one loadable segment that is the whole file at address zero,
a dynamic section, a string table and an empty symbol table: enough for ld.so
and musl to map it and follow its DT_NEEDED, for any class, byte order and
machine.  `header`, `tags` and `segments` override or add single fields, which
is how hostile variants are made.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Literal

from imagesmith.model.arch import ARCHES, Arch

AMD64 = ARCHES["amd64"]
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK = 1, 2, 3, 0x6474E551
NEEDED, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME, RPATH, RUNPATH = 1, 4, 5, 6, 10, 11, 14, 15, 29
AUDIT, DEPAUDIT, FLAGS_1, AUXILIARY, FILTER = (
    0x6FFFFEFC,
    0x6FFFFEFB,
    0x6FFFFFFB,
    0x7FFFFFFD,
    0x7FFFFFFF,
)
NODEFLIB, PIE = 0x800, 0x8000000
ET_EXEC, ET_DYN = 2, 3
GLIBC_INTERP = "/lib64/ld-linux-x86-64.so.2"
MUSL_INTERP = "/lib/ld-musl-x86_64.so.1"
Segment = tuple[int, int, int, int]
"""p_type, p_offset, p_vaddr, p_filesz."""


def make_elf(
    *,
    arch: Arch = AMD64,
    kind: int = ET_DYN,
    flags: int = 0,
    interp: str | bytes | None = None,
    needed: Sequence[str] = (),
    dependencies: Sequence[tuple[int, str]] = (),
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    audit: str | None = None,
    flags_1: int = 0,
    dynamic: bool = True,
    entry: int = 0,
    payload: bytes = b"",
    ident: Mapping[int, int] | None = None,
    header: Mapping[str, int] | None = None,
    tags: Sequence[tuple[int, int]] = (),
    segments: Sequence[Segment] = (),
) -> bytes:
    """Write an ELF file.

    `dependencies` are (tag, name) after those of `needed`; `tags` raw entries after everything
    else; `ident` replaces bytes of e_ident, `header` fields of the ELF header.
    """
    order = {"little": "<", "big": ">"}[arch.endian]
    word = {32: 4, 64: 8}[arch.bits]
    named = [(NEEDED, name) for name in needed] + list(dependencies)
    named += [
        (tag, text)
        for tag, text in ((SONAME, soname), (RPATH, rpath), (RUNPATH, runpath), (AUDIT, audit))
        if text is not None
    ]
    strings, entries = _strings(named)
    path = interp.encode() + b"\0" if isinstance(interp, str) else interp or b""
    count = 2 + dynamic + bool(path) + len(segments)
    start = {32: 52, 64: 64}[arch.bits] + count * {32: 32, 64: 56}[arch.bits]
    at_interp = start
    at_hash = _aligned(at_interp + len(path))
    at_symbols = at_hash + 16
    at_strings = at_symbols + 3 * word
    at_dynamic = _aligned(at_strings + len(strings))
    entries += [
        (HASH, at_hash),
        (SYMTAB, at_symbols),
        (SYMENT, 3 * word),
        (STRTAB, at_strings),
        (STRSZ, len(strings)),
    ]
    entries += [(FLAGS_1, flags_1)] if flags_1 else []
    table = b"".join(
        struct.pack(order + {32: "II", 64: "QQ"}[arch.bits], *pair)
        for pair in (*entries, *tags, (0, 0))
    )
    table = table if dynamic else b""
    body = path.ljust(at_hash - at_interp, b"\0") + struct.pack(order + "4I", 1, 1, 0, 0)
    body += bytes(3 * word) + strings.ljust(at_dynamic - at_strings, b"\0") + table + payload
    size = start + len(body)
    heads: list[Segment] = [(PT_LOAD, 0, 0, size), (PT_GNU_STACK, 0, 0, 0)]
    heads += [(PT_DYNAMIC, at_dynamic, at_dynamic, len(table))] if dynamic else []
    heads += [(PT_INTERP, at_interp, at_interp, len(path))] if path else []
    fields = {"type": kind, "machine": arch.machine, "version": 1, "entry": entry, "flags": flags}
    fields |= {"phnum": count, "phoff": {32: 52, 64: 64}[arch.bits], **(header or {})}
    return (
        _header(arch, fields, ident or {})
        + b"".join(_segment(arch, head) for head in (*heads, *segments))
        + body
    )


def _strings(named: Sequence[tuple[int, str]]) -> tuple[bytes, list[tuple[int, int]]]:
    strings, entries = b"\0", []
    for tag, text in named:
        entries.append((tag, len(strings)))
        strings += text.encode("utf-8", "surrogateescape") + b"\0"
    return strings, entries


def _aligned(offset: int) -> int:
    return (offset + 7) // 8 * 8


def _header(arch: Arch, fields: Mapping[str, int], ident: Mapping[int, int]) -> bytes:
    first = bytearray(16)
    first[:7] = b"\x7fELF" + bytes([arch.bits // 32, {"little": 1, "big": 2}[arch.endian], 1])
    for place, value in ident.items():
        first[place] = value
    order = {"little": "<", "big": ">"}[arch.endian]
    word = {32: "I", 64: "Q"}[arch.bits]
    return bytes(first) + struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        fields["type"],
        fields["machine"],
        fields["version"],
        fields["entry"],
        fields["phoff"],
        0,
        fields["flags"],
        {32: 52, 64: 64}[arch.bits],
        fields.get("phentsize", {32: 32, 64: 56}[arch.bits]),
        fields["phnum"],
        0,
        0,
        0,
    )


def _segment(arch: Arch, head: Segment) -> bytes:
    kind, offset, address, size = head
    order = {"little": "<", "big": ">"}[arch.endian]
    rights = 4 if kind != PT_LOAD else 6
    if arch.bits == 64:
        return struct.pack(
            f"{order}IIQQQQQQ", kind, rights, offset, address, address, size, size, 4096
        )
    return struct.pack(f"{order}8I", kind, offset, address, address, size, size, rights, 4096)


def make_glibc(
    *directories: str,
    version: str = "2.36",
    arch: Arch = AMD64,
    flags: int = 0,
    soname: str = "ld-linux-x86-64.so.2",
) -> bytes:
    """Write what looks like glibc's loader with these system directories."""
    names = directories or (f"/lib/{arch.triplet}", f"/usr/lib/{arch.triplet}", "/lib", "/usr/lib")
    text = b"\0".join(name.encode() + b"/" for name in names)
    banner = b"ld.so stable release version " + version.encode() + b".\n"
    payload = b"\0" + text + b"\0\0/etc/ld.so.cache\0" + banner + b"\0"
    return make_elf(arch=arch, flags=flags, soname=soname, entry=64, payload=payload)


def make_musl(*, version: str = "1.2.3", arch: Arch = AMD64, flags: int = 0) -> bytes:
    """Write what looks like musl's loader."""
    usage = b"musl libc (x86_64)\nVersion %s\nDynamic Program Loader\n\0"
    payload = b"\0" + usage + b"/lib:/usr/local/lib:/usr/lib\0" + version.encode() + b"\0"
    return make_elf(arch=arch, flags=flags, entry=64, payload=payload)


def make_cache(
    entries: Sequence[tuple[str, str, int, str | None]],
    *,
    endian: Literal["little", "big"] = "little",
    old_block: bool = False,
    mark: bool = True,
) -> bytes:
    """Write an ld.so.cache of (name, path, flags, hwcaps level), in the order given."""
    order = {"little": "<", "big": ">"}[endian]
    levels = sorted({level for _, _, _, level in entries if level})
    strings, places = b"", dict[str, int]()
    start = 48 + 24 * len(entries)
    for text in [*levels, *(text for name, path, _, _ in entries for text in (name, path))]:
        if text not in places:
            places[text] = start + len(strings)
            strings += text.encode("utf-8", "surrogateescape") + b"\0"
    table = b"".join(
        struct.pack(
            order + "iIIIQ",
            flags,
            places[name],
            places[path],
            0,
            (1 << 62) + levels.index(level) if level else 0,
        )
        for name, path, flags, level in entries
    )
    extension = _aligned(start + len(strings))
    names = b"".join(struct.pack(order + "I", places[level]) for level in levels)
    byte = {"little": 2, "big": 3}[endian] if mark else 0
    head = b"glibc-ld.so.cache1.1" + struct.pack(
        order + "IIB3xI12x", len(entries), len(strings), byte, extension if levels else 0
    )
    body = (head + table + strings).ljust(extension, b"\0")
    if levels:
        body += (
            struct.pack(order + "IIIIII", 0xEAA42174, 1, 1, 0, extension + 24, len(names)) + names
        )
    return (b"ld.so-1.7.0\0" + struct.pack(order + "I", 0) if old_block else b"") + body
