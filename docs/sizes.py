"""What the examples weigh: `python docs/sizes.py --update STORE` writes the table of docs/sizes.md.

Promises that the table is what the manifests give.  Files and bytes of an image are
counted in its mtree listing, which lies beside its manifest; `problems` compares them
whenever the documentation is checked.  The layer and the packages can only be
measured where the packages are, in a store from which the examples were built; the
end-to-end tests compare those.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from imagesmith.build import acquire, execute, results
from imagesmith.build import plan as plans
from imagesmith.build.effects import Effects
from imagesmith.errors import ImagesmithError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest import mtree
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.arch import Arch
from imagesmith.model.tree import Entry, File
from imagesmith.store import Store

BLOCK = re.compile(r"(<!-- sizes -->\n)(.*?)(<!-- end sizes -->)", re.DOTALL)
SIZE = re.compile(r"type=file .* size=([0-9]+)")
INODE = re.compile(r" inode=([0-9]+)")
HEADINGS = (
    (
        "Image",
        "For",
        "Files",
        "Unpacked",
        "Layer",
        "Packages",
        "Their files",
        "Unpacked",
        "Shipped",
    ),
    ("---", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---:"),
)
COUNTED = 4
"""Columns that the listing beside a manifest gives."""
MEGABYTE = 1_000_000


@attrs.frozen
class Weight:
    """Regular files, and the bytes in them."""

    files: int
    octets: int

    @classmethod
    def listed(cls, listing: bytes, *, document: str) -> Weight:
        """Weigh what an mtree listing names."""
        sizes: dict[str, int] = {}
        for path, keywords in mtree.parse(listing, document=document).items():
            size, inode = SIZE.match(keywords), INODE.search(keywords)
            if size:
                sizes[inode[1] if inode else path] = int(size[1])  # hard links are one file
        return cls(len(sizes), sum(sizes.values()))

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Weight:
        """Weigh what trees hold."""
        sizes = [entry.size for entry in entries if isinstance(entry, File)]
        return cls(len(sizes), sum(sizes))


@attrs.frozen(kw_only=True)
class Measured:
    """What only packages tell."""

    layer: int
    """Bytes of the compressed layer."""
    packages: int
    contents: Weight
    """All that is in them."""


def images(root: Path) -> Iterator[tuple[Path, Manifest, Arch]]:
    """Yield every image of the examples, with its directory and manifest."""
    for path in sorted(root.glob("manifests/*/manifest.toml")):
        document = str(path.relative_to(root))
        manifest = manifests.parse(path.read_bytes(), document=document)
        for arch in manifest.architectures:
            yield path.parent, manifest, arch


def counted(directory: Path, manifest: Manifest, arch: Arch) -> tuple[str, ...]:
    """Return the columns of an image that its listing gives."""
    listing = directory / f"{arch}.mtree"
    weight = Weight.listed(listing.read_bytes(), document=str(listing))
    return manifest.name, arch.debian, str(weight.files), _megabytes(weight.octets)


def row(directory: Path, manifest: Manifest, arch: Arch, measured: Measured) -> tuple[str, ...]:
    """Return all columns of an image."""
    weight = Weight.listed((directory / f"{arch}.mtree").read_bytes(), document=str(arch))
    return (
        *counted(directory, manifest, arch),
        _megabytes(measured.layer),
        str(measured.packages),
        str(measured.contents.files),
        _megabytes(measured.contents.octets),
        f"{weight.octets / measured.contents.octets:.0%}",
    )


def measure(manifest: Manifest, arch: Arch, effects: Effects) -> Measured:
    """Measure what an image is made of, from packages in the store."""
    plan = plans.plan(manifest, arch, encoder=manifest.encoder)
    built = results.kept(plan, effects.store) or execute.execute(plan, effects)
    indices = acquire.trees(plan.artefacts, effects)
    return Measured(
        layer=sum(layer.size for layer in built.image.layers),
        packages=len(indices),
        contents=Weight.of(entry for index in indices for _, entry in index.tree),
    )


def _megabytes(octets: int) -> str:
    return f"{octets / MEGABYTE:.1f} MB"


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return the lines of a Markdown table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (*HEADINGS, *rows))


def shown(page: str) -> list[tuple[str, ...]]:
    """Return the rows that the page shows."""
    match = BLOCK.search(page)
    lines = match[2].splitlines()[len(HEADINGS) :] if match else []
    return [tuple(line.strip("| ").split(" | ")) for line in lines]


def problems(root: Path) -> Iterator[str]:
    """Yield what the page says otherwise than the listings of the examples."""
    page = root / "docs" / "sizes.md"
    there = {cells[:COUNTED] for cells in shown(page.read_text())} if page.exists() else set()
    wanted = {counted(*image) for image in images(root)}
    for cells in sorted(there ^ wanted):
        verb = "is not so" if cells in there else "is missing"
        yield f"sizes: {' '.join(cells)} {verb}: run docs/sizes.py --update STORE"


def update(root: Path, store: Path) -> None:
    """Measure every example and write the table; NetworkError if the store lacks a package.

    Building the examples puts all there is to measure into a store.
    """
    effects = Effects(store=Store.open(store), stream=None, mirrors=lambda _: (), now=0)
    rows = [row(*image, measure(*image[1:], effects)) for image in images(root)]
    page = root / "docs" / "sizes.md"
    page.write_text(BLOCK.sub(lambda match: match[1] + table(rows) + match[3], page.read_text()))


def main(arguments: list[str], root: Path) -> int:
    """Update the table if asked to, check, print, and return the exit status."""
    match arguments:
        case ["--update", store]:
            try:
                update(root, Path(store))
            except ImagesmithError as error:
                sys.stderr.write(f"error: {error}\nhint: build the examples with --store {store}\n")
                return 1
        case []:
            pass
        case _:
            sys.stderr.write("usage: python docs/sizes.py [--update STORE]\n")
            return 2
    found = list(problems(root))
    sys.stdout.write("".join(f"{problem}\n" for problem in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent))
