"""`[[check]]`: what a finished image must be seen to do.

A check has steps that share directories, /tmp and a network without an outside.
One that needs a single step says it inline.  Checks decide no byte of an image.
"""

from __future__ import annotations

import re
from typing import Literal

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections.image import read_pairs
from imagesmith.manifest.sections.words import architectures, choice, image_paths
from imagesmith.manifest.table import Table
from imagesmith.model.arch import Arch
from imagesmith.model.config import Pairs

WhichTree = Literal["image", "full"]
TREES: tuple[WhichTree, ...] = ("image", "full")
DEFAULT_TIMEOUT = 60
MAX_TIMEOUT = 3600
MAX_STATUS = 255
MAX_PORT = 65535

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?\Z")


@attrs.frozen(kw_only=True)
class Step:
    """A program to run, and what it must be seen to do."""

    command: tuple[str, ...] = ()
    """The image's entrypoint if empty."""
    args: tuple[str, ...] = ()
    """Words after the command; after the entrypoint they take the place of the image's `cmd`."""
    tree: WhichTree = "image"
    """Where the program comes from: the image, or the full union of its packages."""
    user: str = ""
    """As in `[image]`; the image's if empty."""
    env: Pairs = ()
    """Over the image's; sorted by name."""
    stdin: str = ""
    status: int | None = None
    """The exit status; by default 0, and what the stop signal gives a background step too."""
    output: str | None = None
    """All of stdout."""
    contains: tuple[str, ...] = ()
    """Each of them on stdout or stderr."""
    matches: tuple[str, ...] = ()
    """Regular expressions, each found on stdout or stderr; `^` and `$` mean lines."""
    timeout: int = DEFAULT_TIMEOUT
    """Seconds to end in; a background step has them to get ready, and again to end."""
    background: bool = False
    """Whether it runs until the last step has ended."""
    ready: str = ""
    """What a background step prints when others may go on."""
    port: int | None = None
    """The TCP port a background step listens on when others may go on."""


@attrs.frozen(kw_only=True)
class Check:
    """Steps, one after the other, in the same small world."""

    name: str
    architectures: tuple[str, ...] = ()
    """Debian names, sorted; every architecture if empty."""
    writable: tuple[str, ...] = ()
    """Directories to write to, besides those that `run` gives."""
    steps: tuple[Step, ...]

    def is_for(self, arch: Arch) -> bool:
        """Say whether it is to pass on an architecture."""
        return not self.architectures or arch.debian in self.architectures


def read_checks(root: Table) -> tuple[Check, ...]:
    """Read every `[[check]]`, in document order."""
    found: list[Check] = []
    for table in root.tables("check", optional=True):
        check = _read(table)
        if any(check.name == other.name for other in found):
            raise table.error("name", f"{check.name!r} is the name of another check")
        found.append(check)
    return tuple(found)


def _read(table: Table) -> Check:
    if table.has("step"):
        steps = tuple(_read_step(step) for step in table.tables("step"))
        if not steps:
            raise table.error("step", "expected at least one")
    else:
        steps = (_read_keys(table),)
    check = Check(
        name=table.converted("name", _name),
        architectures=architectures(table),
        writable=image_paths(table, "writable"),
        steps=steps,
    )
    table.end()
    return check


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise ValueError(f"expected a name of letters, digits, spaces and ._-, got {text!r}")
    return text


def _read_step(table: Table) -> Step:
    step = _read_keys(table)
    table.end()
    return step


def _read_keys(table: Table) -> Step:
    """Read the keys of a step, in a table that may have others."""
    output = table.string("output") if table.has("output") else None
    step = Step(
        command=_words(table, "command"),
        args=_words(table, "args"),
        tree=choice(table, "tree", TREES),
        user=table.string("user", ""),
        env=read_pairs(table, "env"),
        stdin=table.string("stdin", ""),
        status=_number(table, "status", 0, MAX_STATUS),
        output=output,
        contains=table.strings("contains", ()),
        matches=table.convert_all("matches", table.strings("matches", ()), _pattern),
        timeout=_number(table, "timeout", 1, MAX_TIMEOUT) or DEFAULT_TIMEOUT,
        background=table.boolean("background", default=False),
        ready=table.string("ready", ""),
        port=_number(table, "port", 1, MAX_PORT),
    )
    if step.background and not step.ready and step.port is None:
        hint = 'ready = "what it prints then", or port = the TCP port it listens on'
        raise table.error("background", "it must be told when others may go on", hint=hint)
    for key in ("ready", "port"):
        if table.has(key) and not step.background:
            raise table.error(key, "expected with background = true only")
    return step


def _words(table: Table, key: str) -> tuple[str, ...]:
    words = table.words(key, ())
    if any("\0" in word for word in words):
        raise table.error(key, "a NUL cannot be passed on")
    if key == "command" and words[:1] == ("",):
        raise table.error(key, "expected the name of a program first")
    return words


def _number(table: Table, key: str, minimum: int, maximum: int) -> int | None:
    if not table.has(key):
        return None
    value = table.integer(key, minimum=minimum)
    if value > maximum:
        raise table.error(key, f"expected at most {maximum}, got {value}")
    return value


def _pattern(text: str) -> str:
    try:
        re.compile(text, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def write_checks(checks: tuple[Check, ...]) -> list[str]:
    """Write every `[[check]]`, leaving out what is as usual."""
    lines: list[str] = []
    for check in checks:
        lines += ["", "[[check]]", f"name = {toml.string(check.name)}"]
        arrays = {"architectures": check.architectures, "writable": check.writable}
        lines += [f"{key} = {toml.array(values)}" for key, values in arrays.items() if values]
        if len(check.steps) == 1:
            lines += _write_step(check.steps[0])
            continue
        for step in check.steps:
            lines += ["", "[[check.step]]", *_write_step(step)]
    return lines


def _write_step(step: Step) -> list[str]:
    lines = []
    arrays = {"command": step.command, "args": step.args}
    lines += [f"{key} = {toml.array(values)}" for key, values in arrays.items() if values]
    if step.tree != TREES[0]:
        lines.append(f"tree = {toml.string(step.tree)}")
    if step.env:
        pairs = (f"{toml.key(name)} = {toml.string(value)}" for name, value in step.env)
        lines.append(f"env = {{ {', '.join(pairs)} }}")
    texts = {"user": step.user, "stdin": step.stdin, "output": step.output}
    lines += [f"{key} = {toml.paragraph(text)}" for key, text in texts.items() if text]
    if step.output == "":
        lines.append('output = ""')
    wanted = {"contains": step.contains, "matches": step.matches}
    lines += [f"{key} = {toml.array(values)}" for key, values in wanted.items() if values]
    if step.background:
        lines.append("background = true")
    if step.ready:
        lines.append(f"ready = {toml.string(step.ready)}")
    timeout = None if step.timeout == DEFAULT_TIMEOUT else step.timeout
    numbers = {"port": step.port, "status": step.status, "timeout": timeout}
    return lines + [f"{key} = {number}" for key, number in numbers.items() if number is not None]
