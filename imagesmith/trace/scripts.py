"""What a script runs: the kernel's `#!` line and env's command line.

execve(2) and fs/binfmt_script.c: one argument at most, blanks around it
stripped, at most five scripts in a row.  env(1) looks its program up on PATH,
which in an image is `IMAGE_PATH`: what containers get when nothing else is said.
"""

from __future__ import annotations

import posixpath
import shlex
from typing import Final

import attrs

from imagesmith.model.facts import Script

IMAGE_PATH: Final = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
)
MAX_DEPTH: Final = 5
"""Scripts in a row; the kernel answers ELOOP to the sixth."""

_WITH_ARGUMENT: Final = "uCa"
"""Short options of env that take one."""
_LONG_WITH_ARGUMENT: Final = ("--unset", "--chdir", "--argv0")


@attrs.frozen
class Shebang:
    """Interpreter and argument of a script."""

    interpreter: str
    argument: str = ""

    @property
    def runs_env(self) -> bool:
        """Whether the interpreter is env, which only looks up the real one."""
        return posixpath.basename(self.interpreter) == "env"

    def __str__(self) -> str:
        """Return the line."""
        return f"#!{self.interpreter} {self.argument}".rstrip()


@attrs.frozen
class Command:
    """What env is to run."""

    program: str
    path: tuple[str, ...] = IMAGE_PATH
    """Where a program without a slash is looked up."""


@attrs.frozen
class Unclear:
    """Why it cannot be said what runs."""

    problem: str


def shebang(script: Script) -> Shebang | Unclear:
    """Split the first line of a script as the kernel does."""
    line = script.line.strip(" \t")
    interpreter = line.replace("\t", " ").partition(" ")[0]
    argument = line[len(interpreter) :].strip(" \t")
    if not interpreter:
        return Unclear("no interpreter after #!")
    if interpreter.endswith("\r"):
        return Unclear("the first line ends in CR LF: the kernel looks for a name ending in CR")
    if not interpreter.startswith("/"):
        return Unclear(f"interpreter {interpreter!r} is relative to the working directory")
    return Shebang(interpreter, argument)


def env_command(argument: str) -> Command | Unclear | None:
    """Read env's only argument; None if it names no program.

    Without -S it is one word, however many blanks are in it.
    """
    split = _split_string(argument)
    if split is None:
        words = [argument] if argument else []
    else:
        try:
            words = shlex.split(split)
        except ValueError as error:
            return Unclear(f"env -S: {error}".lower())
    return _command(words)


def _split_string(argument: str) -> str | None:
    """Return the text after -S in whatever form, or None without it."""
    if argument.startswith("--split-string="):
        return argument.partition("=")[2]
    head = argument.partition(" ")[0]
    if argument.startswith("-") and not argument.startswith("--") and "S" in head:
        options, _, text = argument.partition("S")
        return f"{options} {text}" if len(options) > 1 else text
    return None


def _command(words: list[str]) -> Command | Unclear | None:
    pending = list(reversed(words))
    path: tuple[str, ...] = IMAGE_PATH
    while pending:
        word = pending.pop()
        if word.startswith("-"):
            takes_next = word in _LONG_WITH_ARGUMENT or (
                not word.startswith("--") and word[-1] in _WITH_ARGUMENT
            )
            if takes_next and pending:
                pending.pop()
        elif "$" in word:
            return Unclear(f"env: {word!r} depends on the environment")
        elif "=" in word:
            name, _, value = word.partition("=")
            path = tuple(value.split(":")) if name == "PATH" else path
        else:
            return Command(word, path)
    return None
