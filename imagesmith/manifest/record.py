"""The record: which files of the packages a program was seen to use (DESIGN.md §4, `record`).

Written beside the recipe, one an architecture, for people to review; `lock` makes pins
of its paths.  It holds no time, no process number and no value of a variable, so the
same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import words
from imagesmith.manifest.table import Table
from imagesmith.model import arch as arches
from imagesmith.model.arch import Arch
from imagesmith.model.tree import sort_key

FORMAT = 1

KINDS = ("executed", "opened", "listed", "looked-at", "links")
"""How a path was used, what counts most first; `links` are symbolic links crossed."""

_HEAD = """\
# What programs were seen to use of the packages, besides what is traced anyway.
# Written by `imagesmith record`, read by `imagesmith lock`.  Review it: a path that is
# deleted here does not enter the image for this reason.
"""


@attrs.frozen(kw_only=True)
class Command:
    """A command that was recorded."""

    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    """Names of the variables that were set for it, sorted; values may be secrets."""
    network: bool = False


@attrs.frozen(kw_only=True)
class Record:
    """What the commands used, on one architecture."""

    arch: Arch
    commands: tuple[Command, ...]
    """In the order in which they were run, each once."""
    uses: Mapping[str, str]
    """How each path was used: one of `KINDS` by image path."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path, sorted."""
        return tuple(sorted(self.uses, key=sort_key))

    def used(self, kind: str) -> tuple[str, ...]:
        """Return the paths that were used in one way, sorted."""
        return tuple(path for path in self.paths if self.uses[path] == kind)


def strongest(one: str | None, other: str) -> str:
    """Return the use that counts more."""
    return other if one is None else min(one, other, key=KINDS.index)


def merged(first: Record, second: Record) -> Record:
    """Return what either of two records of one architecture has."""
    uses = dict(first.uses)
    for path, kind in second.uses.items():
        uses[path] = strongest(uses.get(path), kind)
    commands = tuple(dict.fromkeys((*first.commands, *second.commands)))
    return attrs.evolve(first, commands=commands, uses=uses)


def parse(text: bytes, *, document: str) -> Record:
    """Read a record; DocumentError names the key that is wrong."""
    root = toml.parse(text, document=document)
    found = root.integer("record", minimum=1)
    if found != FORMAT:
        problem = f"this version reads records of format {FORMAT}, got {found}"
        raise root.error("record", problem, hint="record again")
    record = Record(
        arch=root.converted("arch", arches.parse),
        commands=tuple(map(_read_command, root.tables("command", optional=True))),
        uses=_read_uses(root.table("paths", optional=True)),
    )
    root.end()
    return record


def _read_command(table: Table) -> Command:
    command = Command(
        command=table.words("command"),
        env=tuple(sorted(table.strings("env", ()))),
        network=table.boolean("network", default=False),
    )
    table.end()
    return command


def _read_uses(table: Table) -> Mapping[str, str]:
    uses: dict[str, str] = {}
    for kind in KINDS:
        for path in words.image_paths(table, kind):
            if path in uses:
                raise table.error(kind, f"{path} is listed twice, in {uses[path]} as well")
            uses[path] = kind
    table.end()
    return uses


def is_spelled(path: str) -> bool:
    """Say whether a record can hold an image path; names of other bytes than UTF-8 it cannot."""
    try:
        words.image_path(path)
        path.encode()
    except ValueError:
        return False
    return True


def to_bytes(record: Record) -> bytes:
    """Write a record, sorted, one path a line."""
    lines = [f"record = {FORMAT}", f'arch = "{record.arch}"']
    for command in record.commands:
        lines += ["", "[[command]]", *_written(command)]
    lines += ["", "[paths]"]
    lines += [f"{kind} = {toml.block(paths)}" for kind in KINDS if (paths := record.used(kind))]
    return "\n".join([_HEAD, *lines, ""]).encode()


def _written(command: Command) -> Iterable[str]:
    yield f"command = {toml.array(command.command)}"
    if command.env:
        yield f"env = {toml.array(command.env)}"
    if command.network:
        yield "network = true"
