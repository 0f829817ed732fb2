"""What damaged ELF files cost: `python -m bench.damage COUNT` prints one row of JSON per file.

Of COUNT damaged copies the ones that took longest are read again: what counts is
the best of several turns, as this machine may have been busy.  Memory is what
Python allocates for the slowest at most.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import sys
import time
import tracemalloc
from collections.abc import Callable

from builders.mutants import mutants, samples

from imagesmith.elf.object import facts

SUSPECTS, TURNS = 20, 5


def row(name: str, file: bytes, count: int) -> dict[str, object]:
    """Read damaged copies of one file."""
    timed = ((_seconds(mutant), mutant) for mutant in mutants(file, count, seed=name))
    suspects = [mutant for _, mutant in heapq.nlargest(SUSPECTS, timed, key=lambda pair: pair[0])]
    again = [(min(_seconds(mutant) for _ in range(TURNS)), mutant) for mutant in suspects]
    slowest, mutant = max(again, key=lambda pair: pair[0])
    tracemalloc.start()
    facts(memoryview(mutant))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "name": name,
        "octets": len(file),
        "seconds": slowest,
        "floor": min(_time(lambda: hashlib.sha256(file)) for _ in range(TURNS)),
        "peak": peak,
    }


def _seconds(mutant: bytes) -> float:
    return _time(lambda: facts(memoryview(mutant)))


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    rows = [row(name, file, int(sys.argv[1])) for name, file in samples().items()]
    sys.stdout.write(json.dumps(rows))
