"""PAX extended headers (POSIX.1-2024 pax, "pax Extended Header").

A record either changes a member in a way imagesmith honours (path, linkpath,
size, uid, gid, extended attributes), or is known to change nothing that gets
into an image (times, names of owners, comments), or is refused: what is not
understood is not dropped silently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from imagesmith.model.tree import Xattrs
from imagesmith.unpack.header import Header
from imagesmith.unpack.paths import Refused, decoded

Records = dict[str, bytes]

XATTR = "SCHILY.xattr."
"""The prefix under which star, GNU tar and libarchive keep extended attributes."""

_HONOURED = {"path", "linkpath", "size", "uid", "gid"}
_HARMLESS = {
    *("atime", "ctime", "mtime", "gname", "uname", "comment", "charset", "hdrcharset"),
    *("LIBARCHIVE.creationtime", "SCHILY.dev", "SCHILY.ino", "SCHILY.nlink"),
}
_LENGTH = re.compile(rb"([1-9][0-9]{0,7}) ")
_NUMBER = re.compile(rb"[0-9]{1,20}\Z")


def parse(body: bytes) -> Records:
    """Read the records of an extended header; Refused for a bad, doubled or unknown one."""
    records: Records = {}
    position = 0
    while position < len(body):
        length = _LENGTH.match(body, position)
        if length is None:
            raise Refused("malformed length of a PAX record")
        end = position + int(length[1])
        keyword, equals, value = body[length.end() : end - 1].partition(b"=")
        if end > len(body) or body[end - 1 : end] != b"\n" or not equals or not keyword:
            raise Refused("malformed PAX record")
        _add(records, decoded(keyword), value)
        position = end
    return records


def check_global(body: bytes) -> None:
    """Refuse a global extended header that would change the members after it."""
    for keyword in parse(body):
        if keyword not in _HARMLESS:
            raise Refused(f"global PAX record {keyword!r}")


def applied(header: Header, records: Mapping[str, bytes]) -> Header:
    """Return `header` as `records` amend it; Refused where the two contradict."""
    size = _number(records, "size", header.size)
    # Two readers that trust different sizes see different members (CVE-2025-62518).
    if size != header.size != 0:
        raise Refused(f"size {header.size} in the header, {size} in its PAX record")
    return attrs.evolve(
        header,
        name=_path(records, "path", header.name),
        link=_path(records, "linkpath", header.link),
        size=size,
        uid=_number(records, "uid", header.uid),
        gid=_number(records, "gid", header.gid),
        records=tuple(records.items()),
    )


def xattrs(records: tuple[tuple[str, bytes], ...]) -> Xattrs:
    """Return the extended attributes among `records`."""
    found = ((key.removeprefix(XATTR), value) for key, value in records if key.startswith(XATTR))
    return tuple(sorted(found))


def _add(records: Records, keyword: str, value: bytes) -> None:
    if keyword in records:
        raise Refused(f"PAX record {keyword!r} twice")
    if keyword not in _HONOURED and keyword not in _HARMLESS:
        attribute = keyword.removeprefix(XATTR)
        if attribute in ("", keyword) or "\0" in attribute:
            raise Refused(f"unknown PAX record {keyword!r}")
    records[keyword] = value


def _path(records: Mapping[str, bytes], keyword: str, otherwise: str) -> str:
    value = records.get(keyword)
    if value is None:
        return otherwise
    if not value or b"\0" in value:
        raise Refused(f"PAX record {keyword!r} holds no path")
    return decoded(value)


def _number(records: Mapping[str, bytes], keyword: str, otherwise: int) -> int:
    value = records.get(keyword)
    if value is None:
        return otherwise
    if not _NUMBER.match(value):
        raise Refused(f"PAX record {keyword!r} holds no number")
    return int(value)
