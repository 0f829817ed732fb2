"""`imagesmith scripts`: what maintainer scripts would have done, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.build.plan import Plan
    from imagesmith.rootfs.effects.ledger import Ledger, Note


@click.command("scripts", short_help="Show what maintainer scripts would have done.")
@click.argument("directory")
@click.option("--arch", default="", help="Architecture; default: the host's, else the first.")
@click.option("--all", "every", is_flag=True, help="Include packages of which nothing is shipped.")
@mirrored
@shared
@click.pass_obj
def command(
    session: Session, directory: str, arch: str, *, every: bool, mirrors: tuple[str, ...]
) -> None:
    """Show the maintainer scripts of the packages that DIRECTORY's image is made of.

    They are read, never run.  What each command of them would do on a fresh system
    is reproduced, or inert (with -v: an image keeps nothing of it), or skipped: then
    the recipe has to acknowledge the script.
    """
    from imagesmith.build import execute
    from imagesmith.build.contents import Contents
    from imagesmith.cli import documents, tracing

    image = documents.at(directory)
    plan = tracing.plan_of(tracing.manifest_of(image), arch)
    effects = session.effects(mirrors=mirrors)
    with Contents(effects.store) as contents:
        rootfs = execute.rootfs(plan, contents, effects)
    ledgers = [each for each in rootfs.packages.ledgers if every or each.package in rootfs.shipped]
    session.result(
        "\n".join(line for each in ledgers for line in _lines(plan, each, bool(session.verbose))),
        [_document(plan, each, shipped=each.package in rootfs.shipped) for each in ledgers],
    )


def _is_acknowledged(plan: Plan, ledger: Ledger) -> bool:
    return any(
        (each.package, each.name) == (ledger.package, ledger.script)
        and ledger.digest in each.digests
        for each in plan.scripts
    )


def _lines(plan: Plan, ledger: Ledger, verbose: bool) -> list[str]:  # noqa: FBT001 - inner
    said = (
        f"{len(ledger.reproduced)} reproduced, {len(ledger.inert)} inert, "
        f"{len(ledger.skipped)} skipped"
    )
    if ledger.skipped and _is_acknowledged(plan, ledger):
        said += ", acknowledged"
    lines = [f"{ledger.package} {ledger.script}: {said}"]
    shown = (
        ("reproduced", ledger.reproduced),
        ("inert", ledger.inert if verbose else ()),
        ("skipped", ledger.skipped),
    )
    lines += [f"  {kind}: {note}" for kind, notes in shown for note in notes]
    return lines


def _document(plan: Plan, ledger: Ledger, *, shipped: bool) -> dict[str, Any]:
    def rows(notes: tuple[Note, ...]) -> list[dict[str, Any]]:
        return [{"line": each.line, "text": each.text, "about": each.about} for each in notes]

    return {
        "package": ledger.package,
        "script": ledger.script,
        "sha256": ledger.digest.hex,
        "shipped": shipped,
        "acknowledged": _is_acknowledged(plan, ledger),
        "reproduced": rows(ledger.reproduced),
        "inert": rows(ledger.inert),
        "skipped": rows(ledger.skipped),
    }
