"""`imagesmith verify-signature`: the policy alone, on any file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from imagesmith.cli.session import Session, shared


@click.command("verify-signature", short_help="Judge a detached signature under a trust policy.")
@click.argument("file")
@click.argument("signature")
@click.option(
    "--trust", envvar="IMAGESMITH_TRUST", help="Trust policy; default: the configured one."
)
@click.option("--at", help="Judge at this time (RFC 3339) instead of now.")
@shared
@click.pass_context
def command(
    ctx: click.Context, file: str, signature: str, trust: str | None, at: str | None
) -> None:
    """Judge SIGNATURE over FILE as `build` judges a manifest's; exit 0 or 4."""
    from imagesmith.cli import documents
    from imagesmith.trust.judge import judge

    session: Session = ctx.obj
    policy = session.policy(trust)
    now = _seconds(at) if at else int(time.time())
    verdict = judge(
        documents.read(Path(file), limit=2**31),
        documents.read(Path(signature), limit=2**24),
        policy,
        now=now,
    )
    lines = [f"accepted {item.primary} {item.algorithm} {item.hash}" for item in verdict.accepted]
    lines += [f"rejected {item.reason}: {item.detail}" for item in verdict.rejected]
    lines.append(f"{'valid' if verdict.valid else 'not valid'}: {_count(len(verdict.accepted))}")
    lines[-1] += f", threshold {verdict.threshold}"
    session.result("\n".join(lines), verdict.to_json())
    ctx.exit(0 if verdict.valid else 4)


def _count(number: int) -> str:
    return f"{number} accepted"


def _seconds(text: str) -> int:
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"not a time like 2026-01-31T12:00:00Z: {text}") from None
    if moment.tzinfo is None:
        raise click.BadParameter(f"add an offset, such as a final Z: {text}")
    return int(moment.timestamp())
