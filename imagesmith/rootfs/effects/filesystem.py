"""A filesystem that scripts change: a tree below, what they made above.

Paths are followed as the kernel does it (`model.resolve`), so that a script's
/bin/sh is the union's /usr/bin/sh.  A copy is cheap, shares the tree, and is what
a branch that may not be taken works on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Symlink,
    Tree,
    parent,
    parents,
    same,
    sort_key,
)
from imagesmith.rootfs.effects.outcome import Unreproduced, is_known
from imagesmith.rootfs.effects.standing import ESSENTIAL, GENERATED, MAX_DEPTH, PATH_MAX


class Refusal(Exception):
    """The kernel would refuse: the command fails, and its message is not read by anybody."""


class Elsewhere(Exception):
    """What a command would write is made by another part of a build."""


@attrs.define
class Filesystem:
    """Entries by path, and who made those that no package ships."""

    below: Mapping[str, Entry]
    changes: dict[str, Entry | None] = attrs.field(factory=dict)
    """By real path; None where something was removed."""
    makers: dict[str, str] = attrs.field(factory=dict)
    """By real path: the package whose script made it."""
    changers: dict[str, frozenset[str]] = attrs.field(factory=dict)
    """By real path: the packages whose scripts changed what another one ships."""
    touched: list[str] = attrs.field(factory=list)
    """Every real path that was changed, in order, as often as it was."""
    blurred: set[str] = attrs.field(factory=set)
    """Real paths of which nobody knows what lies there: it was written and not made."""
    hidden: frozenset[str] = frozenset()
    """Real paths of the tree that are not there yet."""
    directory: str = "/"
    """What relative paths are relative to; dpkg runs scripts in the root."""
    _names: dict[str, dict[str, None]] | None = None
    _links: dict[str, dict[str, None]] | None = None
    """By directory the names that ever lay in it, by path its hard links; shared by copies."""

    def copy(self) -> Filesystem:
        """Return a filesystem that changes by itself."""
        self._index()
        return attrs.evolve(
            self,
            changes=dict(self.changes),
            makers=dict(self.makers),
            changers=dict(self.changers),
            touched=list(self.touched),
            blurred=set(self.blurred),
        )

    def _index(self) -> tuple[dict[str, dict[str, None]], dict[str, dict[str, None]]]:
        """Return the names and links there ever were, found once and kept up by `_set`."""
        if self._names is None or self._links is None:
            self._names, self._links = {}, {}
            for path, entry in self.below.items():
                self._indexed(path, entry)
        return self._names, self._links

    def _indexed(self, path: str, entry: Entry | None) -> None:
        assert self._names is not None and self._links is not None  # noqa: PT018 - `_index` makes both
        above, _, name = path.rpartition("/")
        self._names.setdefault(above, {})[name] = None
        if isinstance(entry, Hardlink):
            self._links.setdefault(entry.target, {})[path] = None

    def entry(self, path: str) -> Entry | None:
        """Return the entry at exactly this path; the root is always a directory."""
        if path in self.changes:
            return self.changes[path]
        found = None if path in self.hidden else self.below.get(path)
        return found or (Directory() if path == "/" else ESSENTIAL.get(path))

    @contextmanager
    def without(self, paths: Iterable[str]) -> Iterator[None]:
        """Hide a package that is not unpacked yet; what is made where it lies is lost to it."""
        self.hidden = frozenset(paths)
        yield
        for path in self.hidden & self.changes.keys():
            del self.changes[path]
            self.makers.pop(path, None)
        self.hidden = frozenset()

    def real(self, path: str, *, follow: bool = True) -> str | None:
        """Return where `path` leads, be there something or not; None if it cannot be made.

        Unreproduced for a path that is relative to a directory nobody knows, or far too long.
        """
        if not path.startswith("/"):
            if not is_known(self.directory):
                raise Unreproduced("which directory it works in cannot be known")
            path = f"{self.directory}/{path}" if path else ""
        if len(path) > PATH_MAX or path.count("/") > MAX_DEPTH:
            raise Unreproduced("its path is longer than anybody's")
        head, _, name = path.rstrip("/").rpartition("/")
        if name in ("", ".", ".."):
            found = resolve(self, path)
            return found.path if isinstance(found, Found) else None
        above = resolve(self, head or "/")
        if not isinstance(above, Found) or not isinstance(above.entry, Directory):
            return None
        here = f"{above.path.rstrip('/')}/{name}"
        entry = self.entry(here)
        if not follow or not isinstance(entry, Symlink):
            return here
        at = resolve(self, here)
        if isinstance(at, Found):
            return at.path
        # a link to what is not there yet can be written through, a longer way to it cannot
        target = entry.target if entry.target.startswith("/") else f"{above.path}/{entry.target}"
        return self.real(target) if at.errno == "ENOENT" else None

    def at(self, path: str, *, follow: bool = True) -> Entry | None:
        """Return what `path` leads to, or None."""
        here = self.real(path, follow=follow)
        entry = None if here is None else self.entry(here)
        return self.entry(entry.target) if isinstance(entry, Hardlink) else entry

    def blur(self, path: str) -> None:
        """Note that nobody knows what lies at a real path; what a script made there is let go."""
        self.blurred.add(path)
        if path not in self.below:
            self.changes.pop(path, None)
            self.makers.pop(path, None)

    def is_blurred(self, path: str) -> bool:
        """Say whether nobody knows what `path` leads to."""
        try:
            return bool(self.blurred) and self.real(path) in self.blurred
        except Unreproduced:
            return True

    def names(self, directory: str) -> list[str]:
        """Return the names in a real directory, sorted by their bytes."""
        above = directory.rstrip("/")
        found = [name for name in self._index()[0].get(above, ()) if name]
        present = (name for name in found if self.entry(f"{above}/{name}") is not None)
        return sorted(present, key=sort_key)

    def under(self, directory: str) -> Iterator[str]:
        """Yield the real paths below a real directory, what is in a directory after it."""
        for name in self.names(directory):
            path = f"{directory.rstrip('/')}/{name}"
            yield path
            if isinstance(self.entry(path), Directory):
                yield from self.under(path)

    def put(self, path: str, entry: Entry, *, by: str, inherits: bool = True) -> None:
        """Put an entry at a real path; what lies there already, just so, is left.

        What is made in a setgid directory `inherits` its group, directories the bit as well.
        """
        if path in GENERATED:
            raise Elsewhere(GENERATED[path])
        present, above = self.entry(path), self.entry(parent(path))
        if inherits and isinstance(above, Directory) and above.mode & 0o2000:
            entry = _inherited(entry, above.gid)
        if present is not None and same(present, entry):
            return
        if isinstance(present, Directory) and not isinstance(entry, Directory):
            raise Refusal(f"{path} is a directory")
        self._release(path)
        self._set(path, entry)
        self.makers[path] = by

    def write(self, path: str, file: File, *, by: str) -> None:
        """Give a file at a real path another content, under all its names; or put it there."""
        present = self.entry(path)
        path = present.target if isinstance(present, Hardlink) else path
        present = self.entry(path)
        if not isinstance(present, File):
            self.put(path, file, by=by)
        elif path in GENERATED:
            raise Elsewhere(GENERATED[path])
        elif not same(present, file):
            self._set(path, file)
            self._changed(path, by)

    def alter(
        self,
        path: str,
        *,
        by: str,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """Change mode or owner of what lies at a real path; of a file under all its names."""
        if path in GENERATED:
            raise Elsewhere(GENERATED[path])
        entry = self.entry(path)
        assert entry is not None, f"{path} is altered and is not there"
        if isinstance(entry, Hardlink):
            self.alter(entry.target, by=by, mode=mode, uid=uid, gid=gid)
            return
        altered = attrs.evolve(
            entry,
            uid=entry.uid if uid is None else uid,
            gid=entry.gid if gid is None else gid,
        )
        if mode is not None and not isinstance(altered, Symlink):
            altered = attrs.evolve(altered, mode=mode)
        if altered != entry:
            self._set(path, altered)
            self._changed(path, by)

    def _changed(self, path: str, by: str) -> None:
        """Note whose script changed what lies at a path, unless it made it."""
        if self.makers.get(path) != by:
            self.changers[path] = self.changers.get(path, frozenset()) | {by}

    def remove(self, path: str) -> None:
        """Remove what lies at a real path, with everything below it."""
        if path in GENERATED:
            raise Elsewhere(GENERATED[path])
        for inner in [*self.under(path), path] if self.entry(path) else ():
            self._release(inner)
            self._set(inner, None)

    def move(self, old: str, new: str, *, by: str) -> None:
        """Rename what lies at a real path, with everything below it, over what it replaces."""
        if new == old or new.startswith(f"{old}/"):
            raise Refusal(f"{new} is in {old}")
        inside = [old, *self.under(old)]
        moved = [(f"{new}{path[len(old) :]}", self.entry(path)) for path in inside]
        self.remove(new)
        self.remove(old)
        for path, entry in moved:
            if entry is not None:
                self.put(path, _retargeted(entry, old, new), by=by, inherits=False)

    def _set(self, path: str, entry: Entry | None) -> None:
        self._index()
        self._indexed(path, entry)
        self.changes[path] = entry
        self.touched.append(path)

    def _release(self, path: str) -> None:
        """Let the other names of a file that goes away keep it."""
        file = self.entry(path)
        if not isinstance(file, File):
            return
        others = [
            name
            for name in self._index()[1].get(path, ())
            if isinstance(found := self.entry(name), Hardlink) and found.target == path
        ]
        for number, name in enumerate(sorted(others, key=sort_key)):
            first = min(others, key=sort_key)
            self._set(name, Hardlink(target=first) if number else file)

    def tree(self) -> Tree:
        """Return all of it, with a directory above everything that was made."""
        entries = {path: entry for path, entry in {**self.below, **self.changes}.items() if entry}
        for path in self.changes:
            if path in entries:
                for above in parents(path):
                    entries.setdefault(above, ESSENTIAL.get(above, Directory()))
        return Tree(entries)


def _inherited(entry: Entry, gid: int) -> Entry:
    match entry:
        case Directory():
            return attrs.evolve(entry, gid=gid, mode=entry.mode | 0o2000)
        case File() | Symlink():
            return attrs.evolve(entry, gid=gid)
        case Hardlink():
            return entry


def _retargeted(entry: Entry, old: str, new: str) -> Entry:
    if isinstance(entry, Hardlink) and f"{entry.target}/".startswith(f"{old}/"):
        return Hardlink(target=f"{new}{entry.target[len(old) :]}")
    return entry
