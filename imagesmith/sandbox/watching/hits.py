"""Which files of a tree a program used, and how: accesses held against the tree.

What is not of the tree is passed over: what the kernel makes (/proc, /dev, /sys), what
was lent of the host, and what the run itself made.  A file that was only looked at
counts too: a program that asks whether a file is there does something else if it is
not.  So does a file that could not be opened for another reason than its absence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from imagesmith.manifest import record
from imagesmith.model.facts import Script
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Directory, Entry, File, Symlink, Tree, parent
from imagesmith.sandbox.watching import calls
from imagesmith.sandbox.watching.accesses import Access
from imagesmith.trace import scripts

KERNEL = ("/proc", "/dev", "/sys")
"""Where nothing is the image's, whatever packages ship there."""

_ABSENT = ("ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EFAULT", "EBADF", "ENOSYS", "EINTR")
"""Errors that say nothing of a file; such as EACCES say that there is one."""
_KIND = {calls.EXECUTE: "executed", calls.OPEN: "opened", calls.LIST: "listed"}


def hits(
    tree: Tree, accesses: Iterable[Access], *, elsewhere: Collection[str]
) -> Mapping[str, str]:
    """Return how each path of a tree was used, as records spell it, by its real path.

    `elsewhere` are image paths at which the host's files were lent.
    """
    found: dict[str, str] = {}
    made: set[str] = set()
    others = (*KERNEL, *elsewhere)
    for access in accesses:
        if access.kind == calls.WRITE and not access.error:
            made.update(_places(tree, access))
            continue
        for path, kind in _used(tree, access):
            if path not in made and not any(_is_below(path, other) for other in others):
                found[path] = record.strongest(found.get(path), kind)
    return found


def _is_below(path: str, above: str) -> bool:
    return path in ("/", above) or path.startswith(f"{above}/")


def _places(tree: Tree, access: Access) -> Iterator[str]:
    """Yield where something was made or changed."""
    path = access.path.rstrip("/")
    above = resolve(tree, parent(path) if path else "/")
    yield access.real or path
    if isinstance(above, Found):
        yield f"{above.path.rstrip('/')}/{path.rpartition('/')[2]}"


def _used(tree: Tree, access: Access) -> Iterator[tuple[str, str]]:
    """Yield what of the tree one access is about, every link crossed included."""
    if access.error in _ABSENT:
        return
    kind = "looked-at" if access.error else _KIND.get(access.kind, "looked-at")
    named, links = _found(tree, access)
    for link in links:
        yield link, "links"
    real = access.real or named
    entry = tree.entry(real)
    if entry is not None:
        yield real, _as(entry, kind)
        if kind == "executed":
            yield from _interpreters(tree, real)


def _found(tree: Tree, access: Access) -> tuple[str, tuple[str, ...]]:
    """Return the real path that an access named and the links on the way; empty if it has none."""
    path = access.path.rstrip("/") or "/"
    if access.follows or path == "/":
        found = resolve(tree, path)
        return (found.path, found.links) if isinstance(found, Found) else ("", ())
    above = resolve(tree, parent(path))
    if not isinstance(above, Found):
        return "", ()
    return f"{above.path.rstrip('/')}/{path.rpartition('/')[2]}", above.links


def _as(entry: Entry, kind: str) -> str:
    """Return how an entry was used: a directory is no file, though it is opened to be listed."""
    if isinstance(entry, Symlink):
        return "links"
    if isinstance(entry, Directory):
        return "listed" if kind == "listed" else "looked-at"
    return kind


def _interpreters(tree: Tree, path: str) -> Iterator[tuple[str, str]]:
    """Yield what the kernel runs for a script, which it opens without a call (execve(2))."""
    for _ in range(scripts.MAX_DEPTH):
        entry = tree.file(path)
        if entry is None or not isinstance(entry.facts, Script):
            return
        line = scripts.shebang(entry.facts)
        if isinstance(line, scripts.Unclear):
            return
        found = resolve(tree, line.interpreter)
        if not isinstance(found, Found) or not isinstance(found.entry, File):
            return
        yield from ((link, "links") for link in found.links)
        yield found.path, "executed"
        path = found.path
