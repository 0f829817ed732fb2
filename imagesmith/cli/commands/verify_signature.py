"""`imagesmith verify-signature`: the policy alone, on any file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagesmith.cli import moment
from imagesmith.cli.session import Session, shared

if TYPE_CHECKING:
    from imagesmith.trust.content import Content
    from imagesmith.trust.policy import Policy
    from imagesmith.trust.verdict import Verdict


@click.command("verify-signature", short_help="Judge a detached signature under a trust policy.")
@click.argument("file")
@click.argument("signature")
@click.option(
    "--trust", envvar="IMAGESMITH_TRUST", help="Trust policy; default: the configured one."
)
@click.option(
    "--at",
    callback=moment.seconds,
    metavar="TIME",
    help="Judge at this time (RFC 3339) instead of now.",
)
@shared
@click.pass_context
def command(
    ctx: click.Context, file: str, signature: str, trust: str | None, at: int | None
) -> None:
    """Judge SIGNATURE over FILE as `build` judges a manifest's; exit 0 or 4.

    FILE may have any size; - is standard input.
    """
    from imagesmith.cli import streaming, trusting

    session: Session = ctx.obj
    policy = session.policy(trust)
    now = int(time.time()) if at is None else at
    with streaming.content(file, twice=session.opinion is not None) as content:
        verdict = _verdict(session, content, signature, policy, now)
    trusting.tell(session, verdict, file)
    lines = [f"accepted {item.primary} {item.algorithm} {item.hash}" for item in verdict.accepted]
    lines += [f"rejected {item}" for item in verdict.rejected]
    count = f"{len(verdict.accepted)} accepted, threshold {verdict.threshold}"
    lines.append(f"{'valid' if verdict.valid else 'not valid'}: {count}")
    session.result("\n".join(lines), verdict.to_json())
    ctx.exit(0 if verdict.valid else 4)


def _verdict(
    session: Session, content: Content, signature: str, policy: Policy, now: int
) -> Verdict:
    """Judge; a signature file that cannot be read is one that does not count."""
    from imagesmith.cli import documents
    from imagesmith.errors import HostError
    from imagesmith.trust.judge import judge, refused
    from imagesmith.trust.verdict import Reason, Rejected

    try:
        signatures = documents.read_start(Path(signature), limit=documents.MAX_SIGNATURES)
    except HostError as error:
        problem = f"cannot read {signature!r}: {error.problem}"
        return refused(policy, Rejected(Reason.UNREADABLE, problem))
    return judge(content, signatures, policy, now=now, opinion=session.opinion)
