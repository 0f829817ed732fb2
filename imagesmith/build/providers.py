"""Which packages may bring what a closure misses.

A guess for a hint: names after the conventions of `sources.debian.naming`, held
against the package indices that a manifest's evidence names.  Only what the
store has is asked, for no hint is worth a download, and nothing that is wrong
with it comes in the way of the error that wants the hint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

import attrs

from imagesmith.build import indices
from imagesmith.errors import ClosureIncomplete, ImagesmithError, PathNotFound
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.arch import Arch
from imagesmith.sources.debian import naming
from imagesmith.sources.debian.packages import Index
from imagesmith.store import Store


def packages(
    names: Collection[str], manifest: Manifest, arch: Arch, store: Store
) -> Mapping[str, tuple[str, ...]]:
    """Return, by missing name, packages that may have it and are not pinned; few names have any."""
    pinned = {artefact.name for artefact in manifest.artefacts if artefact.pin(arch)}
    wanted = {each for name in names for each in naming.candidates(name)} - pinned
    known = wanted.intersection(_offered(manifest, arch, store)) if wanted else wanted
    found = {name: naming.providers(name, known) for name in names}
    return {name: those for name, those in found.items() if those}


def _offered(manifest: Manifest, arch: Arch, store: Store) -> Iterator[str]:
    """Yield the packages of every recorded index that the store has."""
    for name, evidence in manifest.sources:
        for path, used in evidence.indices:
            if f"binary-{arch.debian}/" in path and store.find(used.digest) is not None:
                with suppress(ImagesmithError):
                    plain = b"".join(indices.decompressed(path, used.digest, store))
                    yield from Index.scan(plain, source=name, document=path).names


def sentence(those: tuple[str, ...], what: str = "it") -> str:
    """Say which packages may have what is missing."""
    noun = "package" if len(those) == 1 else "packages"
    return f"{noun} {' or '.join(those)} of the index may have {what}"


def advised(
    error: ClosureIncomplete | PathNotFound, manifest: Manifest, arch: Arch, store: Store
) -> ClosureIncomplete | PathNotFound:
    """Return the error with a hint at packages to add, where there are any."""
    if isinstance(error, ClosureIncomplete):
        names = error.missing
    else:  # includes are files inside of packages, named after nothing
        names = (error.path,) if error.what == "seed" else ()
    found = packages(names, manifest, arch, store)
    if error.hint is not None or not found:
        return error
    said = "; ".join(sentence(those, name) for name, those in found.items())
    return attrs.evolve(error, hint=f"{said}: add it to names under [[package]]")
