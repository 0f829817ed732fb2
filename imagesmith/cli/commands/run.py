"""`imagesmith run`: the program of an image in a sandbox."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from imagesmith.cli.asking import asked, sandboxed
from imagesmith.cli.session import Session, shared


@click.command("run", short_help="Run an image in a sandbox, without a daemon or root.")
@click.argument("image")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@click.option(
    "--arch", metavar="A", help="Architecture to run; default: this machine's, else the only one."
)
@sandboxed
@shared
@click.pass_context
def command(ctx: click.Context, /, image: str, **options: Any) -> None:
    """Run the program of an IMAGE archive, with ARGS in place of the image's own.

    Every digest is checked, and the root filesystem written to the store, the first time.
    The program sees that read-only, has memory to write to and no network, and its exit
    status is this command's.
    """
    from imagesmith.cli import running
    from imagesmith.sandbox.starting import launch

    session: Session = ctx.obj
    wishes = asked(options)
    wanted = _platform(options["arch"]) if options["arch"] else None
    host = launch.here(os.environ)
    with running.exported(Path(image), session.opened, wanted=wanted, host=host) as lent:
        status = running.run(lent, wishes, host, wanted=wanted)
    ctx.exit(status)


def _platform(name: str) -> str:
    """Return the OCI platform of an architecture as Debian calls it."""
    from imagesmith.errors import UsageError
    from imagesmith.model import arch
    from imagesmith.sandbox.starting import platform

    try:
        found = arch.parse(name)
    except ValueError as error:
        raise UsageError(problem=f"--arch: {error}") from None
    return platform.normal("/".join(filter(None, ("linux", found.oci, found.variant))))
