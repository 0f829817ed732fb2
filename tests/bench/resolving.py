"""What `lock` does before it fetches packages: `python -m bench.resolving DIRECTORY STORE`.

Verifies the recorded release file, reads the package indices from the store and
resolves every request for every architecture, and prints how many artefacts there are.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from imagesmith.build import resolve
from imagesmith.build.effects import Effects
from imagesmith.cli import configuration
from imagesmith.manifest import manifest, recipe
from imagesmith.store import Store


def resolved(directory: Path, store: Path) -> int:
    """Resolve a recipe as its manifest recorded it, and return the number of artefacts."""
    documents = [directory / "recipe.toml", directory / "manifest.toml"]
    wanted = recipe.parse(documents[0].read_bytes(), document=str(documents[0]))
    previous = manifest.parse(documents[1].read_bytes(), document=str(documents[1]))
    effects = Effects(
        store=Store.open(store),
        stream=None,
        mirrors=lambda _suite: (),
        certificates=configuration.keyrings(()),
        now=int(time.time()),
    )
    found = resolve.resolve(wanted, effects, recorded=resolve.recorded(previous, wanted), prefer={})
    return len(found.artefacts)


if __name__ == "__main__":
    sys.stdout.write(f"{resolved(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
