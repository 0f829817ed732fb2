"""`imagesmith pull`: an image out of a registry, into an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagesmith.cli.registries import spoken
from imagesmith.cli.session import Session, shared


@click.command("pull", short_help="Copy an image out of a registry into an archive.")
@click.argument("source", metavar="HOST/NAME[:TAG][@DIGEST]")
@click.option("-o", "--output", help="Archive to write; default: NAME.tar here.")
@click.option("--arch", default="all", show_default=True, help="An architecture, host or all.")
@spoken
@shared
@click.pass_obj
def command(session: Session, /, source: str, **options: Any) -> None:
    """Copy an image out of a registry, every document as it is there.

    What was fetched has the digests that were named; who made it is for verify to say.
    """
    from imagesmith.cli import pulling, registries
    from imagesmith.oci.registry import name as names

    place = names.parse(source)
    output = Path(options["output"] or f"{place.name.rpartition('/')[2]}.tar")
    wanted = pulling.wanted(options["arch"])
    effects = session.effects()
    with registries.repository(session, place, options, scope="pull") as repository:
        bundle = pulling.pull(repository, effects, output, wanted=wanted)
    session.note(f"{output}: {place}")
    digest = str(bundle.root.digest)
    session.result(digest, {"digest": digest, "reference": str(place), "archive": str(output)})
