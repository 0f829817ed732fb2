"""`[[rootfs.file]]`, `[[rootfs.directory]]`, `[[rootfs.symlink]]`: entries that a person declares.

A recipe may leave a file's content in a file beside it (`from`); the manifest
holds the content itself, as text that can be reviewed wherever it is text.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections.words import MAX_ID, architectures, image_path
from imagesmith.manifest.table import Table
from imagesmith.model.arch import Arch
from imagesmith.model.tree import sort_key

MAX_CONTENT = 1024 * 1024
"""Bytes of one declared file; what is larger belongs into a package."""
MAX_MODE = 0o7777

_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_DECIMAL = re.compile(r"(?=[4-7]..\Z)7*6*5*4*0*\Z")
"""A mode that was meant in octal and is written in decimal, such as 644: nobody wants that."""
_BESIDE = re.compile(
    r"(?!\.\.?(?:/|\Z))[^/\x00-\x1f\x7f]+(?:/(?!\.\.?(?:/|\Z))[^/\x00-\x1f\x7f]+)*\Z"
)
_WIDTH = 96
"""Characters of a line of base64."""
_E = TypeVar("_E", bound="FileEntry | DirectoryEntry | SymlinkEntry")


@attrs.frozen(kw_only=True)
class FileEntry:
    """A regular file."""

    path: str
    content: bytes = b""
    beside: str = ""
    """Recipe only: the file beside it that holds the content, if it is not said here."""
    mode: int = 0o644
    user: str = "root"
    """A user of the recipe, or a number; so is `group`."""
    group: str = "root"
    replace: bool = False
    """Whether it may take the place of what a package ships."""
    architectures: tuple[str, ...] = ()
    """Debian names, sorted; every architecture if empty."""


@attrs.frozen(kw_only=True)
class DirectoryEntry:
    """A directory."""

    path: str
    mode: int = 0o755
    user: str = "root"
    group: str = "root"
    replace: bool = False
    architectures: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class SymlinkEntry:
    """A symbolic link."""

    path: str
    target: str
    replace: bool = False
    architectures: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Declared:
    """Everything that is declared, each kind sorted by path."""

    files: tuple[FileEntry, ...] = ()
    directories: tuple[DirectoryEntry, ...] = ()
    symlinks: tuple[SymlinkEntry, ...] = ()

    def on(self, arch: Arch) -> Declared:
        """Return what holds for one architecture, as if it were the only one."""
        return Declared(
            files=tuple(_on(arch, self.files)),
            directories=tuple(_on(arch, self.directories)),
            symlinks=tuple(_on(arch, self.symlinks)),
        )

    def __iter__(self) -> Iterator[FileEntry | DirectoryEntry | SymlinkEntry]:
        """Yield every entry, kind by kind."""
        yield from self.files
        yield from self.directories
        yield from self.symlinks


def _on(arch: Arch, entries: Iterable[_E]) -> Iterator[_E]:
    for each in entries:
        if not each.architectures or arch.debian in each.architectures:
            yield attrs.evolve(each, architectures=())


def read_declared(rootfs: Table, users: Collection[str], *, locked: bool) -> Declared:
    """Read the entries under `[rootfs]`; owners are among `users`, or numbers."""
    found = Declared(
        files=_sorted(
            _read_file(table, users, locked=locked)
            for table in rootfs.tables("file", optional=True)
        ),
        directories=_sorted(
            _read_directory(table, users) for table in rootfs.tables("directory", optional=True)
        ),
        symlinks=_sorted(_read_symlink(table) for table in rootfs.tables("symlink", optional=True)),
    )
    _check_distinct(rootfs, found)
    return found


def _sorted(entries: Iterable[_E]) -> tuple[_E, ...]:
    return tuple(sorted(entries, key=lambda each: (sort_key(each.path), each.architectures)))


def _check_distinct(rootfs: Table, found: Declared) -> None:
    """Refuse two entries at one path of one architecture."""
    seen: dict[str, list[tuple[str, ...]]] = {}
    for each in found:
        for other in seen.setdefault(each.path, []):
            if not each.architectures or not other or {*each.architectures} & {*other}:
                raise rootfs.error("", f"{each.path} is declared twice")
        seen[each.path].append(each.architectures)


def _read_file(table: Table, users: Collection[str], *, locked: bool) -> FileEntry:
    path = table.converted("path", _path)
    content, beside = _read_content(table, locked=locked)
    entry = FileEntry(
        path=path,
        content=content,
        beside=beside,
        mode=_mode(table, 0o644),
        user=_owner(table, "user", users),
        group=_owner(table, "group", users),
        replace=table.boolean("replace", default=False),
        architectures=architectures(table),
    )
    table.end()
    return entry


def _read_content(table: Table, *, locked: bool) -> tuple[bytes, str]:
    """Return the content, or where a recipe says it lies."""
    kinds = ("text", "base64") if locked else ("text", "base64", "from")
    present = [key for key in kinds if table.has(key)]
    if len(present) != 1:
        raise table.error("", f"expected one of {', '.join(kinds)}")
    (kind,) = present
    if kind == "from":
        return b"", table.converted("from", _beside)
    written = table.string(kind)
    content = table.convert(kind, written, _decoded) if kind == "base64" else written.encode()
    if len(content) > MAX_CONTENT:
        raise table.error(kind, f"larger than {MAX_CONTENT} bytes")
    return content, ""


def _read_directory(table: Table, users: Collection[str]) -> DirectoryEntry:
    entry = DirectoryEntry(
        path=table.converted("path", _path),
        mode=_mode(table, 0o755),
        user=_owner(table, "user", users),
        group=_owner(table, "group", users),
        replace=table.boolean("replace", default=False),
        architectures=architectures(table),
    )
    table.end()
    return entry


def _read_symlink(table: Table) -> SymlinkEntry:
    target = table.string("target")
    if not target or "\0" in target:
        raise table.error("target", "expected a path")
    entry = SymlinkEntry(
        path=table.converted("path", _path),
        target=target,
        replace=table.boolean("replace", default=False),
        architectures=architectures(table),
    )
    table.end()
    return entry


def _path(text: str) -> str:
    return image_path(text)


def _beside(text: str) -> str:
    if not _BESIDE.match(text):
        raise ValueError(f"expected a file beside the recipe or below, got {text!r}")
    return text


def _decoded(text: str) -> bytes:
    return b64decode("".join(text.split()), validate=True)


def _mode(table: Table, default: int) -> int:
    mode = table.integer("mode", default)
    if mode > MAX_MODE:
        raise table.error("mode", f"expected at most 0o7777, got {mode:#o}", hint="write 0o644")
    if _DECIMAL.match(str(mode)):
        raise table.error("mode", f"{mode} is {mode:#o} in octal", hint=f"write 0o{mode}")
    return mode


def _owner(table: Table, key: str, known: Collection[str]) -> str:
    name = table.string(key, "root")
    if name in known:
        return name
    if not _NUMBER.match(name):
        hint = "declare it: [rootfs] users = [{ name = …, uid = … }]"
        raise table.error(key, f"no such user: {name!r}", hint=hint)
    if int(name) > MAX_ID:
        raise table.error(key, f"expected at most {MAX_ID}")
    return name


def write_declared(declared: Declared) -> list[str]:
    """Write every entry, leaving out what is as usual."""
    lines: list[str] = []
    for file in declared.files:
        head = ["", "[[rootfs.file]]", f"path = {toml.string(file.path)}"]
        lines += [*head, *_attributes(file, 0o644), *_content(file)]
    for directory in declared.directories:
        head = ["", "[[rootfs.directory]]", f"path = {toml.string(directory.path)}"]
        lines += [*head, *_attributes(directory, 0o755)]
    for link in declared.symlinks:
        head = ["", "[[rootfs.symlink]]", f"path = {toml.string(link.path)}"]
        lines += [*head, f"target = {toml.string(link.target)}", *_conditions(link)]
    return lines


def _attributes(entry: FileEntry | DirectoryEntry, usual: int) -> list[str]:
    lines = [] if entry.mode == usual else [f"mode = {entry.mode:#o}"]
    owners = {"user": entry.user, "group": entry.group}
    lines += [f"{key} = {toml.string(name)}" for key, name in owners.items() if name != "root"]
    return [*lines, *_conditions(entry)]


def _conditions(entry: FileEntry | DirectoryEntry | SymlinkEntry) -> list[str]:
    lines = ["replace = true"] if entry.replace else []
    named = entry.architectures
    return [*lines, f"architectures = {toml.array(named)}"] if named else lines


def _content(file: FileEntry) -> list[str]:
    if file.beside:
        return [f"from = {toml.string(file.beside)}"]
    try:
        return [f"text = {toml.paragraph(file.content.decode())}"]
    except UnicodeDecodeError:
        encoded = b64encode(file.content).decode()
        rows = (encoded[at : at + _WIDTH] for at in range(0, len(encoded), _WIDTH))
        return ["base64 = " + toml.paragraph("\n".join([*rows, ""]))]
