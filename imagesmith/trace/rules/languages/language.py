"""What the rules for languages share: the files of a library, links to a program, source texts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from imagesmith.model.facts import Elf, Script
from imagesmith.model.tree import Directory, File, Symlink
from imagesmith.trace.rules.rule import Load, Ship
from imagesmith.trace.rules.scene import Scene


def files_below(scene: Scene, directory: str) -> Iterator[str]:
    """Yield the real paths of everything under a directory that is not a directory itself."""
    for path in scene.below(directory):
        if not isinstance(scene.root.filesystem.entry(path), Directory):
            yield path


def wanted(scene: Scene, path: str, needed_by: str, detail: str) -> Ship | Load:
    """Return how a file of a library comes into the image.

    What is a shared object itself is opened in the process of `needed_by`, as an import does.
    """
    entry = scene.entry(path)
    facts = entry.facts if isinstance(entry, File) else None
    if isinstance(facts, Elf) and facts.dynamic and facts.interp is None:
        return Load((path,), needed_by, detail)
    return Ship(path, needed_by, detail)


def links_to(scene: Scene, path: str) -> Iterator[str]:
    """Yield the symlinks of the closure that lead to a real path."""
    for link in scene.paths:
        if isinstance(scene.root.filesystem.entry(link), Symlink):
            found = scene.lookup(link)
            if found is not None and found.path == path:
                yield link


def written_in(scene: Scene, interpreter: str, *suffixes: str) -> Iterator[str]:
    """Yield the files of the closure in one language: by their name, or by whom their `#!` runs.

    `interpreter` is how the interpreter's name starts: `python` stands for python3.11 too.
    """
    for path in scene.paths:
        entry = scene.root.filesystem.entry(path)
        if isinstance(entry, File) and (path.endswith(suffixes) or _runs(entry, interpreter)):
            yield path


def _runs(file: File, interpreter: str) -> bool:
    if not isinstance(file.facts, Script):
        return False
    words = (posixpath.basename(word) for word in file.facts.line.split())
    return any(word.startswith(interpreter) for word in words)
