"""`imagesmith completion`: the completion script for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion", short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script to be sourced by SHELL."""
    kind = get_completion_class(shell)
    assert kind is not None, "click completes the shells it is offered"
    click.echo(kind(ctx.find_root().command, {}, "imagesmith", "_IMAGESMITH_COMPLETE").source())
