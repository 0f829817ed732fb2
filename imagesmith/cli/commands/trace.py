"""`imagesmith trace`: what the dynamic loader would load, executing nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.cli.tracing import Run
    from imagesmith.elf.closure import Environment
    from imagesmith.model.canonical import Json


@click.command("trace", short_help="List what programs load, with the reason for each file.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--manifest", "directory", help="Trace in the packages of this manifest.")
@click.option("--root", help="Trace in this directory as the root; nothing outside is looked at.")
@click.option("--arch", default="", help="Architecture of the manifest; default: the host's.")
@click.option("--library-path", help="What LD_LIBRARY_PATH would hold at run time.")
@click.option("--platform", help="What AT_PLATFORM would be at run time, for $PLATFORM.")
@click.option("--hwcaps", help="glibc-hwcaps levels of the CPU, A:B, or none; default: all ship.")
@click.option("--symbols", is_flag=True, help="Look at versions and symbols, too.")
@click.option("--host-of", "host", help="Program that loads PATH as a plugin; with --symbols.")
@click.option("--suspects", is_flag=True, help="List what runtime rules suspect besides.")
@click.option("--tree", is_flag=True, help="Draw the tree where no terminal is, too.")
@click.option("--dot", is_flag=True, help="Print a graph for graphviz, with every request.")
@mirrored
@shared
@click.pass_context
def command(ctx: click.Context, /, paths: tuple[str, ...], **options: Any) -> None:
    """List the objects each PATH loads, in the loader's own order.

    At a terminal, draw a tree: each object below the one that asked for it first,
    with the rule that found it.  In a pipe, print a line for each: path, rule, who
    asked, and where links lead.  -v adds later requests, links, and where was
    searched.

    --suspects lists below what else may be wanted at run time: what rules do not
    add by themselves, with the rule, whether the packages have it, and why.

    Scripts are followed to their interpreters.  Exit 0 if every closure is
    complete, 9 if something is missing or cannot be loaded.  Nothing is taken from
    the host: what depends on its environment has an option.
    """
    from imagesmith.cli import documents, tracing
    from imagesmith.errors import UsageError

    session: Session = ctx.obj
    if (options["directory"] is None) == (options["root"] is None):
        raise UsageError(problem="expected either --manifest DIR or --root ROOTDIR")
    if session.as_json + options["dot"] + options["tree"] > 1:
        raise UsageError(problem="expected one of --json, --dot and --tree")
    if options["host"] is not None and not options["symbols"]:
        raise UsageError(problem="--host-of goes with --symbols")
    if options["dot"] and options["suspects"]:
        raise UsageError(problem="expected one of --dot and --suspects")
    if options["root"] is not None:
        lent = tracing.in_directory(options["root"])
    else:
        manifest = tracing.manifest_of(documents.at(options["directory"]))
        effects = session.effects(mirrors=options["mirrors"])
        lent = tracing.in_manifest(manifest, options["arch"], effects)
    symbols = tracing.Symbols(wanted=options["symbols"], host=options["host"])
    environment = _environment(options)
    with lent as traced:
        found = tracing.programs(traced, paths, environment, symbols)
        if options["suspects"]:
            found = tuple(tracing.suspecting(traced, run, environment) for run in found)
    _print(session, found, tree=options["tree"], dot=options["dot"])
    ctx.exit(0 if all(run.closure.complete for run in found) else 9)


def _environment(options: dict[str, Any]) -> Environment:
    from imagesmith.elf.closure import Environment

    levels = options["hwcaps"]
    return Environment(
        library_path=options["library_path"],
        platform=options["platform"],
        hwcaps=() if levels == "none" else levels and tuple(levels.split(":")),
    )


def _document(run: Run) -> Json:
    """Return what --json prints of a run; suspects are there only if they were asked for."""
    document = run.closure.to_json()
    if run.suspects is not None:
        from imagesmith.cli import suspecting

        assert isinstance(document, dict), "a closure is an object"
        return {**document, "suspects": suspecting.to_json(run.suspects)}
    return document


def _print(session: Session, found: tuple[Run, ...], *, tree: bool, dot: bool) -> None:
    """Print the closures as one document, one graph, or a drawing each."""
    closures = [run.closure for run in found]
    if session.as_json:
        document = [_document(run) for run in found]
        session.result("", document[0] if len(document) == 1 else document)
        return
    if dot:
        from imagesmith.cli import graph

        session.drawing(graph.dot(closures))
    else:
        from imagesmith.cli.drawing import Style, summary, texts

        style = Style.of(sys.stdout, tree=tree, verbose=bool(session.verbose))
        session.drawing(texts(closures, style))
        suspects = [run.suspects for run in found if run.suspects]
        if suspects:
            from imagesmith.cli import suspecting

            session.drawing("\n" + "\n\n".join(map(suspecting.text, suspects)))
        for run in found:
            session.note(summary(run.closure, run.path, run.size))
    for warning in dict.fromkeys(text for closure in closures for text in closure.warnings):
        session.warn(warning)
