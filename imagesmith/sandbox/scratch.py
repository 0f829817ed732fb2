"""Directories that several sandboxes share, in place of an image's writable ones.

They lie in one temporary directory of the host, and go with it.  What the image has
in such a directory is mounted back, read-only, as in memory; only links are made
here, as two sandboxes cannot both make them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from imagesmith.store.layout import host_errors

_OWN_DIRECTORY = 0o700


@attrs.define
class Scratch:
    """Directories of the host by the image paths that they stand for."""

    path: str
    _places: dict[str, str] = attrs.field(factory=dict, init=False)

    def directory(self, path: str, mode: int) -> str:
        """Return the directory that stands for an image path, made with a mode if it is new."""
        if path not in self._places:
            place = f"{self.path}/{len(self._places)}"
            os.mkdir(place)
            os.chmod(place, mode)
            self._places[path] = place
        return self._places[path]

    def file(self, name: str, content: str) -> str:
        """Return a new file with some text, to be lent to sandboxes."""
        place = f"{self.path}/{name}"
        with open(place, "x") as file:
            file.write(content)
        return place


@contextmanager
def made() -> Iterator[Scratch]:
    """Lend an empty scratch; everything in it is removed in the end, whatever its modes."""
    with host_errors(Path(tempfile.gettempdir())):
        path = tempfile.mkdtemp(prefix="imagesmith-check-")
    try:
        yield Scratch(path)
    finally:
        _remove(path)


def _remove(path: str) -> None:
    """Remove a directory of which programs may have taken away their own permissions."""
    for above, directories, _ in os.walk(path):
        for name in directories:
            place = f"{above}/{name}"
            if not os.path.islink(place):
                os.chmod(place, _OWN_DIRECTORY)
    shutil.rmtree(path)
