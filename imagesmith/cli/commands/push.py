"""`imagesmith push`: an image archive into a registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagesmith.cli.registries import spoken
from imagesmith.cli.session import Session, shared


@click.command("push", short_help="Copy an image archive into a registry.")
@click.argument("image")
@click.argument("destination", metavar="HOST/NAME[:TAG]")
@click.option(
    "--mount-from",
    "sources",
    multiple=True,
    metavar="NAME",
    help="Repository of the same registry that may have some layers; may be repeated.",
)
@click.option(
    "--chunk-size",
    type=click.IntRange(min=0),
    default=0,
    metavar="MIB",
    help="Send layers in pieces of this size; default: whole.",
)
@spoken
@shared
@click.pass_obj
def command(session: Session, /, image: str, destination: str, **options: Any) -> None:
    """Copy the archive IMAGE to a registry, every byte as it is.

    The archive must be sound. Its digest stays what it is, and is printed.
    """
    from imagesmith.audit import exporting, layout
    from imagesmith.cli import auditing, registries
    from imagesmith.oci import bundle as bundles
    from imagesmith.oci import reader
    from imagesmith.oci.registry import name as names
    from imagesmith.oci.registry import push

    place = names.parse(destination)
    path = Path(image)
    archive = reader.read(auditing.mapped(path), name=str(path))
    exporting.require_sound(layout.read(archive).problems, str(path))
    bundle = bundles.in_archive(archive)
    names.expect(place, bundle.root.digest)
    with registries.repository(
        session, place, options, scope="pull,push", sources=options["sources"]
    ) as repository:
        pushed = push.push(
            bundle,
            repository,
            content=lambda blob: archive.members[f"blobs/sha256/{blob.digest.hex}"],
            chunk=options["chunk_size"] * 1024 * 1024,
            sources=options["sources"],
        )
    for blob, how in pushed.blobs:
        session.detail(f"{how} {blob.digest} {blob.size}")
    session.note(f"{place}: {pushed.sent} bytes sent")
    digest = str(bundle.root.digest)
    session.result(
        digest,
        {
            "digest": digest,
            "reference": str(place),
            "sent": pushed.sent,
            "blobs": [
                {"digest": str(blob.digest), "size": blob.size, "how": how}
                for blob, how in pushed.blobs
            ],
        },
    )
