"""What indexes offer: one candidate a name, solutions in apt's order."""

from __future__ import annotations

import pytest
from builders.archive import Binary
from builders.debian import index_of

from imagesmith.errors import IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.sources.debian import relations
from imagesmith.sources.debian.offers import Offers
from imagesmith.sources.debian.packages import Index


def offers(*indexes: Index, **versions: str) -> Offers:
    """Return what `indexes` offer on amd64."""
    return Offers(indexes, "amd64", versions)


def solutions(offered: Offers, clause: str) -> list[str]:
    """Return the names of the solutions of `clause`, in order."""
    return [package.name for package in offered.solutions(relations.parse(clause)[0])]


def test_the_highest_version_of_all_indexes_is_the_candidate() -> None:
    """Not the last written, and not the first."""
    offered = offers(index_of(Binary("a", "9"), Binary("a", "10")), index_of(Binary("a", "10~rc1")))

    assert str(offered.candidate("a")) == "a 10"
    assert [package.version for package in offered.all("a")] == ["10", "10~rc1", "9"]
    assert offered.candidate("b") is None


def test_of_one_version_the_first_index_counts() -> None:
    """The same bytes in two sources: the pin names the first."""
    offered = offers(index_of(Binary("a"), source="main"), index_of(Binary("a"), source="security"))

    found = offered.candidate("a")

    assert found is not None
    assert found.source_id == "main"


def test_other_architectures_are_not_offered() -> None:
    """Neither is what they provide; `all` is for everyone, one's own comes first."""
    offered = offers(
        index_of(
            Binary("a", "2", "arm64", fields={"Provides": "v"}),
            Binary("a", "1", "all"),
            Binary("a", "1", "amd64"),
        )
    )

    assert [(p.version, p.architecture) for p in offered.all("a")] == [("1", "amd64"), ("1", "all")]
    assert solutions(offered, "v") == []


def test_one_version_with_two_contents_is_refused() -> None:
    """Someone rebuilt it without a new version, or worse: both digests are named."""
    offered = offers(
        index_of(Binary("a", deb=b"1"), source="main"),
        index_of(Binary("a", deb=b"2"), source="other"),
    )

    with pytest.raises(IntegrityError) as caught:
        offered.candidate("a")

    expected = f"{Digest.of(b'1')} as in source 'main'"
    got = f"{Digest.of(b'2')} in source 'other'"
    assert IntegrityError(what="a_1.0_amd64", expected=expected, got=got) == caught.value


def test_a_version_asked_for_is_taken_if_it_is_there() -> None:
    """Otherwise the highest is."""
    index = index_of(Binary("a", "1"), Binary("a", "2"))

    assert [
        str(offers(index, a="1").candidate("a")),
        str(offers(index, a="3").candidate("a")),
    ] == ["a 1", "a 2"]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("v", ["v", "p1", "p2"]),
        ("v (>= 2)", ["v"]),
        ("v (= 1)", ["p2"]),
        ("v (>= 3)", []),
        ("old (>= 1)", []),
        ("old", ["p1"]),
        ("none | v", ["v", "p1", "p2"]),
        ("p2 | v", ["p2", "v", "p1", "p2"]),
        ("v:any", ["v"]),
        ("v:amd64", ["v"]),
        ("v:native", ["v"]),
        ("v:i386", []),
        ("p1:any", []),
        ("q:any", ["p1"]),
    ],
)
def test_solutions_come_in_the_order_to_try_them(clause: str, expected: list[str]) -> None:
    """By alternative; the package itself, then its providers, versions considered."""
    offered = offers(
        index_of(
            Binary("v", "2", fields={"Multi-Arch": "allowed"}),
            Binary("p1", fields={"Provides": "v, old, q:any", "Priority": "required"}),
            Binary("p2", fields={"Provides": "v (= 1)", "Priority": "optional"}),
        )
    )

    assert expected == solutions(offered, clause)
    assert frozenset(expected) == offered.options(relations.parse(clause)[0])


def test_only_a_providers_candidate_provides() -> None:
    """An old version that provided something is no solution."""
    offered = offers(index_of(Binary("p", "1", fields={"Provides": "v"}), Binary("p", "2")))

    assert solutions(offered, "v") == []


def test_providers_are_sorted_as_apt_does() -> None:
    """Essential, then important, then by priority: none, required … optional, anything else."""
    index = index_of(
        *(
            Binary(name, fields={"Provides": "v", **fields})
            for name, fields in {
                "a": {"Priority": "extra"},
                "b": {"Priority": "optional"},
                "c": {"Priority": "standard"},
                "d": {"Priority": "important"},
                "e": {"Priority": "required"},
                "f": {},
                "g": {"Priority": "extra", "Important": "yes"},
                "h": {"Priority": "extra", "Essential": "yes"},
            }.items()
        )
    )

    assert solutions(offers(index), "v") == list("hgfedcba")


def test_equal_providers_are_sorted_by_their_last_mention_first() -> None:
    """Whose name the indexes mention first is tried last, wherever that mention is."""
    provider = {"Provides": "v"}
    index = index_of(
        Binary("x", fields={"Enhances": "b, cc", "Description": "not a", "Depends": "d:any"}),
        Binary("a", fields=provider),
        Binary("x2", fields={"Suggests": "y (>= 1),\n d", "Recommends": "c"}),
        *(Binary(name, fields=provider) for name in "bcd"),
    )

    assert solutions(offers(index), "v") == ["d", "c", "a", "b"]


def test_a_mention_in_an_earlier_index_counts_first() -> None:
    """Indexes are read in the order given."""
    first = index_of(Binary("x", fields={"Depends": "b"}))
    second = index_of(*(Binary(name, fields={"Provides": "v"}) for name in "abc"))

    assert solutions(offers(first, second), "v") == ["c", "a", "b"]
