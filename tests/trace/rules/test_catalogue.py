"""The list of rules, and what holds of each."""

from __future__ import annotations

import re

from imagesmith.manifest.manifest import RULES as NEWEST
from imagesmith.trace.rules import catalogue
from imagesmith.trace.rules.catalogue import RULES


def test_names_are_words_that_a_recipe_can_hold() -> None:
    """Each rule has one of its own."""
    names = [rule.name for rule in RULES]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)


def test_titles_fit_on_a_line() -> None:
    """Without a full stop, as a list shows them."""
    assert all(0 < len(rule.title) <= 90 and not rule.title.endswith(".") for rule in RULES)


def test_a_rule_set_has_the_rules_that_were_there_then() -> None:
    """The newest has all, and version 0 none."""
    assert catalogue.known(NEWEST) == RULES
    assert catalogue.known(0) == ()
    assert {rule.since for rule in RULES} == {*range(1, NEWEST + 1)}
