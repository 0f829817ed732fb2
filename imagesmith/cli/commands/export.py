"""`imagesmith export`: an image archive in another form."""

from __future__ import annotations

from pathlib import Path

import click

from imagesmith.cli.session import Session, shared


@click.command("export", short_help="Write an image archive in another form.")
@click.argument("image")
@click.argument("destination", metavar="[KIND:]PATH")
@click.option("--arch", default="", help="Architecture, for a form that holds only one.")
@click.option("--name", default="", help="Name and tag; default: the archive's own.")
@shared
@click.pass_obj
def command(session: Session, image: str, destination: str, arch: str, name: str) -> None:
    """Write what the archive IMAGE holds to another place.

    KIND is oci-archive (the default), oci (a directory), docker-archive (as
    docker save writes it, layers uncompressed), dir or tar (the root filesystem).
    The image stays what it is: documents and digests are not changed.
    """
    from imagesmith.audit import exporting as soundness
    from imagesmith.audit import layout
    from imagesmith.cli import auditing, exporting
    from imagesmith.oci import destination as destinations
    from imagesmith.oci import reader

    target = destinations.parse(destination)
    path = Path(image)
    archive = reader.read(auditing.mapped(path), name=str(path))
    found = layout.read(archive)
    soundness.require_sound(found.problems, str(path))
    reference = name or found.reference
    source = exporting.Source(archive=archive, layout=found, reference=reference)
    digest = str(exporting.write(source, target, arch=arch))
    session.note(f"{target}: {reference}")
    session.result(digest, {"digest": digest, "reference": reference, "destination": str(target)})
