"""Writing tar: one tree, one stream of bytes.

Every header field is set here and nothing is left to the host or to a library:
sorted members, numeric owners without names, mtime = epoch, device numbers 0,
no padding beyond the two end blocks.  Members are ustar (POSIX.1-2017, pax,
"ustar Interchange Format"); what its fields cannot hold goes into a pax
extended header in front of the member ("pax Extended Header"), its records
sorted by keyword.  Names are bytes: they go verbatim into the ustar fields
wherever they fit, because a reader in another locale would transcode a pax
`path` of non-ASCII bytes but hands the ustar field through; a record that is
not UTF-8 is announced by `hdrcharset=BINARY`.

Content comes from a callable; this module knows neither store nor disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NoReturn

from imagesmith.errors import IntegrityError, MalformedArtefact
from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Symlink,
    Tree,
    Xattrs,
    parent,
    sort_key,
)

BLOCK = 512
END = bytes(2 * BLOCK)
"""The end-of-archive indicator; nothing follows it."""

Read = Callable[[File], Iterable[bytes | memoryview]]
"""Gives the content of a file whose `content` is a span, `size` bytes in all."""

_NAME, _PREFIX, _LINK = 100, 155, 100
_MODE_LIMIT = 0o7777
_ID_LIMIT = 0o7777777
_NUMBER_LIMIT = 0o77777777777
_PAX_NAME = b"././@PaxHeader"
"""Name of every extended header: readers that know pax never show it."""

_TAIL = b"ustar\x0000" + bytes(64) + b"0000000\x00" * 2
"""magic, version, uname, gname, devmajor, devminor."""
_SPACES = 8 * ord(" ")
"""The checksum counts its own field as spaces."""

_Fields = tuple[bytes, int, int, int, int]
"""typeflag, mode, uid, gid, mtime."""


def stream(tree: Tree, *, read: Read, epoch: int) -> Iterator[bytes | memoryview]:
    """Yield the tar of `tree` in pieces of any size; the root itself is no member.

    Generated files bring their bytes along, the others are asked of `read`.
    Raises MalformedArtefact for a tree no reader could unpack faithfully and
    IntegrityError where `read` gives another size than the entry says.
    """
    known = None
    for path, entry in tree:
        if path == "/":
            continue
        if (directory := parent(path)) != known:
            _check_directory(tree, path, directory)
            known = directory
        _check_name(path)
        if isinstance(entry, Hardlink):
            yield header(path, entry, epoch=epoch, linked=_linked(tree, path, entry))
            continue
        yield header(path, entry, epoch=epoch)
        if isinstance(entry, File):
            yield from _body(path, entry, read)
    yield END


def header(path: str, entry: Entry, *, epoch: int, linked: File | None = None) -> bytes:
    """Return the header blocks of one member, extended header included.

    `linked` is the file a hard link names.  The link repeats its mode, owner and
    xattrs, because runtimes apply a link's header to the shared inode.
    """
    kind, mode, uid, gid, xattrs, size, link = _attributes(path, entry, linked)
    if not (0 <= mode <= _MODE_LIMIT and uid >= 0 and gid >= 0 and size >= 0):
        _refuse(path, f"mode {mode:o}, owner {uid}:{gid} or size {size} is out of range")
    name = _raw(path[1:] + "/" if kind == b"5" else path[1:])
    fields = (kind, mode, uid, gid, epoch)
    if (
        len(name) <= _NAME
        and len(link) <= _LINK
        and not xattrs
        and uid <= _ID_LIMIT >= gid
        and size <= _NUMBER_LIMIT
        and 0 <= epoch <= _NUMBER_LIMIT
    ):
        return _block(name, b"", link, size, fields)
    return _extended(name, link, size, fields, _xattr_records(path, xattrs))


def _attributes(
    path: str, entry: Entry, linked: File | None
) -> tuple[bytes, int, int, int, Xattrs, int, bytes]:
    """Return typeflag, mode, uid, gid, xattrs, size and link name."""
    match entry:
        case File(mode=mode, uid=uid, gid=gid, xattrs=xattrs, size=size):
            return b"0", mode, uid, gid, xattrs, size, b""
        case Directory(mode=mode, uid=uid, gid=gid, xattrs=xattrs):
            return b"5", mode, uid, gid, xattrs, 0, b""
        case Symlink(target=target, uid=uid, gid=gid):
            return b"2", 0o777, uid, gid, (), 0, _link_name(path, target)
        case Hardlink(target=target):
            file = linked or _refuse(path, "a hard link to nothing")
            link = _link_name(path, target[1:])
            return b"1", file.mode, file.uid, file.gid, file.xattrs, 0, link


def _link_name(path: str, target: str) -> bytes:
    if not target or "\0" in target:
        _refuse(path, "a link target that is empty or contains NUL")
    return _raw(target)


def _extended(
    name: bytes, link: bytes, size: int, fields: _Fields, records: dict[bytes, bytes]
) -> bytes:
    """Move what ustar cannot hold into `records`; its field becomes 0 or is cut short."""
    kind, mode, uid, gid, epoch = fields
    prefix, rest = _split(name)
    names = {b"path": name} if len(rest) > _NAME else {}
    if len(link) > _LINK:
        names[b"linkpath"] = link
    if not all(map(_is_utf8, names.values())):
        names[b"hdrcharset"] = b"BINARY"
    records |= names
    uid = _number(records, b"uid", uid, _ID_LIMIT)
    gid = _number(records, b"gid", gid, _ID_LIMIT)
    size = _number(records, b"size", size, _NUMBER_LIMIT)
    epoch = _number(records, b"mtime", epoch, _NUMBER_LIMIT)
    block = _block(rest[:_NAME], prefix, link[:_LINK], size, (kind, mode, uid, gid, epoch))
    if not records:
        return block
    body = b"".join(_record(key, records[key]) for key in sorted(records))
    front = _block(_PAX_NAME, b"", b"", len(body), (b"x", 0o644, 0, 0, epoch))
    return front + body + _padding(len(body)) + block


def _number(records: dict[bytes, bytes], key: bytes, number: int, limit: int) -> int:
    """Return what the ustar field says: the number, or 0 where a record has to say it."""
    if 0 <= number <= limit:
        return number
    records[key] = b"%d" % number
    return 0


def _block(name: bytes, prefix: bytes, link: bytes, size: int, fields: _Fields) -> bytes:
    owner, mtime, constant = _constant(*fields)
    length = b"%011o\0" % size
    checksum = constant + sum(name) + sum(length) + sum(link) + sum(prefix)
    return b"".join(
        (
            name.ljust(_NAME, b"\0"),
            owner,
            length,
            mtime,
            b"%06o\0 " % checksum,
            fields[0],
            link.ljust(_LINK, b"\0"),
            _TAIL,
            prefix.ljust(_PREFIX + 12, b"\0"),
        )
    )


@lru_cache(maxsize=1024)
def _constant(kind: bytes, mode: int, uid: int, gid: int, epoch: int) -> tuple[bytes, bytes, int]:
    """Render the fields most members share, with their part of the checksum."""
    owner = b"%07o\0%07o\0%07o\0" % (mode, uid, gid)
    mtime = b"%011o\0" % epoch
    return owner, mtime, sum(owner) + sum(mtime) + sum(kind) + sum(_TAIL) + _SPACES


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Split at the last slash that leaves both parts in their fields, else not at all."""
    if len(name) > _NAME:
        cut = name.rfind(b"/", 0, min(_PREFIX + 1, len(name) - 1))
        if cut > 0 and len(name) - cut - 1 <= _NAME:
            return name[:cut], name[cut + 1 :]
    return b"", name


def _record(key: bytes, value: bytes) -> bytes:
    """Render one record; its length, in decimal digits, counts those digits too."""
    rest = len(key) + len(value) + len(b" =\n")
    length = rest + len(str(rest + len(str(rest))))
    return b"%d %s=%s\n" % (length, key, value)


def _xattr_records(path: str, xattrs: Xattrs) -> dict[bytes, bytes]:
    """Name xattrs as star, GNU tar and Go do; names those read differently are refused."""
    for name, _ in xattrs:
        if not name or any(character in name for character in "=%\0"):
            _refuse(path, f"no tar can carry an extended attribute named {name!a}")
    return {b"SCHILY.xattr." + _raw(name): value for name, value in xattrs}


def _body(path: str, file: File, read: Read) -> Iterator[bytes | memoryview]:
    got = 0
    for piece in (file.content,) if isinstance(file.content, bytes) else read(file):
        got += len(piece)
        if got > file.size:
            break
        yield piece
    if got != file.size:
        more = "at least " if got > file.size else ""
        raise IntegrityError(
            what=_shown(path), expected=f"{file.size} bytes", got=f"{more}{got} bytes"
        )
    if padding := _padding(got):
        yield padding


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _check_directory(tree: Tree, path: str, directory: str) -> None:
    if not isinstance(tree.entry(directory), Directory):
        _refuse(path, "its directory is missing from the tree")


def _check_name(path: str) -> None:
    """Refuse what a reader would normalise, cut short or take for a whiteout."""
    start, _, name = path.rpartition("/")
    if name in ("", ".", "..") or start == "/" or path[0] != "/" or "\0" in name:
        _refuse(path, "not an image path")
    if name.startswith(".wh."):  # image-spec, layer.md, "Whiteouts"
        _refuse(path, "a whiteout's name: it would delete files of lower layers")


def _linked(tree: Tree, path: str, link: Hardlink) -> File:
    file = tree.entry(link.target)
    if not isinstance(file, File):
        _refuse(path, "a hard link to something else than a regular file of the tree")
    if sort_key(link.target) > sort_key(path):
        _refuse(path, "a hard link in front of its target")
    return file


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _shown(path: str) -> str:
    return ascii(path)[1:-1]


def _refuse(path: str, problem: str) -> NoReturn:
    raise MalformedArtefact(artefact="layer", member=_shown(path), problem=problem)
