"""`imagesmith init`: a recipe to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagesmith.cli.session import Session, mirrored, shared


@click.command("init", short_help="Write a recipe to start from.")
@click.argument("name")
@click.option("--package", "packages", multiple=True, help="A package to take; may be repeated.")
@click.option("--seed", "seeds", multiple=True, help="A path to trace from; may be repeated.")
@click.option("--arch", "arches", multiple=True, help="Debian architecture; may be repeated.")
@click.option("--suite", default="bookworm", show_default=True, help="Debian suite.")
@click.option(
    "-C", "--directory", default="manifests", show_default=True, help="Where NAME is made."
)
@click.option("--keyring", "keyrings", multiple=True, help="Keyring to look archive keys up in.")
@mirrored
@shared
@click.pass_obj
def command(session: Session, /, name: str, **options: Any) -> None:
    """Write DIRECTORY/NAME/recipe.toml.

    The keys that signed the suite's release and are in the host's keyrings are
    pinned as `signed-by`: review them, they decide whose packages are accepted.
    """
    from imagesmith.build import begin
    from imagesmith.cli import documents
    from imagesmith.errors import HostError, UsageError
    from imagesmith.manifest import recipe as recipes

    folder = Path(options["directory"]) / begin.checked_name(name)
    target = documents.ImageDirectory(folder).recipe
    if target.exists():
        raise UsageError(problem=f"{target}: exists already", hint="edit it, or choose a new name")
    effects = session.effects(mirrors=options["mirrors"], keyrings=options["keyrings"])
    signers = begin.signers(options["suite"], effects)
    recipe = begin.recipe(
        name,
        packages=options["packages"],
        seeds=options["seeds"],
        arches=options["arches"],
        suite=options["suite"],
        signed_by=signers,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(path=str(folder), problem=str(error.strerror).lower()) from None
    documents.write(target, recipes.to_bytes(recipe))
    for signer in signers:
        session.note(f"signed-by {signer}: signed {options['suite']}, found in a keyring here")
    session.note(f"next: imagesmith lock {folder}")
    session.result(str(target), {"recipe": str(target), "signed-by": list(signers)})
