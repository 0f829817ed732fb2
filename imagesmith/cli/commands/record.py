"""`imagesmith record`: what a program uses of its packages, written down for review."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.asking import asked, sandboxed
from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.build.recording import Recorded
    from imagesmith.cli.documents import ImageDirectory
    from imagesmith.manifest.record import Record


@click.command("record", short_help="Run a program in its packages; write down what it uses.")
@click.argument("directory")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@click.option("--arch", default="", metavar="A", help="Architecture; default: the host's.")
@click.option("--append", is_flag=True, help="Add to the record that is there.")
@click.option("--twice", is_flag=True, help="Run it twice and say what only one of the runs used.")
@sandboxed
@mirrored
@shared
@click.pass_context
def command(ctx: click.Context, /, directory: str, **options: Any) -> None:
    """Run the image's program, or its first seed, in all packages of DIRECTORY's manifest.

    ARGS stand in place of the image's own.  Every file of the packages that the program uses,
    and that the image would not have anyway, is written to record.ARCH.toml beside the recipe:
    review it, then lock.  It runs under strace in the sandbox that `run` makes; end a server
    with ^C.  What it prints goes to stderr.
    """
    from imagesmith.build import recording
    from imagesmith.cli import documents, recorded, tracing
    from imagesmith.sandbox.starting import launch

    session: Session = ctx.obj
    image = documents.at(directory)
    wishes = asked(options)
    manifest = tracing.manifest_of(image)
    plan = tracing.plan_of(manifest, options["arch"])
    before = recorded.previous(image, plan.arch.debian)
    for doubt in recorded.doubts(image, manifest):
        session.warn(doubt)
    effects = session.effects(mirrors=options["mirrors"])
    runs = 1 + options["twice"]
    found = recording.record(plan, wishes, effects, launch.here(os.environ), runs=runs)
    record = recorded.save(image, found.record, before if options["append"] else None)
    _tell(session, image, found, before, record)


def _tell(
    session: Session,
    image: ImageDirectory,
    found: Recorded,
    before: Record | None,
    record: Record,
) -> None:
    """Say what was found, by package, and what to think about."""
    from imagesmith.cli import recorded

    for line in recorded.summary(found):
        session.note(line)
    for warning in recorded.warnings(found, before):
        session.warn(warning)
    path = image.record(record.arch.debian)
    session.note(f"next: review {path}, then imagesmith lock {image.path}")
    session.result(str(path), recorded.to_json(found, record, path))
