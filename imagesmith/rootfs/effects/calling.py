"""Simple commands: which function, builtin or program a name is, and what becomes of it."""

from __future__ import annotations

import re
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
_PREFIXES = frozenset({"env", "nohup", "nice", "ionice", "time"})
"""Commands that run another, which is read in their place."""
_OF_FILES = frozenset(
    {
        *attributes.COMMANDS,
        *copying.COMMANDS,
        *looking.COMMANDS,
        *making.COMMANDS,
        *removing.COMMANDS,
        *texts.COMMANDS,
    }
)
"""Commands that change nothing but what lies at the paths among their words."""
_DECLARING = frozenset({"declare", "export", "local", "readonly", "typeset"})
"""Builtins that take assignments."""
_OPTIONS = re.compile(r"\A(?:-(?:n|c|p)\n?[0-9]+\n|-[0-9]+\n|-[it]\n)*")
"""Those of nice(1), ionice(1) and env(1) that change nothing for the command."""
_SPECIAL = frozenset(
    {".", ":", "break", "continue", "eval", "exec", "exit"}
    | {"export", "readonly", "return", "set", "shift", "unset"}
)
"""Builtins whose assignments stay and whose failed redirections end the script (§2.14)."""


def simple(shell: Shell, command: sh.Simple) -> Result:
    """Walk a simple command: expand, redirect, call."""
    shell.line, shell.substituted = command.line, 0
    name = _spelled(command)
    if name == "exec" and len(command.words) == 1:
        return redirections.lasting(shell, command.redirections, command.line, command.text)
    words = _words(shell, command)
    result = redirections.apply(
        shell,
        command.redirections,
        lambda: _expanded(shell, command, words),
        command.line,
        command.text,
    )
    if result is redirections.REFUSED and name in _SPECIAL:
        shell.ends(result.status)
    return result


def _spelled(command: sh.Simple) -> str:
    """Return the name of a command as it is written, if it is plain."""
    match command.words:
        case (sh.Word(parts=(sh.Text(text=name),)), *_):
            return name
        case _:
            return ""


def _expanded(shell: Shell, command: sh.Simple, words: list[str]) -> Result:
    values = [(each.name, expansion.text(each.value, shell)) for each in command.assignments]
    if not words:
        for name, value in values:
            shell.assign(name, value)
        return Result(shell.substituted)
    kept = {name: shell.variables.get(name) for name, _ in values}
    for name, value in values:
        shell.assign(name, value)
    result = _called(shell, words, command)
    if words[0] not in _SPECIAL:
        shell.unset(kept)
    return result


def _words(shell: Shell, command: sh.Simple) -> list[str]:
    """Return all words of a command; what a builtin assigns stays in one piece."""
    files = shell.world.files
    if _spelled(command) not in _DECLARING:
        return expansion.fields(command.words, shell, files)
    return [
        each
        for word in command.words
        for each in (
            [expansion.text(word, shell)]
            if word.parts and isinstance(word.parts[0], sh.Text) and "=" in word.parts[0].text
            else expansion.fields((word,), shell, files)
        )
    ]


def _called(shell: Shell, words: list[str], command: sh.Simple) -> Result:
    if words[0] == "exec" and len(words) > 1:
        shell.ends(_called(shell, words[1:], command).status)
    words = _unwrapped(words)
    if words[0] in shell.functions:
        return shell.call(shell.functions[words[0]], words[1:])
    call = Call(words=tuple(words), reads=shell.input.rest)
    builtin = BUILTINS.get(words[0])
    known = COMMANDS.get(call.name) if _is_system(words[0]) else None

    def act() -> Result:
        if builtin is not None:
            return builtin(call, shell)
        return (known or unread.command)(call, shell.world)

    of_files = builtin is None and call.name in _OF_FILES
    result = redirections.effect(
        shell, act, command.line, command.text, call.arguments, of_files=of_files
    )
    shell.print(result.output)
    return result


def _is_system(name: str) -> bool:
    """Say whether a name is that of a program on dpkg's PATH, not of a package's own elsewhere."""
    return "/" not in name or name.rpartition("/")[0] in queries.PATH.split(":")


def _unwrapped(words: list[str]) -> list[str]:
    """Return a command without those that only run it."""
    while len(words) > 1 and words[0] in _PREFIXES:
        plain = _OPTIONS.sub("", "\n".join(words[1:])).split("\n")
        if plain[0].startswith("-"):
            break
        words = plain
        while len(words) > 1 and "=" in words[0] and not words[0].startswith("/"):
            words = words[1:]
    if len(words) > 1 and words[0] == "command" and not words[1].startswith("-"):
        words = words[1:]
    return words
