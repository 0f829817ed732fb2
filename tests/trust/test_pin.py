"""Which key is meant."""

from __future__ import annotations

import pytest

from imagesmith.trust.pin import Pin

PRIMARY, SUBKEY, OTHER = "a" * 40, "b" * 40, "c" * 40


@pytest.mark.parametrize(
    ("text", "key", "is_covered"),
    [
        (PRIMARY, PRIMARY, True),
        (PRIMARY, SUBKEY, True),
        (PRIMARY.upper(), SUBKEY, True),
        (SUBKEY, SUBKEY, False),
        (f"{SUBKEY}!", SUBKEY, True),
        (f"{SUBKEY}!", PRIMARY, False),
        (f"{PRIMARY}!", PRIMARY, True),
        (f"{PRIMARY}!", SUBKEY, False),
        (OTHER, SUBKEY, False),
    ],
)
def test_covers(text: str, key: str, *, is_covered: bool) -> None:
    """A fingerprint covers its certificate's keys; with `!` that key and no other."""
    assert Pin.parse(text).covers(PRIMARY, key) is is_covered


@pytest.mark.parametrize("text", [PRIMARY, f"{PRIMARY}!"])
def test_reads_what_it_writes(text: str) -> None:
    """As it stands in documents."""
    assert str(Pin.parse(text)) == text
