"""Relations between packages."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.sources.debian import relations
from imagesmith.sources.debian.relations import Relation

RELATIONS = st.builds(
    lambda name, arch, constraint: Relation(name, arch, *constraint),
    st.text("ab0+.-", max_size=6).map("x".__add__),
    st.sampled_from(("", "any", "native", "arm64")),
    st.sampled_from(
        (("", ""), ("<<", "1"), ("<=", "1:2-3"), ("=", "0~"), (">=", "1"), (">>", "9"))
    ),
)
CLAUSES = st.lists(st.lists(RELATIONS, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple)


@settings(deadline=None, max_examples=80)
@given(CLAUSES)
def test_what_was_rendered_is_read(clauses: tuple[relations.Clause, ...]) -> None:
    """Rendering and reading a field changes nothing."""
    assert clauses == relations.parse(", ".join(map(relations.render, clauses)))


@settings(deadline=None, max_examples=80)
@given(st.text("ab1 :|,()<>=~[]\n\u0661", max_size=20))
def test_any_text_is_a_field_or_a_value_error(text: str) -> None:
    """Nothing else comes out of hostile text."""
    with contextlib.suppress(ValueError):
        assert all(relations.parse(text))


def test_blanks_and_folds_mean_nothing() -> None:
    """A field may be written in many ways."""
    expected = ((Relation("a", "any", ">=", "1"), Relation("b")), (Relation("c"),))

    assert expected == relations.parse(" a:any(>=1)|b\n, c ,")


def test_the_old_operators_mean_or_equal() -> None:
    """Policy 7.1: `<` and `>` stand for `<=` and `>=`."""
    assert ((Relation("a", "", "<=", "1"),), (Relation("a", "", ">=", "1"),)) == relations.parse(
        "a (< 1), a (> 1)"
    )


@pytest.mark.parametrize(
    ("operator", "admitted"),
    [("<<", "1"), ("<=", "12"), ("=", "2"), (">=", "23"), (">>", "3"), ("", "123")],
)
def test_constraints_admit_versions(operator: str, admitted: str) -> None:
    """Each operator against the versions below, at and above."""
    relation = Relation("a", "", operator, "2" if operator else "")

    assert admitted == "".join(candidate for candidate in "123" if relation.admits(candidate))


@pytest.mark.parametrize(
    "text",
    ["a b", "a (1)", "a (>= )", "a [amd64]", "a <!nocheck>", "(>= 1)", "a | ", "a:", "\u00e4"],
)
def test_what_is_no_relation_is_named(text: str) -> None:
    """Restrictions of source packages are refused too."""
    with pytest.raises(ValueError, match="not a relation"):
        relations.parse(text)


def test_a_constraint_needs_a_version() -> None:
    """What cannot be compared is refused when it is read, not when it is compared."""
    with pytest.raises(ValueError, match="not a version"):
        relations.parse("a (>= _)")


def test_provides_may_have_versions() -> None:
    """Policy 7.5: exactly one, with `=`."""
    assert (Relation("a"), Relation("b", "", "=", "1")) == relations.parse_provides("a, b (= 1)")


@pytest.mark.parametrize("text", ["a | b", "a (>= 1)"])
def test_provides_has_no_alternatives_and_no_ranges(text: str) -> None:
    """Nothing can be provided that might be something else."""
    with pytest.raises(ValueError, match="cannot be provided"):
        relations.parse_provides(text)
