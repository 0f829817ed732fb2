"""Tracing without starting a process: `python -m bench.loading WHAT ROUNDS ARGUMENTS`.

Prints a JSON object of lists of seconds:

    closure MANIFEST STORE PATH LIBRARY-PATH   `closure`, `symbols`: one program's, per round
    indexing PACKAGE…                          `decompressing`, `indexing` and of it `facts`: all
                                               packages, per round

Everything that a warm run finds in its store is read before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from imagesmith.build.effects import Effects
from imagesmith.build.facts import facts
from imagesmith.build.indexing import MAX_UNPACKED
from imagesmith.cli import tracing
from imagesmith.cli.tracing import Symbols, Traced
from imagesmith.elf.closure import Environment
from imagesmith.manifest import manifest
from imagesmith.model.digest import Digest
from imagesmith.model.facts import Facts
from imagesmith.store import Store
from imagesmith.unpack import codec, deb, tar
from imagesmith.unpack.codec import PackageIndex

Seconds = dict[str, list[float]]


def seconds(call: Callable[[], object]) -> float:
    """Return what one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def closure(rounds: int, document: str, store: str, path: str, library_path: str) -> Seconds:
    """Load one program again and again, without and with the check of its symbols."""
    effects = Effects(
        store=Store.open(Path(store)),
        stream=None,
        mirrors=lambda _suite: (),
        certificates=(),
        now=int(time.time()),
    )
    parsed = manifest.parse(Path(document).read_bytes(), document=document)
    environment = Environment(library_path=library_path)

    def load(traced: Traced, symbols: Symbols) -> None:
        (run,) = tracing.programs(traced, (path,), environment, symbols)
        assert run.closure.complete, run.closure.missing

    with tracing.in_manifest(parsed, "", effects) as traced:
        turns = {"closure": partial(load, traced, Symbols())}
        turns["symbols"] = partial(load, traced, Symbols(wanted=True))
        return {name: [seconds(turn) for _ in range(rounds)] for name, turn in turns.items()}


def indexing(rounds: int, *packages: str) -> Seconds:
    """Decompress packages, and index what they hold."""
    once(Path(packages[0]))  # whatever is imported late is imported now
    found: Seconds = {"decompressing": [], "indexing": [], "facts": []}
    for _ in range(rounds):
        taken = [once(Path(package)) for package in packages]
        for name, seconds in zip(found, zip(*taken, strict=True), strict=True):
            found[name].append(sum(seconds))
    return found


def once(package: Path) -> tuple[float, float, float]:
    """Return what decompressing one package takes, what indexing it takes, and ELF facts of it."""
    view, name = memoryview(package.read_bytes()), package.name
    looking = 0.0

    def looked(body: memoryview) -> Facts | None:
        nonlocal looking
        start = time.perf_counter()
        found = facts(body)
        looking += time.perf_counter() - start
        return found

    digest = Digest(name)
    parts = deb.open_deb(view, artefact=name)
    start = time.perf_counter()
    payload = b"".join(deb.payload(view, parts, artefact=name, limit=MAX_UNPACKED))
    between = time.perf_counter()
    control = deb.control(view, parts, artefact=name)
    tree = tar.index(memoryview(payload), blob=digest, artefact=name, facts=looked)
    codec.to_bytes(
        PackageIndex(artefact=digest, blob=digest, built=parts.built, control=control, tree=tree)
    )
    return between - start, time.perf_counter() - between, looking


def main(what: str, rounds: str, *arguments: str) -> Seconds:
    """Measure one thing."""
    measures: dict[str, Callable[..., Seconds]] = {
        "closure": closure,
        "indexing": indexing,
    }
    return measures[what](int(rounds), *arguments)


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    sys.stdout.write(json.dumps(main(*arguments)))
