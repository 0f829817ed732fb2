"""Where a command reads from and writes to (POSIX.1-2017, Shell & Utilities §2.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import attrs

from imagesmith.model.tree import Directory, File
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
from imagesmith.rootfs.effects.shell import Shell
from imagesmith.rootfs.effects.streams import Heard, Input
from imagesmith.rootfs.effects.world import World

MAX_CONTENT = 64 * 1024
"""Bytes of a file that a script reads."""
STDOUT, STDERR = 1, 2
REFUSED = Result(2)
"""Of a command that is not run because a file cannot be opened."""


def apply(  # noqa: C901 - a case for each operator
    shell: Shell,
    redirections: Iterable[sh.Redirection],
    run: Callable[[], Result],
    line: int,
    text: str,
    *,
    is_compound: bool = False,
) -> Result:
    """Walk a command with its input and output redirected.

    The commands in one that `is_compound` find the file that they print to.
    """
    kept, sinks = shell.input, list[tuple[str, bool]]()
    is_heard, is_joined = True, False
    for redirection in redirections:
        target, operator = expansion.text(redirection.target, shell), redirection.operator
        if operator == "<<":
            shell.input = Input(target)
        elif not _opens(shell.world, target, operator):
            shell.input = kept
            return REFUSED
        elif operator in ("<", "<>"):
            shell.input = Input(_content(shell.world, target))
        elif operator == ">&":
            joins = redirection.number == STDERR and target == str(STDOUT)
            is_joined = is_joined or joins
            is_heard = is_heard and (redirection.number != STDOUT or target == str(STDOUT))
        elif operator != "<&" and redirection.number == STDOUT:
            sinks.append((target, operator == ">>"))
            if is_compound:
                _create(shell, target, line, text)
        elif operator != "<&":
            _written(shell, [(target, True)], UNKNOWN, line, text)
    if sinks or not is_heard:
        return _redirected(shell, run, sinks, kept, (line, text), is_joined=is_joined)
    try:
        return _joined(shell, run) if is_joined else run()
    finally:
        shell.input = kept


def _create(shell: Shell, path: str, line: int, text: str) -> None:
    """Open a file for writing: it is there while the command runs."""
    is_file = is_known(path) and not path.startswith("/dev/")
    if is_file and is_known(shell.world.files.directory) and shell.world.files.at(path) is None:
        _written(shell, [(path, True)], "", line, text)


def _redirected(
    shell: Shell,
    run: Callable[[], Result],
    sinks: Sequence[tuple[str, bool]],
    kept: Input,
    where: tuple[int, str],
    *,
    is_joined: bool,
) -> Result:
    """Walk a command whose output goes to files, or is an error that nobody reads."""
    heard = Heard()
    try:
        with shell.listening() as heard:
            result = _joined(shell, run) if is_joined else run()
    finally:
        shell.input = kept
        written = _written(shell, sinks, heard.text, *where)
        if not sinks and shell.joined and heard.text:
            shell.print(UNKNOWN)
    return written or result


def _joined(shell: Shell, run: Callable[[], Result]) -> Result:
    """Walk a command whose messages are heard as well: those of a failure are not known."""
    shell.joined += 1
    try:
        result = run()
    finally:
        shell.joined -= 1
    if result.status != 0:
        shell.print(UNKNOWN)
    return result


def _opens(world: World, path: str, operator: str) -> bool:
    """Say whether a file can be opened, as far as that is known."""
    if operator in (">&", "<&") or not is_known(path) or path.startswith("/dev/"):
        return True
    try:
        here = world.files.real(path)
    except Unreproduced:
        return True
    present = None if here is None else world.files.at(here)
    if isinstance(present, Directory):
        return operator == "<"
    is_readable = present is not None or world.files.is_blurred(path) or _is_kernels(path)
    return is_readable if operator == "<" else here is not None


def _is_kernels(path: str) -> bool:
    return path.startswith(("/proc/", "/sys/"))


def lasting(shell: Shell, redirections: Iterable[sh.Redirection], line: int, text: str) -> Result:
    """Redirect what is read and printed from here on; what goes to a file is left out."""
    for redirection in redirections:
        target, operator = expansion.text(redirection.target, shell), redirection.operator
        if operator == "<<":
            shell.input = Input(target)
        elif operator in ("<", "<>"):
            shell.input = Input(_content(shell.world, target))
        elif operator not in (">&", "<&"):
            _written(shell, [(target, True)], UNKNOWN, line, text)
    return Result()


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
    shell: Shell,
    act: Callable[[], Result],
    line: int,
    text: str,
    paths: Sequence[str],
    *,
    of_files: bool = True,
) -> Result:
    """Do something to the world, and note what came of it; in doubt it is left out.

    `paths` are what it is done to; if that is `of_files` only, nothing is missed where
    nothing that lies there counts.
    """
    before = shell.world.moment()
    try:
        result = act()
    except Refusal:
        if not any(map(shell.world.files.is_blurred, filter(is_known, paths))):
            result = Result(1, "", "reproduced", "some of it, the rest fails")
            return _noted(shell, result, before, line, text)
        why = places.reason(path for path in paths if shell.world.files.is_blurred(path))
        result = inert(why, None) if why else skipped("it works on what cannot be known")
    except Elsewhere as error:
        result = inert(str(error))
    except Unreproduced as error:
        why = places.reason(paths) if of_files else ""
        result = inert(why, None, UNKNOWN) if why else skipped(str(error))
    return _noted(shell, result, before, line, text)


def _noted(shell: Shell, result: Result, before: object, line: int, text: str) -> Result:
    """Note what came of a command: nothing if nothing changed, and in doubt that it is left out."""
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
    try:
        found = world.text(path, limit=MAX_CONTENT) if is_known(path) else None
    except Unreproduced:
        found = None
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
