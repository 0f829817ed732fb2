"""Large packages, by `python -m bench.synthetic KIND FOLDER`.

It writes

    FOLDER/tree            the files, as the floor and the peers are given them
    FOLDER/archive         a signed archive with one package that holds them, uncompressed
    FOLDER/archive.pgp     the certificate of its key
    FOLDER/KIND/recipe.toml

The same kind gives the same files.  It is a program of its own because memory
used to make things must not count as memory used to build them.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from builders import openpgp
from builders.archive import DATE, Binary, write_archive

SUITE = "bench"
BLOCK = 64 * 1024
SMALL, SMALL_SIZE = 100_000, 1980
"""Number of small files and their size on average."""
LARGE, LARGE_SIZE = 18, 1024**3 // 18


def bodies(kind: str, chance: random.Random) -> Iterator[tuple[str, int]]:
    """Yield the path and size of every file."""
    if kind == "large":
        yield from ((f"srv/{number:02}.bin", LARGE_SIZE) for number in range(LARGE))
        return
    for number in range(SMALL):
        size = int(chance.expovariate(1 / SMALL_SIZE))
        yield f"srv/{number // 1000:02}/{number // 100 % 10}/{number:06}.txt", size


def blocks(size: int, chance: random.Random) -> Iterator[bytes]:
    """Yield `size` bytes of which every second block can be halved by an encoder."""
    for number, start in enumerate(range(0, size, BLOCK)):
        length = min(BLOCK, size - start)
        plain = number % 2 if size > BLOCK else chance.random() < 0.5
        random_bytes = chance.randbytes(length if plain else length // 2 + 1)
        yield random_bytes if plain else random_bytes.hex().encode()[:length]


def write_files(kind: str, tree: Path) -> None:
    """Write the files of a kind below `tree`."""
    chance = random.Random(kind)  # noqa: S311 - the same bytes every time are the point
    for path, size in bodies(kind, chance):
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            file.writelines(blocks(size, chance))


def package(tree: Path, deb: Path) -> None:
    """Make a package of a tree, which stays as it is."""
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir()
    fields = "Version: 1.0\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\n"
    control.write_text(f"Package: files\n{fields}Description: synthetic\n")
    build = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(DATE)}
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, env=environment)
    control.unlink()
    control.parent.rmdir()


def publish(folder: Path) -> str:
    """Write the archive around the package and return the fingerprint of its key."""
    entry = Binary("files")
    deb = folder / "archive" / entry.path
    deb.parent.mkdir(parents=True)
    package(folder / "tree", deb)
    with deb.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    fields = {"Size": str(deb.stat().st_size), "SHA256": digest}
    key = openpgp.make_key("bench")
    write_archive(
        folder / "archive",
        [Binary("files", fields=fields)],
        suite=SUITE,
        more={"Origin": folder.name},
        sign_cleartext=lambda text: openpgp.cleartext(text, key),
    )
    (folder / "archive.pgp").write_bytes(openpgp.certificate(key))
    return key.fingerprint


def write(kind: str, folder: Path) -> None:
    """Write everything a lock needs."""
    write_files(kind, folder / "tree")
    fingerprint = publish(folder)
    recipe = folder / kind / "recipe.toml"
    recipe.parent.mkdir()
    recipe.write_text(
        f'name = "{kind}"\narchitectures = ["amd64"]\n'
        f'[source.debian]\nkind = "debian"\nsuite = "{SUITE}"\ncomponents = ["main"]\n'
        f'signed-by = ["{fingerprint}"]\n'
        '[[package]]\nsource = "debian"\nnames = ["files"]\n'
        '[trace]\nseeds = []\ninclude = ["/srv/**"]\n'
        "[rootfs]\nos-release = false\nlicences = false\n"
    )


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
