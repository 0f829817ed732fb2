"""Commands that change the shell itself (POSIX.1-2017, Shell & Utilities §2.14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from imagesmith.model.tree import Directory
from imagesmith.rootfs.effects import conditions, expansion
from imagesmith.rootfs.effects.outcome import UNKNOWN, Call, Result, Unreproduced, inert, is_known
from imagesmith.rootfs.effects.shell import Left, Shell

CONFMODULE = "/usr/share/debconf/confmodule"
"""What makes debconf's commands, and starts its frontend (debconf-devel(7))."""
MAX_SOURCED = 256 * 1024
"""Bytes of a file that is sourced."""


def _number(words: tuple[str, ...], default: int | None) -> int | None:
    """Return a status or a count; None if it cannot be known."""
    if not words:
        return default
    return int(words[0]) if words[0].isdecimal() else None


def _exit(call: Call, shell: Shell) -> Result:
    raise Left("exit", _number(call.arguments, shell.status))


def _return(call: Call, shell: Shell) -> Result:
    raise Left("return", _number(call.arguments, shell.status))


def _break(call: Call, shell: Shell) -> Result:
    if not shell.loops:
        return Result()
    way = "break" if call.name == "break" else "continue"
    raise Left("break" if way == "break" else "continue", 0, _number(call.arguments, 1) or 1)


def _set(call: Call, shell: Shell) -> Result:
    words = list(call.arguments)
    while words and words[0][:1] in ("-", "+"):
        word = words.pop(0)
        if word == "--":
            shell.positional = words
            return Result()
        name = words.pop(0) if "o" in word[1:] and words else ""
        if "e" in word[1:] or name == "errexit":
            shell.errexit = word[0] == "-"
        if "f" in word[1:] or name == "noglob":
            shell.globs = word[0] == "+"
    if words:
        shell.positional = words
    return Result()


def _shift(call: Call, shell: Shell) -> Result:
    count = _number(call.arguments, 1) or 0
    if count > len(shell.positional):
        shell.ends(2)
    shell.positional = shell.positional[count:]
    return Result()


def _declare(call: Call, shell: Shell) -> Result:
    """Set variables; those of a function are what they were when it ends."""
    is_own = call.name in ("local", "declare", "typeset") and shell.own
    for word in call.arguments:
        name, equals, value = word.partition("=")
        if is_own:
            shell.own[-1].setdefault(name, shell.variables.get(name))
        if equals:
            shell.assign(name, value)
    return Result()


def _unset(call: Call, shell: Shell) -> Result:
    for name in call.arguments:
        if "-f" in call.arguments:
            shell.functions.pop(name, None)
        else:
            shell.variables.pop(name, None)
    return Result()


def _read(call: Call, shell: Shell) -> Result:
    names = [word for word in call.arguments if not word.startswith("-")] or ["REPLY"]
    line = shell.input.line()
    separators = shell.variables.get("IFS", " \t\n")
    if not is_known(line + separators) or ("\\" in line and "-r" not in call.arguments):
        for name in names:
            shell.assign(name, UNKNOWN)
        return Result(None if UNKNOWN in line else 0)
    words = expansion.divided(line.removesuffix("\n"), separators, len(names))
    for number, name in enumerate(names):
        shell.assign(name, words[number] if number < len(words) else "")
    return Result(0 if line.endswith("\n") else 1)


def _test(call: Call, shell: Shell) -> Result:
    words = call.arguments
    if call.name == "[":
        if not words or words[-1] != "]":
            return Result(2)
        words = words[:-1]
    found = conditions.evaluate(words, shell.world.files)
    return Result(None if found is None else int(not found))


def _source(call: Call, shell: Shell) -> Result:
    """Walk a file that packages ship; debconf's module is known without."""
    from imagesmith.rootfs.effects import parser
    from imagesmith.rootfs.effects.syntax import Unreadable

    (path,) = call.arguments[:1] or ("",)
    if path == CONFMODULE:
        shell.assign("RET", UNKNOWN)
        return inert("questions are not asked; an answer is not known")
    if not is_known(path):
        raise Unreproduced("which file it reads cannot be known")
    if shell.world.files.at(path) is None:
        # where this fails the shell ends: scripts source what they know is there
        raise Unreproduced("the file it reads is not among the packages")
    text = shell.world.text(path, limit=MAX_SOURCED)
    commands = Unreadable(1, "no text") if text is None else parser.parse_text(text)
    if isinstance(commands, Unreadable):
        raise Unreproduced(f"line {commands.line} of the file it reads: {commands.problem}")
    return shell.call(commands, list(call.arguments[1:]) or shell.positional)


def _eval(call: Call, shell: Shell) -> Result:
    from imagesmith.rootfs.effects import parser
    from imagesmith.rootfs.effects.syntax import Unreadable

    text = " ".join(call.known())
    commands = parser.parse_text(text)
    if isinstance(commands, Unreadable):
        raise Unreproduced(commands.problem)
    return shell.run(commands)


def _command(call: Call, shell: Shell) -> Result:
    """Tell where a command is; `command NAME` itself is seen to by who calls."""
    from imagesmith.rootfs.effects.commands.queries import which

    names = [word for word in call.arguments if not word.startswith("-")]
    if names and names[0] in (*shell.functions, *BUILTINS):
        return Result(0, f"{names[0]}\n")
    return which(call, shell.world)


def _alias(call: Call, shell: Shell) -> Result:
    """Take aliases for functions, which they are as long as nobody quotes in them."""
    from imagesmith.rootfs.effects import parser
    from imagesmith.rootfs.effects.syntax import Unreadable

    for word in call.known():
        name, equals, value = word.partition("=")
        body = parser.parse_text(f'{value} "$@"') if equals else Unreadable(1, "")
        if not isinstance(body, Unreadable):
            shell.functions[name] = body
    return Result()


def _nothing(call: Call, shell: Shell) -> Result:
    return Result(0 if call.name != "false" else 1)


def _umask(call: Call, shell: Shell) -> Result:
    """Set what modes of new files lack."""
    (mask,) = call.known()[:1] or ("",)
    if not mask:
        return Result(0, f"{shell.world.umask:04o}\n")
    if not re.fullmatch("[0-7]{1,4}", mask):
        raise Unreproduced("a umask of letters is not read")
    shell.world.umask = int(mask, 8)
    return Result()


def _trap(call: Call, shell: Shell) -> Result:
    """Keep what is done at the end; signals do not come."""
    words = call.arguments[1:] if call.arguments[:1] == ("--",) else call.arguments
    if {"EXIT", "0"} & {*words[1:]}:
        shell.trapped = "" if words[0] == "-" else words[0]
    return Result()


def _cd(call: Call, shell: Shell) -> Result:
    """Work in another directory."""
    words = [word for word in call.arguments if word not in ("-P", "-L", "--")]
    path = words[0] if words else shell.variables.get("HOME", "")
    if not is_known(path) or path == "-":
        shell.world.files.directory = UNKNOWN
        return Result(None)
    here = shell.world.files.real(path)
    if here is None or not isinstance(shell.world.files.at(here), Directory):
        return Result(None if shell.world.files.is_blurred(path) else 2)
    shell.world.files.directory = here
    shell.assign("PWD", UNKNOWN)
    return Result()


def _pwd(call: Call, shell: Shell) -> Result:
    return Result(0, f"{shell.world.files.directory}\n")


Builtin = Callable[[Call, Shell], Result]

BUILTINS: Mapping[str, Builtin] = {
    "alias": _alias,
    ":": _nothing,
    "true": _nothing,
    "false": _nothing,
    "[": _test,
    "test": _test,
    ".": _source,
    "source": _source,
    "break": _break,
    "continue": _break,
    "cd": _cd,
    "command": _command,
    "declare": _declare,
    "eval": _eval,
    "exit": _exit,
    "export": _declare,
    "local": _declare,
    "typeset": _declare,
    "pwd": _pwd,
    "read": _read,
    "readonly": _declare,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "shopt": _nothing,
    "trap": _trap,
    "umask": _umask,
    "unset": _unset,
}
