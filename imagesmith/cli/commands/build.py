"""`imagesmith build`: images from a signed manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.build.deliver import Delivery
    from imagesmith.model.canonical import Json


@click.command("build", short_help="Build images from a signed manifest.")
@click.argument("directory")
@click.option(
    "--arch", "arches", default="all", show_default=True, help="Architectures: A,B, host or all."
)
@click.option(
    "-o",
    "--output",
    metavar="[KIND:]PATH",
    help="What to write: a file, oci:DIR, docker-archive:FILE, dir:ROOTFS or tar:FILE; default:"
    " NAME.tar here.",
)
@click.option(
    "--trust",
    envvar="IMAGESMITH_TRUST",
    help="Trust policy that must accept the manifest's signatures.",
)
@click.option(
    "--allow-rollback",
    is_flag=True,
    help="For this run, accept a lower serial than this store has accepted before.",
)
@click.option(
    "--compression",
    "compressed",
    type=click.Choice(["zstd", "gzip", "none"]),
    help="Compress layers otherwise than the manifest says; the image is then equivalent.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Build twice, among other surroundings, and run the manifest's checks; write nothing "
    "if the builds differ (exit 6) or a check fails (exit 1).",
)
@mirrored
@shared
@click.pass_obj
def command(session: Session, /, directory: str, **options: Any) -> None:
    """Build DIRECTORY/manifest.toml and write one archive with all its images.

    Nothing is built before the trust policy accepts the manifest's signatures,
    and nothing is written unless the images are what the manifest expects.
    """
    from imagesmith.build import deliver
    from imagesmith.cli import checking, delivering, documents, encoders, proving, trusting
    from imagesmith.oci import destination as destinations

    image = documents.at(directory)
    trusted = trusting.manifest(
        session, image, options["trust"], allow_rollback=options["allow_rollback"]
    )
    manifest = trusted.manifest
    output = destinations.parse(options["output"] or f"{manifest.name.rpartition('/')[2]}.tar")
    arches = trusting.selected(options["arches"], manifest)
    output.expect_room(len(arches))
    effects = session.effects(mirrors=options["mirrors"])
    delivery = deliver.build(
        trusted, arches, effects, recorded=image.recorded, compressed=options["compressed"]
    )
    deliver.demand(delivery, document=str(image.manifest))
    varied = proving.build(session, image, trusted, delivery, effects) if options["check"] else []
    checked = checking.build(session, image, delivery, effects) if options["check"] else []
    delivering.write(delivery, output, effects)
    for comparison in delivery.comparisons:
        session.note(f"{manifest.name} {comparison.arch}: {comparison.level}")
        if comparison.level == "equivalent" and not options["compressed"]:
            session.note(f"  {encoders.advice(manifest)}")
    session.note(f"{output}: {manifest.reference}")
    session.result(
        str(delivery.digest),
        {
            "digest": str(delivery.digest),
            "reference": manifest.reference,
            "archive": str(output.path),
            "checks": checked,
            "variations": varied,
            "images": _images(delivery),
        },
    )


def _images(delivery: Delivery) -> list[Json]:
    """Return a row of each image for --json."""
    return [
        {"architecture": found.arch, "digest": str(built.image.digest), "level": found.level}
        for built, found in zip(delivery.built, delivery.comparisons, strict=True)
    ]
