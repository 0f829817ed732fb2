"""Simple commands: which function, builtin or program a name is, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping

from imagesmith.rootfs.effects import expansion, redirections
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.builtins import BUILTINS
from imagesmith.rootfs.effects.commands import (
    Command,
    attributes,
    choices,
    copying,
    divert,
    inert,
    looking,
    making,
    people,
    queries,
    removing,
    sysusers,
    texts,
    unread,
)
from imagesmith.rootfs.effects.outcome import Call, Result
from imagesmith.rootfs.effects.shell import Shell

COMMANDS: Mapping[str, Command] = {
    **attributes.COMMANDS,
    **choices.COMMANDS,
    **copying.COMMANDS,
    **divert.COMMANDS,
    **inert.COMMANDS,
    **looking.COMMANDS,
    **making.COMMANDS,
    **people.COMMANDS,
    **queries.COMMANDS,
    **removing.COMMANDS,
    **sysusers.COMMANDS,
    **texts.COMMANDS,
}
_PREFIXES = frozenset({"exec", "env", "nohup", "nice", "ionice"})
"""Commands that run another, which is read in their place."""


def simple(shell: Shell, command: sh.Simple) -> Result:
    """Walk a simple command: expand, redirect, call."""
    shell.line, shell.substituted = command.line, 0
    return redirections.apply(
        shell,
        command.redirections,
        lambda: _expanded(shell, command),
        command.line,
        command.text,
    )


def _expanded(shell: Shell, command: sh.Simple) -> Result:
    words = expansion.fields(command.words, shell, shell.world.files)
    values = [(each.name, expansion.text(each.value, shell)) for each in command.assignments]
    if not words:
        for name, value in values:
            shell.assign(name, value)
        return Result(shell.substituted)
    kept = {name: shell.variables.get(name) for name, _ in values}
    for name, value in values:
        shell.assign(name, value)
    result = _called(shell, words, command)
    for name, old in kept.items():
        if old is None:
            shell.variables.pop(name, None)
        else:
            shell.assign(name, old)
    return result


def _called(shell: Shell, words: list[str], command: sh.Simple) -> Result:
    words = _unwrapped(words)
    if words[0] in shell.functions:
        return shell.call(shell.functions[words[0]], words[1:])
    call = Call(words=tuple(words), stdin=shell.input.rest() if words[0] in texts.READERS else "")
    builtin, known = BUILTINS.get(words[0]), COMMANDS.get(call.name)

    def act() -> Result:
        if builtin is not None:
            return builtin(call, shell)
        return (known or unread.command)(call, shell.world)

    result = redirections.effect(shell, act, command.line, command.text, call.arguments)
    shell.print(result.output)
    return result


def _unwrapped(words: list[str]) -> list[str]:
    """Return a command without those that only run it."""
    while len(words) > 1 and words[0] in _PREFIXES and not words[1].startswith("-"):
        words = words[1:]
        while len(words) > 1 and "=" in words[0] and not words[0].startswith("/"):
            words = words[1:]
    if len(words) > 1 and words[0] == "command" and not words[1].startswith("-"):
        words = words[1:]
    return words
