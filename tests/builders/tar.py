"""Tar archives by hand: honest ones from entries, and any other from raw headers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

import attrs

from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, parents, sort_key

Files = Mapping[str, Entry | bytes | str]
"""Image paths and what lies there; bytes and text stand for a file of mode 0644."""

USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
END = bytes(1024)

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")


@attrs.frozen(kw_only=True)
class Raw:
    """One header with its body; integers become octal or base-256, bytes stay."""

    name: bytes
    type: bytes = b"0"
    mode: int | bytes = 0o644
    uid: int | bytes = 0
    gid: int | bytes = 0
    size: int | bytes | None = None
    """The body's length unless given."""
    mtime: int | bytes = 0
    checksum: bytes | None = None
    """The right one unless given."""
    link: bytes = b""
    magic: bytes = USTAR
    prefix: bytes = b""
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Return header, body and padding."""
        size = len(self.body) if self.size is None else self.size
        blank = self._packed(size, b" " * 8)
        checksum = self.checksum
        if checksum is None:
            checksum = b"%06o\0 " % sum(blank)
        return self._packed(size, checksum) + self.body + bytes(-len(self.body) % 512)

    def _packed(self, size: int | bytes, checksum: bytes) -> bytes:
        return _HEADER.pack(
            self.name,
            _octal(self.mode, 8),
            _octal(self.uid, 8),
            _octal(self.gid, 8),
            _octal(size, 12),
            _octal(self.mtime, 12),
            checksum,
            self.type,
            self.link,
            self.magic,
            b"root",
            b"root",
            b"",
            b"",
            self.prefix,
        )


def _octal(value: int | bytes, width: int) -> bytes:
    if isinstance(value, bytes):
        return value
    if value >= 8 ** (width - 1):
        return (value | 1 << (8 * width - 1)).to_bytes(width, "big")
    return b"%0*o\0" % (width - 1, value)


def archive(*members: Raw, end: bytes = END) -> bytes:
    """Return the archive of exactly these headers."""
    return b"".join(member.to_bytes() for member in members) + end


def record(keyword: bytes, value: bytes) -> bytes:
    """Return one PAX record, its own length included in its length."""
    rest = b" %b=%b\n" % (keyword, value)
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d%b" % (length, rest)


def pax(records: Mapping[bytes, bytes], *, kind: bytes = b"x") -> Raw:
    """Return an extended header with these records."""
    body = b"".join(record(keyword, value) for keyword, value in records.items())
    return Raw(name=b"././@PaxHeader", type=kind, body=body)


def gnu_long(kind: bytes, name: bytes) -> Raw:
    """Return the header that gives the next member a long name (`L`) or target (`K`)."""
    return Raw(name=b"././@LongLink", type=kind, body=name + b"\0", magic=GNU)


def complete(files: Files) -> dict[str, Entry]:
    """Return `files` with missing parents, sorted, hard links last: an archive's order."""
    entries: dict[str, Entry] = {path: _entry(content) for path, content in files.items()}
    for path in files:
        for above in parents(path):
            entries.setdefault(above, Directory())
    entries.setdefault("/", Directory())
    return dict(
        sorted(entries.items(), key=lambda item: (type(item[1]) is Hardlink, sort_key(item[0])))
    )


def make_tar(files: Files, *, gnu: bool = False, mtime: int = 1_700_000_000) -> bytes:
    """Return the archive dpkg-deb would make of `files`: `./` first, parents first.

    Names that do not fit become PAX records, or GNU long names if `gnu`.
    """
    entries = complete(files)
    raw = (
        member
        for path, entry in entries.items()
        for member in _members(path, entry, entries, gnu=gnu, mtime=mtime)
    )
    return archive(*raw)


def _entry(content: Entry | bytes | str) -> Entry:
    match content:
        case bytes():
            return File.of(content)
        case str():
            return File.of(content.encode())
        case _:
            return content


def _members(
    path: str, entry: Entry, entries: Mapping[str, Entry], *, gnu: bool, mtime: int
) -> Iterable[Raw]:
    name = sort_key("." + path)
    match entry:
        case File():
            assert isinstance(entry.content, bytes)
            plain = Raw(
                name=name, mode=entry.mode, uid=entry.uid, gid=entry.gid, body=entry.content
            )
        case Directory():
            slashed = name if name.endswith(b"/") else name + b"/"
            plain = Raw(name=slashed, type=b"5", mode=entry.mode, uid=entry.uid, gid=entry.gid)
        case Symlink():
            target = sort_key(entry.target)
            plain = Raw(name=name, type=b"2", mode=0o777, uid=entry.uid, gid=entry.gid, link=target)
        case Hardlink():
            file = entries[entry.target]
            assert isinstance(file, File)
            target = sort_key("." + entry.target)
            plain = Raw(
                name=name, type=b"1", mode=file.mode, uid=file.uid, gid=file.gid, link=target
            )
    plain = attrs.evolve(plain, mtime=mtime, magic=GNU if gnu else USTAR)
    xattrs = entry.xattrs if isinstance(entry, File | Directory) else ()
    yield from (_gnu_extensions(plain) if gnu else _pax_extensions(plain, xattrs))
    yield attrs.evolve(plain, name=plain.name[:100], link=plain.link[:100])


def _gnu_extensions(plain: Raw) -> Iterable[Raw]:
    if len(plain.link) > 100:
        yield gnu_long(b"K", plain.link)
    if len(plain.name) > 100:
        yield gnu_long(b"L", plain.name)


def _pax_extensions(plain: Raw, xattrs: Iterable[tuple[str, bytes]]) -> Iterable[Raw]:
    records = {b"SCHILY.xattr." + name.encode(): value for name, value in xattrs}
    if len(plain.name) > 100:
        records[b"path"] = plain.name
    if len(plain.link) > 100:
        records[b"linkpath"] = plain.link
    if records:
        yield pax(records)
