"""What hostile megabytes cost: `python -m bench.hostility ROUNDS` prints one row of JSON for each.

Each input is read in turns with the floor: one hash and one base64 of the same
octets.  Memory is what Python allocates for it at most, traced in a run of its own.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable

from builders import openpgp_hostile
from builders.openpgp_hostile import Hostile


def row(hostile: Hostile, rounds: int) -> dict[str, object]:
    """Measure one input."""
    octets = hostile.octets
    ours, floor = [], []
    for _ in range(rounds):
        ours.append(_seconds(hostile.read))
        floor.append(_seconds(lambda: (hashlib.sha256(octets), binascii.b2a_base64(octets))))
    tracemalloc.start()
    refused = hostile.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "name": hostile.name,
        "octets": len(octets),
        "refused": refused,
        "seconds": statistics.median(ours),
        "floor": statistics.median(floor),
        "peak": peak,
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    inputs = openpgp_hostile.inputs()
    inputs[0].read()  # whatever is imported late is imported now
    sys.stdout.write(json.dumps([row(each, int(sys.argv[1])) for each in inputs]))
