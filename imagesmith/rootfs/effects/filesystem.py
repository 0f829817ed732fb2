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

GENERATED = {
    "/etc/group": "accounts are generated",
    "/etc/gshadow": "accounts are generated",
    "/etc/passwd": "accounts are generated",
    "/etc/shadow": "accounts are generated",
    "/etc/ld.so.cache": "made by the ld-so-cache option",
}
"""Files that an image gets in another way, and which; no script writes them."""


_STANDARD = (
    "/boot /dev /etc /etc/alternatives /etc/default /etc/profile.d /etc/skel /home /proc /run "
    "/sys /usr /usr/bin /usr/games /usr/include /usr/lib /usr/sbin /usr/share /usr/share/doc "
    "/usr/share/info /usr/share/man /usr/share/misc /usr/src /var /var/backups /var/cache "
    "/var/lib /var/lib/misc /var/log /var/spool"
)
ESSENTIAL: Mapping[str, Entry] = {
    **dict.fromkeys(_STANDARD.split(), Directory()),
    **{f"/{name}": Symlink(target=f"usr/{name}") for name in ("bin", "lib", "sbin")},
    "/root": Directory(mode=0o700),
    "/tmp": Directory(mode=0o1777),  # noqa: S108 - a path inside the image
    "/var/tmp": Directory(mode=0o1777),  # noqa: S108 - the same
}
"""Where every package may put something: what base-files and dpkg ship, which nobody depends on."""


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
    touched: list[str] = attrs.field(factory=list)
    """Every real path that was changed, in order, as often as it was."""
    blurred: set[str] = attrs.field(factory=set)
    """Real paths of which nobody knows what lies there: it was written and not made."""
    hidden: frozenset[str] = frozenset()
    """Real paths of the tree that are not there yet."""
    _names: dict[str, list[str]] | None = None

    def copy(self) -> Filesystem:
        """Return a filesystem that changes by itself."""
        made = Filesystem(
            self.below,
            dict(self.changes),
            dict(self.makers),
            list(self.touched),
            set(self.blurred),
            self.hidden,
        )
        made._names = self._names
        return made

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
        """Return where `path` leads, be there something or not; None if it cannot be made."""
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
        return bool(self.blurred) and self.real(path) in self.blurred

    def names(self, directory: str) -> list[str]:
        """Return the names in a real directory, sorted by their bytes."""
        if self._names is None:
            self._names = {}
            for path in self.below:
                above, _, name = path.rpartition("/")
                self._names.setdefault(above, []).append(name)
        above = directory.rstrip("/")
        found = {name for name in self._names.get(above, ()) if name}
        found |= {
            name
            for path in self.changes
            for head, _, name in [path.rpartition("/")]
            if head == above and name
        }
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

    def alter(
        self, path: str, *, mode: int | None = None, uid: int | None = None, gid: int | None = None
    ) -> None:
        """Change mode or owner of what lies at a real path; of a file under all its names."""
        if path in GENERATED:
            raise Elsewhere(GENERATED[path])
        entry = self.entry(path)
        assert entry is not None, f"{path} is altered and is not there"
        if isinstance(entry, Hardlink):
            self.alter(entry.target, mode=mode, uid=uid, gid=gid)
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
                self.put(path, self._retargeted(entry, old, new), by=by, inherits=False)

    def _retargeted(self, entry: Entry, old: str, new: str) -> Entry:
        if isinstance(entry, Hardlink) and f"{entry.target}/".startswith(f"{old}/"):
            return Hardlink(target=f"{new}{entry.target[len(old) :]}")
        return entry

    def _set(self, path: str, entry: Entry | None) -> None:
        self.changes[path] = entry
        self.touched.append(path)

    def _release(self, path: str) -> None:
        """Let the other names of a file that goes away keep it."""
        file = self.entry(path)
        if not isinstance(file, File):
            return
        others = [
            name
            for name in {**self.below, **self.changes}
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
