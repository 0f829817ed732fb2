"""`imagesmith run`: the program of an image in a sandbox."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from imagesmith.cli.session import Session, shared


@click.command("run", short_help="Run an image in a sandbox, without a daemon or root.")
@click.argument("image")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@click.option(
    "--arch", metavar="A", help="Architecture to run; default: this machine's, else the only one."
)
@click.option("--network", is_flag=True, help="Let the program use the network of this machine.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set a variable; may be repeated.")
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    metavar="HOST:PATH[:ro]",
    help="Lend a file or directory of this machine; may be repeated.",
)
@click.option("--entrypoint", metavar="PROGRAM", help="Run this instead of what the image starts.")
@click.option("--user", metavar="USER[:GROUP]", help="Run as this user; default: the image's.")
@shared
@click.pass_context
def command(ctx: click.Context, /, image: str, **options: Any) -> None:  # noqa: ANN401 - click's own
    """Run the program of an IMAGE archive, with ARGS in place of the image's own.

    Every digest is checked, and the root filesystem written to the store, the first time.
    The program sees that read-only, has memory to write to and no network, and its exit
    status is this command's.
    """
    from imagesmith.cli import running
    from imagesmith.sandbox import launch
    from imagesmith.sandbox.program import Asked

    session: Session = ctx.obj
    asked = Asked(
        arguments=options["arguments"],
        entrypoint=options["entrypoint"],
        user=options["user"],
        env=tuple(map(_setting, options["env"])),
        network=options["network"],
        volumes=tuple(map(_volume, options["volumes"])),
    )
    wanted = _platform(options["arch"]) if options["arch"] else None
    host = launch.here(os.environ)
    with running.exported(Path(image), session.opened, wanted=wanted, host=host) as lent:
        status = running.run(lent, asked, host, wanted=wanted)
    ctx.exit(status)


def _platform(name: str) -> str:
    """Return the OCI platform of an architecture as Debian calls it."""
    from imagesmith.errors import UsageError
    from imagesmith.model import arch
    from imagesmith.sandbox import platform

    try:
        found = arch.parse(name)
    except ValueError as error:
        raise UsageError(problem=f"--arch: {error}") from None
    return platform.normal("/".join(filter(None, ("linux", found.oci, found.variant))))


def _setting(text: str) -> str:
    from imagesmith.errors import UsageError

    if text.partition("=")[0] and "=" in text:
        return text
    raise UsageError(problem=f"--env {text}: expected NAME=VALUE")


def _volume(text: str) -> tuple[str, str, bool]:
    """Read `HOST:PATH[:ro]`; UsageError unless HOST is there."""
    from imagesmith.errors import UsageError

    source, _, rest = text.partition(":")
    path, _, mode = rest.partition(":")
    if not (source and path.startswith("/") and mode in ("", "ro", "rw")):
        raise UsageError(problem=f"--volume {text}: expected HOST:PATH or HOST:PATH:ro")
    if not Path(source).exists():
        raise UsageError(problem=f"--volume {text}: no such file or directory: {source}")
    return str(Path(source).absolute()), path, mode != "ro"
