"""Damaged copies of real ELF files: the same ones for the same seed.

Headers and dynamic section decide what a reader does, so most damage is done
there: wild words where offsets, sizes and counts stand, copied words, flipped
bytes, files that end too early.
"""

from __future__ import annotations

import functools
import random
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

from builders.elf import GLIBC_INTERP, PT_DYNAMIC, make_elf
from builders.toolchain import library, link, program

from imagesmith.model.arch import ARCHES

_WILD = (
    0,
    1,
    2,
    0x7F,
    0xFF,
    0xFFF,
    0xFFFF,
    1 << 16,
    1 << 31,
    (1 << 32) - 1,
    1 << 62,
    (1 << 64) - 1,
)
_HEAD = 0x400
"""Bytes in which the headers of the samples end."""


@functools.cache
def samples() -> dict[str, bytes]:
    """Return real files of this host and what gcc makes, and a foreign one of our writer."""
    made = {
        "library": link(library("libb.so", "libc.so.6", soname="liba.so.1", runpath="$ORIGIN/x")),
        "program": link(program("liba.so", "libb.so", rpath="/r:$LIB")),
        "big-endian": make_elf(arch=ARCHES["s390x"], needed=["a", "b"], soname="c", runpath="/r"),
        "32-bit": make_elf(arch=ARCHES["armhf"], flags=0x400, needed=["a"], interp="/lib/ld.so"),
    }
    real = {"true": shutil.which("true"), "loader": GLIBC_INTERP}
    return made | {
        name: Path(path).read_bytes() for name, path in real.items() if path and Path(path).exists()
    }


def mutants(sample: bytes, count: int, seed: str) -> Iterator[bytes]:
    """Yield `count` damaged copies of a file."""
    chance = random.Random(seed)  # noqa: S311 - the same mutants every time are the point
    dynamic = _dynamic(sample)
    for _ in range(count):
        mutant = bytearray(sample)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            _damage(mutant, dynamic, chance)
        yield bytes(mutant)


def _dynamic(sample: bytes) -> range:
    """Return where the dynamic section lies."""
    wide, order = sample[4] == 2, "<" if sample[5] == 1 else ">"
    (start,) = struct.unpack_from(order + ("Q" if wide else "I"), sample, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", sample, 54 if wide else 42)
    layout = order + ("I4xQ16xQ" if wide else "II8xI")
    heads = [struct.unpack_from(layout, sample, start + each * size) for each in range(count)]
    (place, length) = next((place, length) for kind, place, length in heads if kind == PT_DYNAMIC)
    return range(place, place + length)


def _damage(mutant: bytearray, dynamic: range, chance: random.Random) -> None:
    place = _place(mutant, dynamic, chance)
    match chance.randrange(8):
        case 0 | 1 | 2:
            width = chance.choice((2, 4, 8))
            value = chance.choice((*_WILD, len(mutant), len(mutant) - 1, chance.getrandbits(64)))
            order = chance.choice(("little", "big"))
            word = (value % (1 << (8 * width))).to_bytes(width, order)  # type: ignore[arg-type]  # one of the two
            place -= place % width
            mutant[place : place + width] = word
        case 3 | 4:
            mutant[place] = chance.randrange(256)
        case 5:
            source = _place(mutant, dynamic, chance)
            mutant[place : place + 16] = mutant[source : source + 16]
        case 6:
            del mutant[chance.randrange(len(mutant)) :]
            mutant += b"\0" if not mutant else b""
        case _:
            mutant[place : place + 64] = bytes([chance.choice((0, 0xFF))]) * 64


def _place(mutant: bytearray, dynamic: range, chance: random.Random) -> int:
    wanted = chance.choice(
        (chance.randrange(_HEAD), chance.choice(dynamic), chance.randrange(len(mutant)))
    )
    return wanted % len(mutant)
