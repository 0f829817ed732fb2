"""Moments on the command line: RFC 3339 with an offset, as documents write them."""

from __future__ import annotations

from datetime import datetime

import click


def seconds(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Give an option like `2026-01-31T12:00:00Z` to the command as seconds since 1970."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"not a time like 2026-01-31T12:00:00Z: {text}") from None
    if moment.tzinfo is None:
        raise click.BadParameter(f"add an offset, such as a final Z: {text}")
    return int(moment.timestamp())
