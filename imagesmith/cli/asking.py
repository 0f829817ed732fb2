"""What `run` and `record` let a caller say of the sandbox a program runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagesmith.errors import UsageError

if TYPE_CHECKING:
    from imagesmith.sandbox.starting.program import Asked


def sandboxed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `asked` reads."""
    for option in (
        click.option(
            "--user", metavar="USER[:GROUP]", help="Run as this user; default: the image's."
        ),
        click.option(
            "--entrypoint", metavar="PROGRAM", help="Run this instead of what the image starts."
        ),
        click.option(
            "--volume",
            "volumes",
            multiple=True,
            metavar="HOST:PATH[:ro]",
            help="Lend a file or directory of this machine; may be repeated.",
        ),
        click.option(
            "--env", multiple=True, metavar="NAME=VALUE", help="Set a variable; may be repeated."
        ),
        click.option(
            "--network", is_flag=True, help="Let the program use the network of this machine."
        ),
    ):
        command = option(command)
    return command


def asked(options: Mapping[str, Any]) -> Asked:
    """Return what a command line wants other than the image says; UsageError names an option."""
    from imagesmith.sandbox.starting.program import Asked

    return Asked(
        arguments=options["arguments"],
        entrypoint=options["entrypoint"],
        user=options["user"],
        env=tuple(map(_setting, options["env"])),
        network=options["network"],
        volumes=tuple(map(_volume, options["volumes"])),
    )


def _setting(text: str) -> str:
    if text.partition("=")[0] and "=" in text:
        return text
    raise UsageError(problem=f"--env {text}: expected NAME=VALUE")


def _volume(text: str) -> tuple[str, str, bool]:
    """Read `HOST:PATH[:ro]`; UsageError unless HOST is there."""
    source, _, rest = text.partition(":")
    path, _, mode = rest.partition(":")
    if not (source and path.startswith("/") and mode in ("", "ro", "rw")):
        raise UsageError(problem=f"--volume {text}: expected HOST:PATH or HOST:PATH:ro")
    if not Path(source).exists():
        raise UsageError(problem=f"--volume {text}: no such file or directory: {source}")
    return str(Path(source).absolute()), path, mode != "ro"
