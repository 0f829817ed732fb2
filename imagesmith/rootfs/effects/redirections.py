"""Where a command reads from and writes to (POSIX.1-2017, Shell & Utilities §2.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import attrs

from imagesmith.model.tree import File
from imagesmith.rootfs.effects import expansion, places
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.filesystem import Elsewhere, Refusal
from imagesmith.rootfs.effects.outcome import (
    UNKNOWN,
    Result,
    Unreproduced,
    inert,
    is_known,
    reproduced,
    skipped,
)
from imagesmith.rootfs.effects.shell import Heard, Input, Shell
from imagesmith.rootfs.effects.world import World

MAX_CONTENT = 64 * 1024
"""Bytes of a file that a script reads."""
STDOUT, STDERR = 1, 2


def apply(
    shell: Shell,
    redirections: Iterable[sh.Redirection],
    run: Callable[[], Result],
    line: int,
    text: str,
) -> Result:
    """Walk a command with its input and output redirected."""
    kept, sinks = shell.input, list[tuple[str, bool]]()
    is_heard = True
    for redirection in redirections:
        target = expansion.text(redirection.target, shell)
        if redirection.operator == "<<":
            shell.input = Input(target)
        elif redirection.operator in ("<", "<>"):
            shell.input = Input(_content(shell.world, target))
        elif redirection.number == STDOUT and redirection.operator == ">&":
            is_heard = is_heard and target == str(STDOUT)
        elif redirection.number == STDOUT and redirection.operator != "<&":
            sinks.append((target, redirection.operator == ">>"))
    if not sinks and is_heard:
        try:
            return run()
        finally:
            shell.input = kept
    heard = Heard()
    try:
        with shell.listening() as heard:
            result = run()
    finally:
        shell.input = kept
        written = _written(shell, sinks, heard.text, line, text)
    return written or result


def _written(
    shell: Shell, sinks: Sequence[tuple[str, bool]], output: str, line: int, text: str
) -> Result | None:
    """Write what was printed to the last file named; the others become empty."""
    for path, append in sinks:
        printed = output if path == sinks[-1][0] else ""
        write = partial(_write, shell.world, path, printed, append=append)
        status = effect(shell, write, line, text, [path]).status
        if status:
            return Result(status)
    return None


def effect(
    shell: Shell, act: Callable[[], Result], line: int, text: str, paths: Sequence[str]
) -> Result:
    """Do something to the world, and note what came of it; in doubt it is left out.

    `paths` are what it is done to: where nothing that lies there counts, nothing is missed.
    """
    before = shell.world.moment()
    try:
        result = act()
    except Refusal:
        if not any(map(shell.world.files.is_blurred, filter(is_known, paths))):
            return Result(1)
        why = places.reason(path for path in paths if shell.world.files.is_blurred(path))
        result = inert(why, None) if why else skipped("it works on what cannot be known")
    except Elsewhere as error:
        result = inert(str(error))
    except Unreproduced as error:
        why = places.reason(paths)
        result = inert(why, None, UNKNOWN) if why else skipped(str(error))
    has_changed = shell.world.moment() != before
    if shell.doubt and (has_changed or result.kind == "skipped"):
        why = f"only if {shell.doubt}" if has_changed else f"{result.about}, if {shell.doubt}"
        result = attrs.evolve(result, kind="skipped", about=why)
    if result.kind == "reproduced" and not has_changed:
        return result
    if result.kind is not None:
        shell.note(result.kind, line, text, result.about)
    return result


def _content(world: World, path: str) -> str:
    if path == "/dev/null":
        return ""
    found = world.text(path, limit=MAX_CONTENT) if is_known(path) else None
    return UNKNOWN if found is None else found


def _write(world: World, path: str, output: str, *, append: bool) -> Result:
    """Write what a command printed to a file."""
    if path.startswith("/dev/"):
        return Result()
    if not is_known(path):
        raise Unreproduced("where it writes to cannot be known")
    here = world.files.real(path)
    if here is None:
        raise Refusal(f"no directory for {path}")
    present = world.files.at(here)
    old = world.text(here, limit=MAX_CONTENT) if append and present is not None else ""
    if old is None or not is_known(output):
        world.files.blur(here)
        raise Unreproduced("what it writes cannot be known")
    raw = (old + output).encode("utf-8", "surrogateescape")
    content = File.of(raw, mode=0o666 & ~world.umask)
    if isinstance(present, File):
        content = attrs.evolve(content, mode=present.mode, uid=present.uid, gid=present.gid)
    world.files.write(here, content, by=world.package)
    return reproduced(here)
