"""Moments for people: seconds since 1970 as RFC 3339 writes them, in UTC.

By arithmetic alone: gmtime(3) counts leap seconds in some time zones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(seconds: int) -> str:
    """Return `2026-01-31T00:00:00Z`; outside of the years 1 to 9999, the number of seconds."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds} seconds since 1970"
    return moment.isoformat().replace("+00:00", "Z")
