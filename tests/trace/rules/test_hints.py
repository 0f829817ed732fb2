"""What may have been meant."""

from __future__ import annotations

import pytest

from imagesmith.trace.rules.hints import close

MANY = [f"name{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("name", "known", "otherwise", "said"),
    [
        ("berlim", ["berlin", "paris"], "look it up", "did you mean berlin"),
        ("rome", ["berlin", "paris"], "look it up", "look it up"),
        ("rome", ["paris", "berlin"], "", "there is berlin, paris"),
        ("rome", [], "", ""),
        ("xx", MANY, "", f"there is {', '.join(MANY[:8])} and 2 more"),
    ],
)
def test_a_hint_is_as_good_as_what_there_is(
    name: str, known: list[str], otherwise: str, said: str
) -> None:
    """What is alike, else what the rule would advise, else a few of them."""
    assert close(name, known, otherwise) == said
