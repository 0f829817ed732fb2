"""`imagesmith lock`: from a recipe to a manifest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.cli.documents import ImageDirectory
    from imagesmith.manifest.manifest import Manifest
    from imagesmith.model.canonical import Json

EVERYTHING = "*"


@click.command("lock", short_help="Resolve a recipe and pin everything that decides its images.")
@click.argument("directory")
@click.option(
    "--update",
    "updates",
    multiple=True,
    is_flag=False,
    flag_value=EVERYTHING,
    metavar="[P]",
    help="Take the newest versions, of everything or of package P; may be repeated.",
)
@click.option(
    "--allow-rollback",
    is_flag=True,
    help="Accept a release file older than one seen before, and packages whose version had other"
    " bytes before, with a warning.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if locking would be needed.")
@click.option("--no-checks", is_flag=True, help="Do not run the recipe's checks.")
@click.option("--keyring", "keyrings", multiple=True, help="Keyring to look archive keys up in.")
@mirrored
@shared
@click.pass_context
def command(ctx: click.Context, /, directory: str, **options: Any) -> None:
    """Write manifest.toml and an mtree for each architecture beside DIRECTORY/recipe.toml.

    Versions stay as they are while the recipe does; --update lets go of them.
    """
    from imagesmith.build import lock
    from imagesmith.cli import checking, documents, locking
    from imagesmith.model.digest import Digest

    session: Session = ctx.obj
    image = documents.at(directory)
    text = documents.read(image.recipe, hint=f"write one: imagesmith init {image.path.name}")
    recipe = locking.recipe_of(image, text)
    previous = locking.previous(image)
    if options["check"]:
        problems = locking.stale(image, Digest.of(text), recipe, previous, now=int(time.time()))
        document = {"current": not problems, "problems": list(problems)}
        session.result("\n".join(problems) or f"{image.manifest}: current", document)
        ctx.exit(1 if problems else 0)
    effects = session.effects(mirrors=options["mirrors"], keyrings=options["keyrings"])
    named = tuple(name for name in options["updates"] if name != EVERYTHING)
    update = lock.Update(everything=EVERYTHING in options["updates"], packages=named)
    with locking.naming(image.recipe):
        locked = lock.lock(
            recipe,
            Digest.of(text),
            effects,
            previous=previous,
            update=update,
            rollback=options["allow_rollback"],
        )
    checked = checking.lock(session, image, locked, effects, skip=options["no_checks"])
    changed = locking.save(image, locked)
    for warning in (*locked.warnings, *locking.doubts(image, locked.manifest, effects)):
        session.warn(warning)
    _tell(session, image, previous, locked.manifest, checked, changed=changed)


def _tell(
    session: Session,
    image: ImageDirectory,
    before: Manifest | None,
    after: Manifest,
    checked: list[Json],
    *,
    changed: bool,
) -> None:
    """Say what came of it, and what to do next."""
    from imagesmith.cli import documents, locking
    from imagesmith.model.digest import Digest

    for line in locking.summary(before, after):
        session.note(line)
    if changed:
        session.note(f"next: imagesmith sign {image.path} --key SECRET.asc")
    digest = str(Digest.of(documents.read(image.manifest)))
    document = {"manifest": digest, "serial": after.serial, "expires": after.expires}
    session.result(digest, {**document, "checks": checked})
