"""The least any builder has to do: decompress every package, pack and hash a tree.

Written with what is fastest on a shell: data members decompressed on all cores,
and GNU tar into a hash, zstd and a hash.  It verifies, traces and keeps nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from bench.clock import Contender, take_turns

_PIECE = 1024 * 1024
_THREADS = """
import lzma, os, sys
from concurrent.futures import ThreadPoolExecutor
def read(name):
    with open(name, "rb") as file:
        lzma.decompress(file.read())
with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
    list(pool.map(read, sys.argv[1:]))
"""


def emission(tree: Path, output: Path) -> str:
    """Return the pipeline that packs a tree reproducibly and takes both digests."""
    return (
        f"tar --sort=name --mtime=@0 --numeric-owner -C {shlex.quote(str(tree))} -cf - ."
        " | tee >(openssl sha256 >/dev/null) | zstd -q -3 -T2 -c"
        f" | tee {shlex.quote(str(output))} | openssl sha256"
    )


def shell(*steps: str) -> tuple[str, ...]:
    """Return the command that runs steps one after the other and fails with any of them."""
    return ("bash", "-o", "pipefail", "-c", " && ".join(steps))


def data_members(debs: Sequence[Path], folder: Path) -> tuple[Path, ...]:
    """Write the packages' compressed data members into `folder`, and name them biggest first."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for deb in debs:
        member = folder / f"{deb.name}.xz"
        with deb.open("rb") as package, member.open("wb") as output:
            left = _seek_data(package)
            while left:
                left -= output.write(package.read(min(left, _PIECE)))
        found.append(member)
    return tuple(sorted(found, key=lambda path: -path.stat().st_size))


def _seek_data(package: BinaryIO) -> int:
    """Go to the start of the data member and return its size (deb(5), ar)."""
    package.seek(8)
    while header := package.read(60):
        size = int(header[48:58])
        if header.startswith(b"data.tar.xz"):
            return size
        package.seek(size + size % 2, os.SEEK_CUR)
    raise ValueError("a package without data.tar.xz")


def decompression(members: Sequence[Path]) -> str:
    """Return the faster one, here and now, of two ways to decompress on every core."""
    names = shlex.join(map(str, members))
    ways = {
        "threads": f"{shlex.join([sys.executable, '-I', '-S', '-c', _THREADS])} {names}",
        "processes": f'printf "%s\\0" {names} | xargs -0 -n1 -P"$(nproc)" xz -dc > /dev/null',
    }
    contenders = [Contender(name=name, command=shell(way)) for name, way in ways.items()]
    timings = take_turns(contenders, 3)
    return ways[min(timings, key=lambda timing: timing.median or 0).name]
