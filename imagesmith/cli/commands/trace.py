"""`imagesmith trace`: what the dynamic loader would load, executing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.elf.closure import LoaderClosure


@click.command("trace", short_help="List what programs load, with the reason for each file.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--manifest", "directory", help="Trace in the packages of this manifest.")
@click.option("--root", help="Trace in this directory as the root; nothing outside is looked at.")
@click.option("--arch", default="", help="Architecture of the manifest; default: the host's.")
@click.option("--library-path", help="What LD_LIBRARY_PATH would hold at run time.")
@click.option("--platform", help="What AT_PLATFORM would be at run time, for $PLATFORM.")
@click.option("--hwcaps", help="glibc-hwcaps levels of the CPU, A:B, or none; default: all ship.")
@mirrored
@shared
@click.pass_context
def command(ctx: click.Context, /, paths: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - click's own
    """List the objects each PATH loads, in the loader's own order.

    Scripts are followed to their interpreters.  Exit 0 if every closure is
    complete, 9 if something is missing or cannot be loaded.  Nothing is taken from
    the host: what depends on its environment has an option.
    """
    from imagesmith.cli import documents, tracing
    from imagesmith.elf.closure import Environment, Root
    from imagesmith.errors import UsageError
    from imagesmith.trace.program import program

    session: Session = ctx.obj
    if (options["directory"] is None) == (options["root"] is None):
        raise UsageError(problem="expected either --manifest DIR or --root ROOTDIR")
    environment = Environment(
        library_path=options["library_path"],
        platform=options["platform"],
        hwcaps=_levels(options["hwcaps"]),
    )
    if options["root"] is not None:
        lent = tracing.in_directory(options["root"])
    else:
        plan = tracing.plan_of(documents.at(options["directory"]), options["arch"])
        lent = tracing.in_manifest(plan, session.effects(mirrors=options["mirrors"]))
    with lent as traced:
        root = Root(traced.filesystem, traced.read)
        found = [program(root, path, environment) for path in paths]
    document = [closure.to_json() for closure in found]
    text = "\n\n".join(_tree(closure) for closure in found)
    session.result(text, document[0] if len(document) == 1 else document)
    ctx.exit(0 if all(closure.complete for closure in found) else 9)


def _levels(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return () if text == "none" else tuple(text.split(":"))


def _tree(closure: LoaderClosure) -> str:
    """Render one closure for people: what loads, how it was found, who asked first."""
    lines = []
    for item in closure.objects:
        real = f" -> {item.real}" if item.real != item.path else ""
        asked = f" {item.needed_by}" if item.needed_by else ""
        lines.append(f"{'  ' if asked else ''}{item.path}{real} [{item.rule}]{asked}")
    for missing in closure.missing:
        searched = f"; searched {', '.join(missing.searched)}" if missing.searched else ""
        by = f", needed by {missing.needed_by}" if missing.needed_by else ""
        lines.append(f"  missing: {missing.name}{by}{searched}")
        lines += [f"    hint: {missing.hint}"] if missing.hint else []
    lines += [f"  cannot be loaded: {error.path}: {error.problem}" for error in closure.errors]
    lines += [f"  warning: {warning}" for warning in closure.warnings]
    return "\n".join(lines)
