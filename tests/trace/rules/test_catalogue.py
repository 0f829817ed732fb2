"""The list of rules, and what holds of each."""

from __future__ import annotations

import re

from builders.roots import Content
from builders.scenes import Asked

from imagesmith.manifest.manifest import RULES as NEWEST
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.rules import catalogue
from imagesmith.trace.rules.catalogue import RULES
from imagesmith.trace.rules.rule import Rule, Ship


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


def test_later_rules_change_no_earlier_set() -> None:
    """Neither a new rule nor a new version of one, which takes the place of the one before."""
    first, changed, added = (
        Rule(name=name, title="", find=lambda _scene: (), since=since)
        for name, since in (("a", 1), ("a", 2), ("b", 2))
    )

    assert catalogue.known(1, (first, changed, added)) == (first,)
    assert catalogue.known(2, (first, changed, added)) == (changed, added)
    assert catalogue.known(1, (*RULES, added)) == catalogue.known(1)


def test_a_manifest_of_the_first_set_is_traced_by_it() -> None:
    """A rule that came later finds nothing there, and no recipe can name it."""
    later = Rule(name="b", title="", find=lambda _scene: (Ship("/etc/x", None),), since=2)
    files: dict[str, Content] = {"/p": b"", "/etc/x": b""}
    named = RuntimeSection(with_rules=("b",))

    for version, paths in ((1, []), (2, ["/etc/x"])):
        applied = Asked(files).about(*catalogue.known(version, (later,)))
        assert list(applied.shipping.reasons.paths) == paths
    refused = Asked(files, runtime=named).about(*catalogue.known(1, (later,)))
    assert list(refused.shipping.reasons.problems) == [
        "runtime.with: no rule 'b' (imagesmith rules lists them)"
    ]
