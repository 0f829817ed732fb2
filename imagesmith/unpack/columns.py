"""Trees as columns of plain values, for `codec`.

A list per field instead of an object per entry; modes and owners, of which a
package has few different ones, in a table.  Reading checks shapes and types, so
that nothing but a well-formed tree comes out; it raises what the checks raise:
AttributeError, LookupError, TypeError or ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from imagesmith.model.digest import Digest
from imagesmith.model.facts import Facts
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Span, Symlink, Tree, Xattrs
from imagesmith.unpack.plain import facts_of, facts_row, natural, naturals, text

_HEX = 64
_Attributes: TypeAlias = tuple[int, int, int, Xattrs]
"""Mode, uid, gid and extended attributes."""


def from_tree(tree: Tree, blob: Digest) -> dict[str, Any]:
    """Return the columns of `tree`; ValueError for a file that is no span of `blob`."""
    table: dict[_Attributes, int] = {}
    files = [entry for _, entry in tree if isinstance(entry, File)]
    links = [entry for _, entry in tree if isinstance(entry, Symlink | Hardlink)]
    rows = [row for _, entry in tree if (row := _attributes(entry)) is not None]
    return {
        "paths": "\0".join(tree.entries),
        "kinds": "".join(_KINDS[type(entry)] for _, entry in tree),
        "attributes": [table.setdefault(row, len(table)) for row in rows],
        "table": [
            [mode, uid, gid, [[name, value.hex()] for name, value in xattrs]]
            for mode, uid, gid, xattrs in table
        ],
        "sizes": [file.size for file in files],
        "offsets": [_offset(file, blob) for file in files],
        "digests": "".join(file.digest.hex for file in files),
        "targets": "\0".join(link.target for link in links),
        "facts": [
            [number, *facts_row(file.facts)]
            for number, file in enumerate(files)
            if file.facts is not None
        ],
    }


def to_tree(columns: Mapping[str, Any], blob: Digest) -> Tree:
    """Return the tree `columns` were made of."""
    paths, targets = _split(columns["paths"]), _split(columns["targets"])
    kinds = text(columns["kinds"])
    table = [_attributes_of(*row) for row in columns["table"]]
    attributes = [table[number] for number in naturals(columns["attributes"])]
    _check_counts(kinds, len(attributes), len(targets))
    contents = _contents(columns, blob, kinds.count("f"))
    entries = _entries(kinds, iter(attributes), iter(targets), contents)
    tree = Tree(zip(paths, entries, strict=True))
    if list(tree.entries) != paths or not all(path.startswith("/") for path in paths):
        raise ValueError("paths are not image paths in order")
    return tree


def _entries(
    kinds: str,
    attributes: Iterator[_Attributes],
    targets: Iterator[str],
    contents: Iterator[tuple[int, Digest, Span, Facts | None]],
) -> Iterator[Entry]:
    """Yield an entry per kind, each taking what it needs from the columns."""
    for kind in kinds:
        if kind == "h":
            yield Hardlink(target=next(targets))
            continue
        mode, uid, gid, xattrs = next(attributes)
        if kind == "f":
            size, digest, content, facts = next(contents)
            yield File(
                mode=mode,
                uid=uid,
                gid=gid,
                xattrs=xattrs,
                size=size,
                digest=digest,
                content=content,
                facts=facts,
            )
        elif kind == "d":
            yield Directory(mode=mode, uid=uid, gid=gid, xattrs=xattrs)
        else:
            yield Symlink(target=next(targets), uid=uid, gid=gid)


def _contents(
    columns: Mapping[str, Any], blob: Digest, count: int
) -> Iterator[tuple[int, Digest, Span, Facts | None]]:
    """Return what the files have in their order: size, digest, span, facts."""
    digests = text(columns["digests"])
    if len(digests) != count * _HEX:
        raise ValueError("more or fewer digests than files")
    facts: list[Facts | None] = [None] * count
    for number, kind, value in columns["facts"]:
        facts[natural(number)] = facts_of(kind, value)
    return zip(
        _counted(columns["sizes"], count),
        [Digest(digests[at : at + _HEX]) for at in range(0, len(digests), _HEX)],
        [Span(blob, offset) for offset in _counted(columns["offsets"], count)],
        facts,
        strict=True,
    )


_KINDS: dict[type[Entry], str] = {File: "f", Directory: "d", Symlink: "l", Hardlink: "h"}


def _check_counts(kinds: str, attributes: int, targets: int) -> None:
    counts = {kind: kinds.count(kind) for kind in _KINDS.values()}
    if sum(counts.values()) != len(kinds):
        raise ValueError("an unknown kind of entry")
    if attributes != len(kinds) - counts["h"] or targets != counts["l"] + counts["h"]:
        raise ValueError("columns of different lengths")


def _offset(file: File, blob: Digest) -> int:
    if not isinstance(file.content, Span) or file.content.blob != blob:
        raise ValueError("a file that is no span of the index's blob")
    return file.content.offset


def _attributes(entry: Entry) -> _Attributes | None:
    match entry:
        case File() | Directory():
            return entry.mode, entry.uid, entry.gid, entry.xattrs
        case Symlink():
            return 0, entry.uid, entry.gid, ()
        case Hardlink():
            return None


def _attributes_of(
    mode: object, uid: object, gid: object, xattrs: Sequence[tuple[object, str]]
) -> _Attributes:
    pairs = tuple((text(name), bytes.fromhex(value)) for name, value in xattrs)
    return natural(mode), natural(uid), natural(gid), pairs


def _split(joined: str) -> list[str]:
    return text(joined).split("\0") if joined else []


def _counted(column: Sequence[object], count: int) -> list[int]:
    if len(column) != count:
        raise ValueError("columns of different lengths")
    return naturals(column)
