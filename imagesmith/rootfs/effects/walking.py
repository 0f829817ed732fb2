"""Every kind of command, and who walks it."""

from __future__ import annotations

from functools import partial

import attrs

from imagesmith.rootfs.effects import branches, calling, loops, redirections
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.outcome import Result
from imagesmith.rootfs.effects.shell import Shell
from imagesmith.rootfs.effects.streams import Input


def walk(shell: Shell, command: sh.Command) -> Result:  # noqa: C901, PLR0911, PLR0912 - a case for each kind
    """Walk a command; a known failure ends the script where it would."""
    match command:
        case sh.Simple():
            return shell.failing(calling.simple(shell, command))
        case sh.Sequence(commands=commands):
            return _sequence(shell, commands)
        case sh.Chain():
            return branches.chain(shell, command)
        case sh.Pipeline():
            return _pipeline(shell, command)
        case sh.If():
            return branches.conditional(shell, command)
        case sh.Case():
            return branches.case(shell, command)
        case sh.For():
            return loops.each(shell, command)
        case sh.Loop():
            return loops.repeated(shell, command)
        case sh.Function(name=name, body=body):
            shell.functions[name] = body
            return Result()
        case sh.Group(body=body, subshell=is_apart):
            if is_apart:
                return shell.failing(shell.subshell(partial(shell.run, body)))
            return shell.run(body)
        case sh.Background(command=inner):
            return attrs.evolve(shell.subshell(partial(shell.run, inner)), status=0)
        case sh.Redirected(command=inner, redirections=sinks, line=line, text=text):
            run = partial(shell.run, inner)
            result = redirections.apply(shell, sinks, run, line, text, is_compound=True)
            return shell.failing(result) if result is redirections.REFUSED else result


def _sequence(shell: Shell, commands: tuple[sh.Command, ...]) -> Result:
    result = Result()
    for command in commands:
        result = shell.run(command)
    return result


def _pipeline(shell: Shell, pipeline: sh.Pipeline) -> Result:
    """Walk a pipeline; a negated one never ends the script (§2.8.1, `set -e`)."""
    if not pipeline.negated:
        return shell.failing(_piped(shell, pipeline.commands))
    with shell.checking():
        status = _piped(shell, pipeline.commands).status
    return Result(None if status is None else int(not status))


def _piped(shell: Shell, commands: tuple[sh.Command, ...]) -> Result:
    """Walk commands in subshells of their own, each reading what the one before prints."""
    if len(commands) == 1:
        return shell.run(commands[0])
    kept = shell.input
    *others, last = commands
    for command in others:
        with shell.listening() as heard:
            shell.subshell(partial(shell.run, command))
        shell.input = Input(heard.text)
    result = shell.subshell(partial(shell.run, last))
    shell.input = kept
    return result
