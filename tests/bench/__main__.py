"""`make bench`: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import machine, peers, table
from bench.clock import Failed
from bench.sections import GROUPS, LARGE, ROOT, Bench
from bench.table import Part

OUTPUT = ROOT / "docs" / "benchmarks.md"
WORK = ROOT / "build" / "bench"

INTRODUCTION = """\
# Benchmarks

Written by `make bench`, which measures everything below in one run, on one machine:

{machine}
Programs that are compared take turns, and each line gives the median of its runs with the
fastest and the slowest beside it. A run is a whole process, from start to exit, by the wall's
clock. Peak memory is the largest resident size of any one process of it; it is left out for
daemons, and where it is smaller than the benchmark's own.

Seconds are this machine's and this hour's. **The ratios are what is claimed**: less than 1 means
that imagesmith is faster. The *floor* is the least anybody has to do, by the fastest tools of a
shell: data members decompressed on all cores, then GNU tar, sorted and with one time, into a hash,
`zstd -3 -T2` and a hash. It checks no signature, traces nothing, syncs nothing to disk and keeps
nothing.

`make bench` needs a mirror; `make bench BENCH=--large` adds the closure of ffmpeg, and ffmpeg with
PostgreSQL, and fetches 200 MB more. Peers that are not installed are left out and said to be. The
workloads are locked against the archive of the day, so package versions move; ratios should not.
"""


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--large", action="store_true", help="a large closure as well")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each program")
    parser.add_argument("--work", type=Path, default=WORK, help="directory to work in")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="document to write")
    parser.add_argument(
        "--only", action="append", choices=list(GROUPS), help="measure these; write no document"
    )
    return parser.parse_args()


def measure(chosen: argparse.Namespace) -> list[Part]:
    """Measure what was chosen, and print each section as soon as it is there."""
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    groups = chosen.only or [name for name in GROUPS if name not in LARGE or chosen.large]
    sections: list[Part] = []
    with peers.engine(work) as socket:
        bench = Bench(work=work, rounds=chosen.rounds, socket=socket)
        for name in groups:
            for section in GROUPS[name](bench):
                sections.append(section)
                sys.stdout.write(f"{table.render(section)}\n")
                sys.stdout.flush()
    return sections


def main() -> int:
    """Run the benchmarks and return the exit status."""
    chosen = options()
    introduction = INTRODUCTION.format(machine=machine.describe())
    try:
        sections = measure(chosen)
    except Failed as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    promises = table.summary(sections)
    sys.stdout.write(promises)
    if not chosen.only:
        parts = [introduction, f"## Promises\n\n{promises}", *map(table.render, sections)]
        chosen.output.parent.mkdir(exist_ok=True)
        chosen.output.write_text("\n".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
