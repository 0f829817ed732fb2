"""Text from strangers cannot act on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.model.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve /usr/bin", "naïve /usr/bin"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2028", "\\u2028"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    """Controls, bidirectional marks, line separators and stray bytes."""
    assert printable(text) == shown


@given(st.text())
def test_the_result_is_printable_and_can_be_written(text: str) -> None:
    """Whatever the text."""
    shown = printable(text)

    assert shown.isprintable()
    assert shown.encode().decode() == shown
