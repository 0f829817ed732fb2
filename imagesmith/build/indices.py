"""The package indices that a release file names, wherever they lie.

By their digest first, where a mirror keeps them so, because a path holds another
index after the mirror's next update.  Decompressed once in the life of a store
where the release file names the plain form.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from imagesmith import compression
from imagesmith.build import acquire
from imagesmith.build.effects import Effects
from imagesmith.build.releases import Signed
from imagesmith.errors import DocumentError, IntegrityError, NetworkError
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.sources.debian import release
from imagesmith.sources.debian.packages import Index
from imagesmith.sources.debian.release import IndexFile, Release
from imagesmith.store import Store

MAX_INDEX = 1024 * 1024 * 1024


def indices(signed: Signed, arch: Arch, effects: Effects) -> list[Index]:
    """Return the package indices of a source for one architecture, one a component."""
    found: list[Index] = []
    for component in signed.evidence.source.components:
        if component not in signed.release.components:
            raise DocumentError(
                document="recipe.toml",
                place=f"source.{signed.name}.components",
                problem=f"{signed.evidence.source.suite} has no component {component!r}",
                hint=f"it has {', '.join(signed.release.components)}",
            )
        paths = release.packages_path(signed.release, component, arch.debian)[:1]
        found += (_index(signed, path, effects) for path in paths)
    if not found:
        suite = signed.evidence.source.suite
        raise DocumentError(
            document="recipe.toml",
            place=f"source.{signed.name}",
            problem=f"{suite} has no package index for {arch} in these components",
            hint=f"it has {', '.join(signed.release.architectures)}",
        )
    return found


def _index(signed: Signed, path: str, effects: Effects) -> Index:
    """Return one package index; it is decompressed once where the release names its plain form.

    Debian's releases do, though mirrors need not have that file (repository format,
    "MD5Sum, SHA1, SHA256"), so what the store has under that digest is as good as signed.
    """
    store = effects.store
    fetch(signed.evidence.source.suite, signed.release, path, effects)  # it is evidence
    plain = signed.release.files.get(path.rpartition(".")[0])
    if plain is None or not store.find(plain.digest):
        made = store.add(decompressed(path, signed.release.files[path].digest, store))
        if plain is not None and made.digest != plain.digest:
            expected, got = str(plain.digest), str(made.digest)
            raise IntegrityError(what=f"{path}, decompressed", expected=expected, got=got)
        plain = IndexFile(made.size, made.digest)
    return Index.scan(store.read(plain.digest), source=signed.name, document=path)


def decompressed(path: str, digest: Digest, store: Store) -> Iterator[bytes]:
    """Yield the bytes of an index that the store has as it was fetched."""
    kind = compression.kind_of(next(iter(store.chunks(digest)), b""))
    return compression.decompressed(store.chunks(digest), kind, what=path, limit=MAX_INDEX)


def fetch(suite: str, listing: Release, path: str, effects: Effects) -> None:
    """Make the store have the file at `path` below `dists/SUITE`, as `listing` has it."""
    file = listing.files[path]
    if effects.store.find(file.digest):
        return
    download = partial(
        acquire.download, suite=suite, size=file.size, digest=file.digest, effects=effects
    )
    if listing.by_hash:
        # a mirror need not keep what its release file promises, nor say so in an honest way
        with suppress(NetworkError, IntegrityError):
            download(f"dists/{suite}/{release.by_hash_path(path, file.digest)}")
            return
    download(f"dists/{suite}/{path}")
