"""Pins held against stanzas, and stanzas against the indices they were taken from.

A pin is proven if a kept stanza says the same of name, version, architecture, path,
size and sha256, and stands byte for byte in an index that the signed release file
names.  No stanza is kept without a pin.
"""

from __future__ import annotations

import re

import attrs

from imagesmith.audit.problem import Problem
from imagesmith.build import indices
from imagesmith.build.evidence import Recorded
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact, UsedIndex
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.sources.debian.packages import Index, Package
from imagesmith.sources.debian.release import Release

_INDEX = re.compile(r"(.+)/binary-([a-z0-9-]+)/Packages(?:\.[a-z]+)?\Z")
"""Component and architecture."""


@attrs.frozen
class Row:
    """What a pin and a stanza both say."""

    name: str
    version: str
    architecture: str
    path: str
    size: int
    digest: Digest

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.architecture}"


Rows = dict[Row, str]
"""Pins, and their places in the manifest."""


def wanted(manifest: Manifest) -> dict[str, dict[str, Rows]]:
    """Return the pins by source and architecture."""
    found: dict[str, dict[str, Rows]] = {}
    for artefact in manifest.artefacts:
        for arch in manifest.architectures:
            row = _row(artefact, arch)
            if row is not None:
                rows = found.setdefault(artefact.source_for(arch), {}).setdefault(arch.debian, {})
                rows[row] = f"artefact.{artefact.name}.{arch}"
    return found


def _row(artefact: Artefact, arch: Arch) -> Row | None:
    pin = artefact.pin(arch)
    if pin is None:
        return None
    return Row(
        name=artefact.name,
        version=artefact.version_for(arch),
        architecture="all" if pin.path.endswith("_all.deb") else arch.debian,
        path=pin.path,
        size=pin.size,
        digest=pin.digest,
    )


def prove(source: Recorded, listing: Release, pins: dict[str, Rows]) -> int:
    """Return how many pins the indices prove, and note those they do not."""
    found: dict[str, set[Row]] = {}
    broken: set[str] = set()
    for path, used in source.evidence.indices:
        arch = _place(path)[1]
        rows = _stanzas(source, listing, path, used, pins.get(arch, {}))
        if rows is None:
            broken.add(arch)
        found.setdefault(arch, set()).update(rows or ())
    return sum(
        _held(source, arch, pins.get(arch, {}), found.get(arch, set()), quiet=arch in broken)
        for arch in sorted({*pins, *found})
    )


def _place(path: str) -> tuple[str, str]:
    """Return the component and the architecture of a package index; of other files nothing."""
    match = _INDEX.match(path)
    return (match[1], match[2]) if match else ("", "")


def _held(source: Recorded, arch: str, pins: Rows, found: set[Row], *, quiet: bool) -> int:
    """Hold the pins of one architecture and its stanzas against each other; count what agrees.

    Pins without a stanza are not named where it was said that an index is missing.
    """
    for row in pins.keys() - found if not quiet else ():
        problem = f"{row}: no stanza of {source.name} says what is pinned"
        source.problems.append(Problem(pins[row], "upstream-pin", problem))
    for row in found - pins.keys():
        source.wrong("index", "stanza", f"{row}: kept for {arch}, and not pinned")
    return len(pins.keys() & found)


def _stanzas(
    source: Recorded, listing: Release, path: str, used: UsedIndex, pins: Rows
) -> set[Row] | None:
    """Return what the kept stanzas of one index say; None where they prove nothing."""
    key = f'index."{path}"'
    file = listing.files.get(path)
    if file is None or file.digest != used.digest:
        got = file.digest if file else "nothing"
        source.wrong(key, "index", f"expected {used.digest}, the release file names {got}")
        return None
    if _place(path)[0] not in source.evidence.source.components:
        source.wrong(key, "index", "of none of the components that the manifest names")
        return None
    with source.noting(key, "index"):
        index = source.index(listing, path)
        excerpt = _excerpt(source, key, index, used, pins)
        if excerpt is not None:
            with source.noting(key, "stanza"):
                return _standing(source, key, index, excerpt)
    return None


def _excerpt(source: Recorded, key: str, index: Index, used: UsedIndex, pins: Rows) -> bytes | None:
    """Return the kept stanzas; where the store lost them, the pins' if they are the same."""
    found = source.kept(used.stanzas, limit=indices.MAX_INDEX)
    if found is None:
        mine = (each for row in pins for each in index.named(row.name) if _said(each) == row)
        found = index.excerpt(mine)
        if Digest.of(found) != used.stanzas:
            problem = f"{used.stanzas} is not in the store, and the stanzas of the pins are others"
            source.wrong(key, "evidence", problem)
            return None
    return found


def _standing(source: Recorded, key: str, index: Index, excerpt: bytes) -> set[Row]:
    """Return what the stanzas say that stand in the index byte for byte."""
    copy = Index.scan(excerpt, source=source.name, document=index.document)
    packages = [each for name in copy.names for each in copy.named(name)]
    if copy.excerpt(packages) != excerpt:
        source.wrong(key, "stanza", "holds something else than stanzas of packages")
    standing = [each for each in packages if each in index.named(each.name)]
    for package in packages:
        if package not in standing:
            source.wrong(key, "stanza", f"{package}: not as it stands in the index")
    return {_said(package) for package in standing}


def _said(package: Package) -> Row:
    return Row(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        path=package.filename,
        size=package.size,
        digest=package.digest,
    )
