"""Canonical JSON: one value, one spelling."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.model.canonical import Json, to_bytes

KEYS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_any_reader_of_json_reads_it(value: Json) -> None:
    """The canonical bytes are JSON and mean the value."""
    assert json.loads(to_bytes(value)) == value


@given(st.dictionaries(KEYS, st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: object) -> None:
    """Equal objects have equal bytes."""
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]  # hypothesis' own Random

    assert to_bytes(dict(items)) == to_bytes(value)


def test_the_spelling_is_that_of_rfc_8785() -> None:
    """Sorted keys, no white space, no escapes but the needed ones."""
    assert to_bytes({"b": ["\u20ac/\n"], "a": None}) == '{"a":null,"b":["\u20ac/\\n"]}'.encode()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.5, TypeError),
        ({"a": [1.5]}, TypeError),
        ({1: 2}, TypeError),
        ({"\U0001f600": 1}, ValueError),
        (b"x", TypeError),
    ],
)
def test_what_has_no_canonical_spelling_is_refused(value: Json, error: type[Exception]) -> None:
    """Floats and keys beyond the BMP would be spelled differently elsewhere."""
    with pytest.raises(error):
        to_bytes(value)
