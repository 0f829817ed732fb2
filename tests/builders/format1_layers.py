"""Image format 1's "Several layers", written a second time from docs/image-format.md alone.

Nothing of imagesmith is imported: paths, sizes and owners go in, sets of paths come out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Path:
    """What of a path decides where it goes."""

    packages: tuple[str, ...]
    """That ship it; of a hard link, those of its file."""
    size: int = 0
    """Of a regular file."""
    filled: bool = False
    """Whether it is a directory with something in it."""


@attrs.frozen(kw_only=True)
class Package:
    """Control field and build time."""

    source: str
    built: int


Layer = tuple[int, list[str], set[str]]
"""Epoch, packages, and the paths that are not only there for others."""


def divided(
    paths: Mapping[str, Path],
    packages: Mapping[str, Package],
    *,
    max_layers: int,
    min_layer_size: int,
    epoch: int,
) -> list[Layer]:
    """Return the layers, lowest first."""
    # 1.
    of = {
        path: min((packages[name].source for name in each.packages), default=None)
        for path, each in paths.items()
        if not each.filled
    }
    # 2.
    sizes = {source: 0 for source in of.values() if source is not None}
    for path, source in of.items():
        if source is not None:
            sizes[source] += paths[path].size
    n = max_layers - 1
    s = n // 4 or 1
    ranked = sorted(sorted(sizes), key=sizes.__getitem__, reverse=True)
    own = [source for source in ranked if sizes[source] >= min_layer_size][: n - s]
    # 3.
    others = [source for source in sizes if source not in own]
    k = 1
    while 2 * k <= s and sum(map(sizes.__getitem__, others)) > k * 16 * min_layer_size:
        k *= 2
    groups = [{source} for source in own]
    groups += [{source for source in others if _number(source) % k == each} for each in range(k)]
    # 4. and 5.
    layers = [_layer(group, of, paths, packages) for group in groups if group]
    layers.sort(key=lambda layer: layer[:2])
    top = {path for path, source in of.items() if source is None}
    return [*layers, (epoch, [], top)] if top or not layers else layers


def _number(source: str) -> int:
    return int(hashlib.sha256(source.encode()).hexdigest()[-8:], 16)


def _layer(
    group: set[str],
    of: Mapping[str, str | None],
    paths: Mapping[str, Path],
    packages: Mapping[str, Package],
) -> Layer:
    held = {path for path, source in of.items() if source in group}
    named = {
        name for path in held for name in paths[path].packages if packages[name].source == of[path]
    }
    return max(packages[name].built for name in named), sorted(named), held
