"""Tar archives become trees.

`entries` reads members in order: ustar, GNU long names, PAX; every header's
checksum verified, every byte of the archive accounted for.  `index` makes a
`Tree` of them and refuses whatever two consumers could understand differently:

- paths are plain (`paths.image_path`), parents are directories, never links;
- missing parents are created, owned by root with mode 0755;
- a path has one entry, except that a directory may be listed twice alike;
- regular files, directories, symbolic and hard links only, the last to an
  earlier file with the same mode and owner;
- only a regular file has a body.

Setuid bits and extended attributes are kept; whether an image may have them is
for others to say.  Times and names of owners are read past: images have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.facts import Facts
from imagesmith.model.text import printable
from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Span,
    Symlink,
    Tree,
    Xattrs,
    parents,
)
from imagesmith.unpack import pax
from imagesmith.unpack.header import BLOCK, Header, header_at
from imagesmith.unpack.paths import MAX_PATH, Refused, decoded, encoded, image_path

FactsOf = Callable[[memoryview], Facts | None]
"""Says what a tracer needs to know of a file's content; must not keep the view."""

MAX_ENTRIES = 500_000
"""Entries of one artefact, implied parents included; Debian's largest have about 100,000."""
MAX_NAMES = 256 * 1024 * 1024
"""Bytes of all paths of one artefact: deep paths with implied parents amplify."""
MAX_EXTENSION = 1024 * 1024
"""Bytes of one extension header; Linux limits an extended attribute to 64 KiB."""
MAX_ID = 2**32 - 2
"""The highest uid or gid: chown(2) takes 2**32 - 1 for "leave it"."""

_EXTENSIONS = frozenset("xgLK")
_KINDS = {
    "0": "file",
    "1": "hard link",
    "2": "symbolic link",
    "3": "character device",
    "4": "block device",
    "5": "directory",
    "6": "FIFO",
}


def entries(view: memoryview, *, artefact: str) -> Iterator[Header]:
    """Yield the members of the tar archive `view`, in order; MalformedArtefact anywhere."""
    position = 0
    while True:
        try:
            header = _member_at(view, position)
        except Refused as error:
            raise MalformedArtefact(
                artefact=artefact, member=f"header at byte {position}", problem=str(error)
            ) from None
        if header is None:
            return
        yield header
        position = header.end


def index(
    view: memoryview,
    *,
    blob: Digest,
    artefact: str,
    facts: FactsOf = lambda _view: None,
) -> Tree:
    """Return the tree of the tar archive `view`, whose digest is `blob`.

    The root has an entry of its own only if the archive says something else of
    it than `Directory()`, which the root of every tree is anyway.
    """
    members = _Members(view=view, blob=blob, facts=facts)
    for header in entries(view, artefact=artefact):
        try:
            members.add(header)
        except Refused as error:
            raise MalformedArtefact(
                artefact=artefact, member=printable(header.name), problem=str(error)
            ) from None
    if members.entries.get("/") == Directory():
        del members.entries["/"]
    return Tree(members.entries)


@attrs.define(kw_only=True)
class _Members:
    """The members of one archive so far."""

    view: memoryview
    blob: Digest
    facts: FactsOf
    entries: dict[str, Entry] = attrs.Factory(dict)
    implied: set[str] = attrs.Factory(set)
    names: int = 0

    def add(self, header: Header) -> None:
        """Add the next member; Refused if it breaks a rule or contradicts an earlier one."""
        path = image_path(header.name, directory=header.type == "5")
        entry = self._entry(header)
        if path == "/":
            self._add_root(entry)
            return
        self._add_parents(path)
        if path not in self.entries:
            self._insert(path, entry)
        elif path in self.implied and isinstance(entry, Directory):
            self.implied.discard(path)
            self.entries[path] = entry
        elif not isinstance(entry, Directory) or entry != self.entries[path]:
            raise Refused("a second member with this path")

    def _entry(self, header: Header) -> Entry:
        mode, uid, gid = header.mode & 0o7777, header.uid, header.gid
        if max(uid, gid) > MAX_ID:
            raise Refused(f"owner {uid}:{gid} is out of range")
        xattrs = pax.xattrs(header.records)
        match header.type:
            case "0":
                return self._file(header, xattrs)
            case "5":
                return Directory(mode=mode, uid=uid, gid=gid, xattrs=xattrs)
            case "2":
                _check_symlink(header.link, xattrs)
                return Symlink(target=header.link, uid=uid, gid=gid)
            case "1":
                return self._hardlink(header, xattrs)
            case _:
                raise Refused(f"a {_KINDS[header.type]}, which no image may contain")

    def _file(self, header: Header, xattrs: Xattrs) -> File:
        with self.view[header.offset : header.offset + header.size] as body:
            return File(
                mode=header.mode & 0o7777,
                uid=header.uid,
                gid=header.gid,
                xattrs=xattrs,
                size=header.size,
                digest=Digest.of(body),
                content=Span(self.blob, header.offset),
                facts=self.facts(body),
            )

    def _hardlink(self, header: Header, xattrs: Xattrs) -> Hardlink:
        target = image_path(header.link)
        file = self.entries.get(target)
        if isinstance(file, Hardlink):
            target = file.target
            file = self.entries[target]
        if not isinstance(file, File):
            raise Refused(f"hard link to {printable(target)}, which is no earlier file")
        # Some readers give the shared inode what the link's header says, others do not.
        if (header.mode & 0o7777, header.uid, header.gid) != (file.mode, file.uid, file.gid):
            raise Refused("hard link whose mode or owner is not its target's")
        if xattrs not in ((), file.xattrs):
            raise Refused("hard link whose extended attributes are not its target's")
        return Hardlink(target=target)

    def _add_root(self, entry: Entry) -> None:
        if not isinstance(entry, Directory):
            raise Refused("the root is no directory")
        if entry != self.entries.setdefault("/", entry):
            raise Refused("a second member with this path")

    def _add_parents(self, path: str) -> None:
        missing = []
        for above in parents(path):
            entry = self.entries.get(above)
            if isinstance(entry, Directory):
                break
            if entry is not None:
                raise Refused(f"{printable(above)} above it is no directory")
            missing.append(above)
        for above in missing:
            self._insert(above, Directory())
            self.implied.add(above)

    def _insert(self, path: str, entry: Entry) -> None:
        self.entries[path] = entry
        self.names += len(path)
        if len(self.entries) > MAX_ENTRIES:
            raise Refused(f"more than {MAX_ENTRIES} entries")
        if self.names > MAX_NAMES:
            raise Refused(f"paths of more than {MAX_NAMES} bytes together")


def _check_symlink(target: str, xattrs: Xattrs) -> None:
    if not target or len(encoded(target)) > MAX_PATH:
        raise Refused("symbolic link with an empty or overlong target")
    if xattrs:
        raise Refused("symbolic link with extended attributes")


def _member_at(view: memoryview, position: int) -> Header | None:
    """Read the headers of one member; None at the end of the archive."""
    header = header_at(view, position)
    if header is None:
        _check_end(view, position)
        return None
    if header.type in _EXTENSIONS:
        header = _extended(view, header)
    if header.type not in _KINDS:
        raise Refused(f"unknown member type {header.type!r}")
    if header.size and header.type != "0":
        raise Refused(f"a {_KINDS[header.type]} with a body")
    if header.end > len(view):
        raise Refused(f"the body of {printable(header.name)} is cut short")
    return header


def _extended(view: memoryview, header: Header) -> Header:
    """Read the extension headers that start with `header`, and the one they extend.

    Readers disagree on what wins where PAX and GNU extensions meet, or one
    kind comes twice; such members are refused.
    """
    records: pax.Records | None = None
    names: dict[str, str] = {}
    while header.type in _EXTENSIONS:
        body = _extension(view, header)
        if records is not None or (names and header.type not in {"L", "K"} - names.keys()):
            raise Refused("contradicting extension headers")
        match header.type:
            case "g":
                pax.check_global(body)
            case "x":
                records = pax.parse(body)
            case _:
                names[header.type] = _long_name(body)
        following = header_at(view, header.end)
        if following is None:
            raise Refused("extension headers without a member")
        header = following
    header = attrs.evolve(
        header, name=names.get("L", header.name), link=names.get("K", header.link)
    )
    return header if records is None else pax.applied(header, records)


def _extension(view: memoryview, header: Header) -> bytes:
    if header.size > MAX_EXTENSION:
        raise Refused(f"an extension header of more than {MAX_EXTENSION} bytes")
    body = bytes(view[header.offset : header.offset + header.size])
    if len(body) < header.size:
        raise Refused("an extension header is cut short")
    return body


def _long_name(body: bytes) -> str:
    name = body.removesuffix(b"\0")
    if not name or b"\0" in name:
        raise Refused("malformed GNU long name")
    return decoded(name)


def _check_end(view: memoryview, position: int) -> None:
    """Require two blocks of zeros, and nothing but zeros after them."""
    if len(view) - position < 2 * BLOCK:
        raise Refused("the archive ends without its end-of-archive blocks")
    for start in range(position, len(view), MAX_EXTENSION):
        if bytes(view[start : start + MAX_EXTENSION]).strip(b"\0"):
            raise Refused("data after the end of the archive")
