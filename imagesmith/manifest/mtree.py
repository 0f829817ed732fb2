r"""The mtree: every path of a root filesystem, one a line, in the form of mtree(5).

Full paths with a leading `./`, octal modes, numeric owners, sha256 digests, no
times; whatever is not plain ASCII is written as `\ooo`, as vis(3) does.  Hard
links are files with the same `inode` and an `nlink` above one; extended
attributes are `xattr.NAME=BASE64`.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping

from imagesmith.errors import DocumentError
from imagesmith.model.tree import Directory, File, Hardlink, Symlink, Tree, Xattrs, sort_key

_SIGNATURE = b"#mtree\n"
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b"#\\")
_ALL_PLAIN = re.compile(r"[!\"$-\[\]-~]*\Z")


def to_bytes(tree: Tree) -> bytes:
    """Write the mtree of a root filesystem."""
    targets = [entry.target for _, entry in tree if isinstance(entry, Hardlink)]
    links = Counter(targets)
    inodes = {target: number for number, target in enumerate(dict.fromkeys(targets), start=1)}
    lines = [_SIGNATURE]
    root = tree.entry("/") or Directory()
    for path, entry in [("/", root), *((path, entry) for path, entry in tree if path != "/")]:
        target = entry.target if isinstance(entry, Hardlink) else path
        file = tree.file(target)
        match entry:
            case Directory():
                keywords = f"type=dir {_owned(entry)}{_xattrs(entry.xattrs)}"
            case Symlink():
                link = escape(entry.target)
                keywords = f"type=link mode=0777 uid={entry.uid} gid={entry.gid} link={link}"
            case _:
                assert file is not None, f"{target} is linked to and is not in the tree"
                content = f"size={file.size} sha256digest={file.digest.hex}"
                keywords = f"type=file {_owned(file)} {content}{_xattrs(file.xattrs)}"
                if target in links:
                    keywords += f" nlink={links[target] + 1} inode={inodes[target]}"
        lines.append(f".{escape(path.removesuffix('/'))} {keywords}\n".encode())
    return b"".join(lines)


def parse(text: bytes, *, document: str) -> Mapping[str, str]:
    """Return the keywords of every path, as written, by image path as written; the root is `/`."""
    if not text.startswith(_SIGNATURE) or not text.endswith(b"\n"):
        raise DocumentError(document=document, place="", problem="not an mtree written by lock")
    found: dict[str, str] = {}
    for number, line in enumerate(
        text[len(_SIGNATURE) :].decode("ascii", "replace").split("\n"), 2
    ):
        path, space, keywords = line.partition(" ")
        if not line:
            continue
        if not space or not path.startswith(".") or (path[1:] or "/") in found:
            place = f"line {number}"
            raise DocumentError(document=document, place=place, problem="not a path and keywords")
        found[path[1:] or "/"] = keywords
    return found


def differences(expected: Mapping[str, str], got: Mapping[str, str]) -> tuple[str, ...]:
    """Name every path that is missing, extra, or differs in some keyword."""
    lines: list[str] = []
    for path in sorted({*expected, *got}):
        before, after = expected.get(path), got.get(path)
        if before is None:
            lines.append(f"extra: {path}")
        elif after is None:
            lines.append(f"missing: {path}")
        elif before != after:
            lines.append(f"differs: {path} ({_changes(before, after)})")
    return tuple(lines)


def _changes(before: str, after: str) -> str:
    old = dict(keyword.partition("=")[::2] for keyword in before.split(" "))
    new = dict(keyword.partition("=")[::2] for keyword in after.split(" "))
    return ", ".join(
        f"{key} {old.get(key, 'none')} to {new.get(key, 'none')}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )


def escape(path: str) -> str:
    r"""Spell a path in plain ASCII, other bytes as `\ooo`."""
    if _ALL_PLAIN.match(path):
        return path
    return "".join(chr(b) if b in _PLAIN else f"\\{b:03o}" for b in sort_key(path))


def _owned(entry: File | Directory) -> str:
    return f"mode={entry.mode:04o} uid={entry.uid} gid={entry.gid}"


def _xattrs(xattrs: Xattrs) -> str:
    return "".join(
        f" xattr.{escape(name)}={base64.b64encode(value).decode()}" for name, value in xattrs
    )
