"""The group of commands, loaded one at a time, and how every one of them ends.

Results go to stdout and nothing else does; what is for people goes to stderr:
`error:` and `hint:`, lower case, without a full stop.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

import click

from imagesmith import __version__

COMMANDS = {
    "init": "Write a recipe to start from.",
    "lock": "Resolve a recipe and pin everything that decides its images.",
    "sign": "Add a signature to a manifest.",
    "build": "Build images from a signed manifest.",
    "verify": "Re-check every claim of an image or a manifest.",
    "inspect": "Show an image's config, layers and largest files.",
    "run": "Run an image in a sandbox, without a daemon or root.",
    "record": "Run a program in its packages; write down what it uses.",
    "trace": "List what programs load, with the reason for each file.",
    "why": "Show the chain from a seed to a path of the image.",
    "rules": "List the runtime rules.",
    "scripts": "Show what maintainer scripts would have done.",
    "verify-signature": "Judge a detached signature under a trust policy.",
    "keys": "Generate and show OpenPGP keys.",
    "export": "Write an image archive in another form.",
    "push": "Copy an image archive into a registry.",
    "pull": "Copy an image out of a registry into an archive.",
    "store": "List, check and clean the store.",
    "completion": "Print the completion script for a shell.",
}
"""Every command and its summary, in the order of the work; modules are imported when called."""


WHEN: ContextVar[str] = ContextVar("WHEN", default="auto")
"""When to colour; errors are reported after the command's own context is gone."""


class Terminated(BaseException):
    """SIGTERM arrived."""


class App(click.Group):
    """The command group; it loads a command's module only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"imagesmith.cli.commands.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(  # type: ignore[override]  # it always exits
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run and exit with the status DESIGN.md names for what happened."""
        extra["standalone_mode"] = False
        previous = signal.getsignal(signal.SIGTERM)
        _on_terminate(_raise_terminated)
        try:
            result = super().main(args, prog_name or "imagesmith", **extra)
            _flush()
            status = result if isinstance(result, int) else 0
        except BaseException as error:  # noqa: BLE001 - the one place where errors end
            status = status_of(error)
        finally:
            _on_terminate(previous)
        sys.exit(status)


def _raise_terminated(_signal: int, _frame: object) -> NoReturn:
    raise Terminated


def _on_terminate(action: Callable[[int, Any], object] | int | None) -> None:
    try:
        signal.signal(signal.SIGTERM, action)
    except ValueError:  # not the main thread: the embedding program handles signals
        return


def _flush() -> None:
    """Write what is buffered now, so that a full disk or a closed pipe is seen."""
    sys.stdout.flush()


def status_of(error: BaseException) -> int:
    """Report `error` for people and return the exit status."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.Abort() | KeyboardInterrupt():
            report("error", "interrupted")
            return 130
        case Terminated():
            report("error", "terminated")
            return 143
        case click.ClickException():
            return _usage(error)
        case SystemExit() | BrokenPipeError():
            # The reader went away: click has seen it and wants to exit, or a flush has.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        case _:
            return _domain_status(error)


def _usage(error: click.ClickException) -> int:
    report("error", _lower(error.format_message()))
    if isinstance(error, click.UsageError):
        report("hint", _advice(error))
    return 2


def _advice(error: click.UsageError) -> str:
    """Say where an option belongs that another command was given, or where help is."""
    at = error.ctx.command_path if error.ctx else "imagesmith"
    if isinstance(error, click.NoSuchOption) and error.ctx and error.ctx.parent:
        known = {name for option in app.params for name in option.opts}
        if error.option_name in known:
            return f"{error.option_name} stands before the command: imagesmith --help"
    return f"{at} --help"


def _domain_status(error: BaseException) -> int:
    from imagesmith.errors import ImagesmithError

    if isinstance(error, ImagesmithError):
        report("error", f"{error.message} [{error.code}]")
        if error.hint:
            report("hint", error.hint)
        return error.status
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        report("error", f"{where}{(error.strerror or str(error)).lower()} [host]")
        return 2
    raise error


def _lower(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")


def report(kind: str, text: str) -> None:
    """Print one message for people on stderr."""
    colours = {"error": "red", "hint": "cyan", "warning": "yellow"}
    label = click.style(f"{kind}:", fg=colours.get(kind), bold=True)
    click.echo(f"{label} {shown(text)}", err=True, color=colour(sys.stderr))


def shown(text: str) -> str:
    """Make text safe for a terminal, line by line."""
    from imagesmith.model.text import printable

    return "\n".join(printable(line) for line in text.split("\n"))


def colour(stream: Any) -> bool | None:
    """Say whether to colour output on `stream`: option, then NO_COLOR, then a terminal."""
    when = WHEN.get()
    if when in ("always", "never"):
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(stream.isatty())


@click.group(
    cls=App,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="imagesmith")
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    envvar="IMAGESMITH_QUIET",
    help="Say nothing but results and errors.",
)
@click.option(
    "-v",
    "--verbose",
    count=True,
    envvar="IMAGESMITH_VERBOSE",
    help="Say more; twice for even more.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    envvar="IMAGESMITH_COLOR",
    help="Colour output.",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "plain", "none"]),
    default="auto",
    envvar="IMAGESMITH_PROGRESS",
    help="Show progress on stderr; auto: only on a terminal.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar="IMAGESMITH_JSON",
    help="Print one JSON document on stdout.",
)
@click.option(
    "--store", type=click.Path(), envvar="IMAGESMITH_STORE", help="Directory of the store."
)
@click.option("--config", type=click.Path(), envvar="IMAGESMITH_CONFIG", help="Configuration file.")
@click.option(
    "--offline",
    is_flag=True,
    envvar="IMAGESMITH_OFFLINE",
    help="Use the store only; open no connection.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    envvar="IMAGESMITH_JOBS",
    help="Threads; default: all cores.",
)
@click.pass_context
def app(ctx: click.Context, /, **options: Any) -> None:
    """Deterministic, minimal container images from signed manifests."""
    from imagesmith.cli.session import Session

    WHEN.set(options.pop("color"))
    ctx.obj = Session(**options)
    ctx.call_on_close(ctx.obj.close)
