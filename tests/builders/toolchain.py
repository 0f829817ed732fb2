"""Programs and libraries as gcc and ld write them, said in a few words.

`library` and `program` only say what is wanted; `link` makes it, each distinct
one once in a session.  What DT_NEEDED shall name need not exist: a stub with
that DT_SONAME stands in when linking.  What ld refuses to write is patched in
afterwards: tags of dynamic entries by the string they name, bytes of the header
by their offset.
"""

from __future__ import annotations

import functools
import json
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from builders.elf import (
    AUDIT,
    AUXILIARY,
    DEPAUDIT,
    FILTER,
    GLIBC_INTERP,
    NEEDED,
    PT_DYNAMIC,
    RPATH,
    RUNPATH,
    SONAME,
    STRTAB,
)

EI_CLASS, EI_DATA, EI_VERSION, EI_OSABI, EI_ABIVERSION, EI_PAD = 4, 5, 6, 7, 8, 9
E_TYPE, E_MACHINE, E_PHENTSIZE = 16, 18, 54
"""Offsets in the header of a 64-bit file."""

_NAMING = frozenset({NEEDED, SONAME, RPATH, RUNPATH, AUXILIARY, FILTER, AUDIT, DEPAUDIT})

_LIBRARY = """
unsigned la_version(unsigned version) { return version; }  /* rtld-audit(7): it may audit too */
"""

_NOTE = """
.pushsection .note.dlopen, "a", %note
.balign {align}
.long 9f - 8f, 0f - 1f, 0x407c0c0a
8: .asciz "FDO"
9: .balign {align}
1: .asciz {text}
0: .balign {align}
.popsection
"""

_PROGRAM = """
#include <link.h>

extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

static long call(long number, long first, long second, long third)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result)
                     : "0"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

/* Say the name of every object that was loaded, a line each, as the loader tells debuggers. */
void _start(void)
{
    for (ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag; entry++)
        if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr)
            for (struct link_map *each = ((struct r_debug *)entry->d_un.d_ptr)->r_map; each;
                 each = each->l_next) {
                long length = 0;
                while (each->l_name[length])
                    length++;
                call(1, 1, (long)each->l_name, length);
                call(1, 1, (long)"\\n", 1);
            }
    call(60, 0, 0, 0);
}
"""

_STATIC = """
void _start(void)
{
    __asm__ volatile("syscall" : : "a"(60L), "D"(0L));
}
"""


@attrs.frozen(kw_only=True)
class Linked:
    """What gcc is asked for."""

    source: str
    needed: tuple[str, ...]
    options: tuple[str, ...]
    """Of gcc, when linking."""
    compile: tuple[str, ...] = ()
    """Of gcc, always: -m32."""
    retagged: tuple[tuple[str, int], ...] = ()
    """Dynamic entries by the string they name, and the tag they get instead."""
    patched: tuple[tuple[int, bytes], ...] = ()
    """What to write at which offset of the header."""

    def with_notes(self, *texts: str, align: int = 4) -> Linked:
        """Add dlopen notes with these texts, each in a section of its own as systemd has them."""
        notes = [_NOTE.format(text=json.dumps(text), align=align) for text in texts]
        assembled = "".join(f"__asm__({json.dumps(note)});\n" for note in notes)
        return attrs.evolve(self, source=self.source + assembled)


def library(
    *needed: str,
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    options: tuple[str, ...] = (),
    compile: tuple[str, ...] = (),  # noqa: A002 - the field it fills
    retag: Mapping[str, int] | None = None,
    patch: Mapping[int, bytes] | None = None,
    source: str = _LIBRARY,
    kind: str = "-shared",
) -> Linked:
    """Ask for a shared object; `options` are the linker's, such as `-znodefaultlib`."""
    linker = [*options, *([f"-soname={soname}"] if soname else [])]
    tags = dict(retag or {})
    if rpath is not None and runpath is None:
        linker += ["--disable-new-dtags", f"-rpath={rpath}"]
    if runpath is not None:
        linker += ["--enable-new-dtags", f"-rpath={runpath}"]
    if rpath is not None and runpath is not None:  # ld writes one of them or the other
        linker.append(f"--depaudit={rpath}")
        tags[rpath] = RPATH
    return Linked(
        source=source,
        needed=needed,
        options=(kind, *(f"-Wl,{option}" for option in linker)),
        compile=compile,
        retagged=tuple(tags.items()),
        patched=tuple((patch or {}).items()),
    )


def program(
    *needed: str,
    interp: str = GLIBC_INTERP,
    rpath: str | None = None,
    runpath: str | None = None,
    options: tuple[str, ...] = (),
    retag: Mapping[str, int] | None = None,
    kind: str = "-pie",
) -> Linked:
    """Ask for a program that says what its loader loaded; `kind` is `-pie` or `-no-pie`."""
    return library(
        *needed,
        rpath=rpath,
        runpath=runpath,
        options=(f"--dynamic-linker={interp}", *options),
        retag=retag,
        source=_PROGRAM,
        kind=kind,
    )


def static(kind: str) -> Linked:
    """Ask for a program that needs nothing; `kind` is `-static` or `-static-pie`."""
    return library(source=_STATIC, kind=kind)


@functools.cache
def link(wanted: Linked) -> bytes:
    """Compile and link; skip the test that asks for it where there is no gcc."""
    stubs = [_file(_stub(name)) for name in wanted.needed]
    start = _file(_compiled(wanted.source, wanted.compile))
    lean = ("-nostdlib", "-Wl,--no-as-needed", "-Wl,--build-id=none", "-Wl,-znoseparate-code")
    content = bytearray(_gcc(*wanted.compile, *lean, *wanted.options, start, *stubs))
    for name, tag in wanted.retagged:
        _retag(content, name.encode(), tag)
    for place, patch in wanted.patched:
        content[place : place + len(patch)] = patch
    return bytes(content)


@functools.cache
def _compiled(source: str, options: tuple[str, ...]) -> bytes:
    return _gcc(*options, "-O1", "-fPIC", "-fno-stack-protector", "-c", "-xc", "-", source=source)


@functools.cache
def _stub(name: str) -> bytes:
    empty = _file(_compiled("", ()))
    return _gcc("-nostdlib", "-shared", f"-Wl,-soname={name}", empty)


@functools.cache
def _file(content: bytes) -> str:
    """Keep bytes where gcc can read them, until the session ends."""
    with tempfile.NamedTemporaryFile(dir=_folder().name, suffix=".o", delete=False) as file:
        file.write(content)
    return file.name


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="toolchain-")


def _gcc(*arguments: str, source: str = "") -> bytes:
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    output = Path(_folder().name, "a.out")
    # Nothing here is optimised when linking, and loading that plugin is half of the work.
    command = ["gcc", "-fno-use-linker-plugin", *arguments, "-o", str(output)]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output.read_bytes()


def _retag(content: bytearray, name: bytes, tag: int) -> None:
    """Give the dynamic entry that names a string another tag (ELF64, little-endian)."""
    start, _, count = struct.unpack_from("<Q14xHH", content, 32)
    heads = [struct.unpack_from("<IIQQQQ", content, start + 56 * each) for each in range(count)]
    (dynamic,) = (head for head in heads if head[0] == PT_DYNAMIC)
    _, _, offset, _, _, size = dynamic
    entries = {
        at: struct.unpack_from("<qQ", content, at) for at in range(offset, offset + size, 16)
    }
    # Everything up to the string table lies in the first segment, where address and offset agree.
    strings = next(value for found, value in entries.values() if found == STRTAB)
    for at, (found, value) in entries.items():
        if found in _NAMING and content[strings + value :].startswith(name + b"\0"):
            struct.pack_into("<q", content, at, tag)
            return
    raise AssertionError(f"no dynamic entry names {name!r}")
