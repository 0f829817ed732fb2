"""Moments in RFC 3339."""

from __future__ import annotations

import pytest

from imagesmith.model.moment import rfc3339


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_783_764_997, "2026-07-11T10:16:37Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
        (253_402_300_800, "253402300800 seconds since 1970"),
        (-(10**30), f"-{10**30} seconds since 1970"),
    ],
)
def test_every_number_can_be_shown(seconds: int, text: str) -> None:
    """In UTC, to the second, whatever a document claims."""
    assert rfc3339(seconds) == text
