"""`imagesmith rules`: what is known of programs that no loader knows."""

from __future__ import annotations

import click

from imagesmith.cli.session import Session, shared


@click.command("rules", short_help="List the runtime rules.")
@shared
@click.pass_obj
def command(session: Session) -> None:
    """List the rules that find what programs open at run time.

    A line each, in the order they are asked: name, the first rule set that has it,
    mode, and what it finds.  `default` rules are applied where their trigger is seen,
    `declared` ones act on what [runtime] of the recipe names; what `listed` ones find
    is only suspected until `with` in [runtime] names them.
    """
    from imagesmith.cli import wording
    from imagesmith.trace.rules.catalogue import RULES

    rows = [(rule.name, str(rule.since), rule.mode, rule.title) for rule in RULES]
    document = [
        {"rule": rule.name, "since": rule.since, "mode": rule.mode, "title": rule.title}
        for rule in RULES
    ]
    session.result("\n".join(wording.columns(rows)), document)
