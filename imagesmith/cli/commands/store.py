"""`imagesmith store`: what is kept, whether it is sound, and throwing away."""

from __future__ import annotations

import time

import click

from imagesmith.cli.session import Session, shared

DAY = 24 * 3600


@click.group("store", short_help="List, check and clean the store.")
def command() -> None:
    """List, check and clean the store."""


@command.command("path")
@shared
@click.pass_obj
def path_(session: Session) -> None:
    """Print the directory of the store."""
    session.result(str(session.store_path), {"path": str(session.store_path)})


@command.command("list")
@shared
@click.pass_obj
def list_(session: Session) -> None:
    """List every blob with its size in bytes."""
    from imagesmith.store import Store

    blobs = list(Store.open(session.store_path).entries())
    lines = [f"{blob.digest} {blob.size}" for blob in blobs]
    document = [{"digest": str(blob.digest), "size": blob.size} for blob in blobs]
    session.note(f"{len(blobs)} blobs, {sum(blob.size for blob in blobs)} bytes")
    if lines or session.as_json:
        session.result("\n".join(lines), document)


@command.command()
@shared
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Re-hash every blob and exported file; exit 1 if anything is not what it must be."""
    from imagesmith.store import Store

    session: Session = ctx.obj
    found = Store.open(session.store_path).verify()
    problems = sorted(f"{problem.path}: {problem.problem}" for problem in found)
    if problems or session.as_json:
        session.result("\n".join(problems), {"sound": not problems, "problems": problems})
    session.note("the store is sound" if not problems else f"{len(problems)} problems")
    ctx.exit(1 if problems else 0)


@command.command()
@click.option(
    "--unused-for",
    default=30,
    show_default=True,
    type=click.IntRange(0),
    metavar="DAYS",
    help="Remove what no build has used for so long.",
)
@shared
@click.pass_obj
def gc(session: Session, unused_for: int) -> None:
    """Remove what was not used for a while; builds are waited for, running images stay."""
    from imagesmith.store import Store

    now = int(time.time())
    found = Store.open(session.store_path).collect(unused_for=unused_for * DAY, now=now)
    text = f"removed {found.count} files, {found.size} bytes"
    session.result(text, {"count": found.count, "size": found.size})
