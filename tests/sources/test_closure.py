"""The packages that names need."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from builders.archive import Binary
from builders.debian import index_of, tangle
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import (
    DocumentError,
    ImagesmithError,
    IntegrityError,
    PackageConflict,
    PackageNotFound,
    UsageError,
)
from imagesmith.sources.debian import relations
from imagesmith.sources.debian.closure import closure
from imagesmith.sources.debian.offers import Offers
from imagesmith.sources.debian.packages import Index, Package


def binary(name: str, version: str = "1", **fields: str) -> Binary:
    """Return a package with the fields given, underscores for hyphens."""
    return Binary(name, version, fields={key.replace("_", "-"): v for key, v in fields.items()})


def chosen(
    names: Sequence[str], *packages: Binary, prefer: dict[str, str] | None = None
) -> list[str]:
    """Return name and version of what `names` need."""
    found = closure(names, [index_of(*packages)], arch="amd64", prefer=prefer or {})
    return [str(package) for package in found]


def failure(names: Sequence[str], *packages: Binary) -> ImagesmithError:
    """Return the error that `names` end in."""
    with pytest.raises(ImagesmithError) as caught:
        chosen(names, *packages)
    return caught.value


class TestChoice:
    """What is chosen."""

    def test_dependencies_come_along_and_recommendations_do_not(self) -> None:
        """Depends and Pre-Depends, of dependencies too; sorted by name."""
        packages = (
            binary("z", Depends="b", Pre_Depends="a", Recommends="r", Suggests="s"),
            binary("a", Depends="c"),
            *map(binary, "bcrs"),
        )

        assert chosen(["z"], *packages) == ["a 1", "b 1", "c 1", "z 1"]

    def test_nothing_is_asked_for_nothing_is_chosen(self) -> None:
        """Essential packages do not come by themselves."""
        assert chosen([], binary("a", Essential="yes")) == []

    def test_loops_end(self) -> None:
        """Also a package that needs itself."""
        assert chosen(["a"], binary("a", Depends="b, a"), binary("b", Depends="a")) == [
            "a 1",
            "b 1",
        ]

    def test_long_chains_are_followed_to_their_end(self) -> None:
        """Depth is the archive's matter, not the interpreter's."""
        chain = [binary(f"a{n}", Depends=f"a{n + 1}") for n in range(3000)]

        assert len(chosen(["a0"], *chain, binary("a3000"))) == 3001

    def test_the_first_alternative_that_can_be_had_is_taken(self) -> None:
        """One that is missing, too old, or fails itself is passed over, and leaves nothing."""
        packages = (
            binary("a", Depends="missing | b (>= 2) | c | d | e"),
            binary("b"),
            binary("c", Depends="brought, missing", Provides="v", Conflicts="w"),
            *map(binary, ("brought", "d", "e")),
        )

        assert chosen(["a"], *packages) == ["a 1", "d 1"]

    def test_what_is_chosen_satisfies_before_anything_new(self) -> None:
        """By name or by what it provides, and whoever asks first."""
        packages = (
            binary("a", Depends="b | c, v"),
            *(binary("b"), binary("c", Provides="v"), binary("d", Provides="v")),
        )

        assert chosen(["a", "c"], *packages) == ["a 1", "c 1"]

    def test_a_real_package_comes_before_its_providers(self) -> None:
        """Unless its version will not do."""
        packages = (
            binary("a", Depends="v"),
            binary("b", Depends="v (>= 2)"),
            binary("p", Provides="v (= 2)", Priority="required"),
            binary("v", Priority="extra"),
        )

        assert chosen(["a"], *packages) == ["a 1", "v 1"]
        assert chosen(["b"], *packages) == ["b 1", "p 1"]

    def test_an_arch_all_package_is_a_package(self) -> None:
        """Mixed with those of the architecture."""
        packages = (binary("a", Depends="b"), Binary("b", "1", "all"))

        assert chosen(["a"], *packages) == ["a 1", "b 1"]

    def test_a_qualified_dependency_needs_permission(self) -> None:
        """`:any` is met by Multi-Arch: allowed alone."""
        packages = (
            binary("a", Depends="b:any | c:any"),
            *(binary("b", Multi_Arch="foreign"), binary("c", Multi_Arch="allowed")),
        )

        assert chosen(["a"], *packages) == ["a 1", "c 1"]

    def test_the_order_of_names_does_not_matter(self) -> None:
        """Names are a set; twice is once."""
        packages = (binary("a", Depends="x | y"), binary("b", Depends="y | x"), *map(binary, "xy"))

        assert chosen(["a", "b"], *packages) == ["a 1", "b 1", "x 1"]
        assert chosen(["b", "a", "b"], *packages) == ["a 1", "b 1", "x 1"]


class TestVersions:
    """Which version is chosen."""

    OFFER = (
        *(binary("a", "1"), binary("a", "2"), binary("a", "3")),
        binary("b", Depends="a (<< 3)"),
        binary("new", Depends="a (>= 3)"),
    )

    def test_the_highest_wins(self) -> None:
        """Without a wish."""
        assert chosen(["a"], *self.OFFER) == ["a 3"]

    def test_a_version_can_be_asked_for(self) -> None:
        """It holds for whoever needs the package, and wins over a preference."""
        assert chosen(["a=2", "b"], *self.OFFER) == ["a 2", "b 1"]
        assert chosen(["a", "a=2"], *self.OFFER, prefer={"a": "1"}) == ["a 2"]

    def test_a_preferred_version_stays_while_it_is_there(self) -> None:
        """One that left the archive is forgotten."""
        assert chosen(["a"], *self.OFFER, prefer={"a": "2"}) == ["a 2"]
        assert chosen(["a"], *self.OFFER, prefer={"a": "1.5"}) == ["a 3"]
        assert chosen(["b"], *self.OFFER, prefer={"a": "1"}) == ["a 1", "b 1"]

    def test_a_package_asked_for_by_name_is_kept_too(self) -> None:
        """The wish is about the version, the name is about the package."""
        assert chosen(["a", "b"], *self.OFFER, prefer={"a": "1", "gone": "1"}) == ["a 1", "b 1"]

    def test_a_preferred_version_makes_way_before_an_alternative_is_taken(self) -> None:
        """As apt would upgrade it: the first alternative can be had."""
        packages = (
            binary("root", Depends="a (>= 2) | c"),
            *(binary("a", "1"), binary("a", "2"), binary("c")),
        )

        assert chosen(["root"], *packages, prefer={"a": "1"}) == ["a 2", "root 1"]

    def test_a_preferred_version_makes_way_where_its_own_needs_are_gone(self) -> None:
        """An old version may depend on what the archive has dropped."""
        packages = (
            binary("root", Depends="a"),
            *(binary("a", "1", Depends="dropped"), binary("a", "2")),
        )

        assert chosen(["root"], *packages, prefer={"a": "1"}) == ["a 2", "root 1"]

    def test_a_preferred_version_makes_way_where_it_will_not_do(self) -> None:
        """A dependency that needs a newer one is stronger than the wish to change nothing."""
        assert chosen(["new"], *self.OFFER, prefer={"a": "2"}) == ["a 3", "new 1"]

    def test_a_preferred_provider_makes_way_where_it_no_longer_provides(self) -> None:
        """Also where only the provided name is asked for."""
        packages = (
            binary("new", Depends="abi-2"),
            *(binary("p", "1", Provides="abi-1"), binary("p", "2", Provides="abi-2")),
        )

        assert chosen(["new"], *packages, prefer={"p": "1", "q": "1"}) == ["new 1", "p 2"]

    def test_a_preferred_version_makes_way_where_it_is_in_the_way(self) -> None:
        """An upgrade comes before a worse alternative."""
        packages = (
            binary("root", Depends="a, b | c"),
            *(binary("a", "1"), binary("a", "2"), binary("c")),
            binary("b", Breaks="a (<< 2)"),
        )

        assert chosen(["root"], *packages, prefer={"a": "1"}) == ["a 2", "b 1", "root 1"]

    def test_one_package_cannot_be_asked_for_in_two_versions(self) -> None:
        """That is the caller's mistake."""
        error = UsageError(problem="a is wanted in two versions, 1 and 2")
        assert error == failure(["a=1", "a=2"], *self.OFFER)

    @pytest.mark.parametrize("name", ["", "=1", "a=", "a b", "a:amd64", "-a"])
    def test_what_is_no_name_is_refused(self, name: str) -> None:
        """Before anything is looked up."""
        error = UsageError(problem=f"not a package name: {name!r}", hint="NAME or NAME=VERSION")
        assert error == failure([name], *self.OFFER)


class TestConflicts:
    """Packages that cannot stand each other."""

    def test_an_alternative_that_conflicts_is_passed_over(self) -> None:
        """Conflicts and Breaks, from either side, by name or by what is provided."""
        packages = (
            binary("a", Depends="b | c | d | e | f", Breaks="b", Conflicts="v (<< 2)"),
            binary("b"),
            binary("c", Conflicts="a (>= 1)"),
            binary("d", Provides="v (= 1)"),
            binary("e", Breaks="va"),
            binary("f", Provides="v (= 2), va", Conflicts="va"),
        )

        assert chosen(["a"], *packages) == ["a 1", "e 1"]
        assert chosen(["a", "g"], *packages, binary("g", Breaks="f")) == ["a 1", "e 1", "g 1"]

    def test_a_package_does_not_conflict_with_itself(self) -> None:
        """To conflict with what one provides means: no other provider beside me."""
        packages = (binary("a", Provides="v", Conflicts="v, a"), binary("b", Provides="v"))

        assert chosen(["a"], *packages) == ["a 1"]
        assert failure(["a", "b"], *packages) == PackageConflict(
            package="a 1", other="b 1", relation="v"
        )

    def test_a_choice_makes_room_for_what_is_needed(self) -> None:
        """The first alternative was free to be another; the second package was not."""
        packages = (
            binary("root", Depends="x | y, needed"),
            *(binary("x"), binary("y"), binary("needed", Conflicts="x")),
        )

        assert chosen(["root"], *packages) == ["needed 1", "root 1", "y 1"]

    def test_a_choice_that_is_needed_stays(self) -> None:
        """Where nothing can take its place, the newcomer goes to its next alternative."""
        packages = (
            binary("root", Depends="x | y, b | c"),
            *(binary("x", Depends="z"), binary("y", Depends="z"), binary("z"), binary("c")),
            binary("b", Conflicts="z"),
        )

        assert chosen(["root"], *packages) == ["c 1", "root 1", "x 1", "z 1"]

    def test_a_clash_that_is_gone_the_next_time_does_not_count(self) -> None:
        """What failed beside one choice may be right beside another."""
        packages = (
            binary("root", Depends="x | y, p"),
            binary("x", Depends="p, missing"),
            binary("x2"),
            binary("y", Depends="q"),
            binary("p", Depends="q"),
            binary("q", Conflicts="x"),
        )

        assert chosen(["root"], *packages) == ["p 1", "q 1", "root 1", "y 1"]

    def test_a_conflict_without_a_way_out_names_both_sides(self) -> None:
        """And who needs them."""
        packages = (
            binary("root", Depends="a, b"),
            *(binary("a", "1.2"), binary("b", "3", Breaks="a (<< 2), z")),
        )

        expected = PackageConflict(
            package="b 3",
            other="a 1.2",
            relation="a (<< 2)",
            hint="a is needed by root 1; b is needed by root 1",
        )
        assert expected == failure(["root"], *packages)
        assert str(expected) == "b 3: conflicts with a 1.2 (a (<< 2))"

    def test_many_clashes_end(self) -> None:
        """Every way is blocked: an error, in bounded time."""
        ways = [f"w{n}" for n in range(40)]
        packages = (
            binary("root", Depends=" | ".join(ways) + ", k"),
            *(binary(way, Depends="deep") for way in ways),
            binary("deep", Conflicts="k"),
            binary("k"),
        )

        assert isinstance(failure(["root"], *packages), PackageConflict)


class TestErrors:
    """What cannot be had is named, with who asked for it."""

    def test_a_name_that_is_nowhere(self) -> None:
        """Close names are a hint."""
        error = failure(["libsl3"], binary("libssl3"), binary("zlib1g"))

        assert error == PackageNotFound(
            name="libsl3", requested_by="", hint="close to libsl3: libssl3"
        )
        assert str(error) == "libsl3: no such package"

    def test_a_name_like_no_other(self) -> None:
        """Then there is no hint."""
        assert failure(["q"]) == PackageNotFound(name="q", requested_by="")

    def test_a_version_that_is_not_there(self) -> None:
        """The hint says which are."""
        assert failure(["a=3"], binary("a", "1"), binary("a", "2")) == PackageNotFound(
            name="a (= 3)", requested_by="", hint="a is there as 2, 1"
        )

    def test_a_virtual_name_is_not_a_package(self) -> None:
        """Which provider is wanted is for people to say."""
        packages = (binary("p", Provides="v"), binary("q", Provides="v", Priority="required"))

        assert failure(["v"], *packages) == PackageNotFound(
            name="v", requested_by="", hint="v is provided by p, q"
        )

    def test_the_dependency_at_fault_is_named(self) -> None:
        """Not the chain that led there."""
        packages = (
            binary("a", Depends="b"),
            binary("b", "2", Depends="c (>= 3) | d"),
            binary("c"),
        )

        found = failure(["a"], *packages)

        assert found == PackageNotFound(
            name="c (>= 3) | d", requested_by="b 2", hint="c is there as 1"
        )
        assert str(found) == "c (>= 3) | d: no such package, required by b 2"

    def test_a_malformed_stanza_stops_only_who_needs_it(self) -> None:
        """Others do not read it."""
        packages = (binary("a"), binary("b", Depends="bad"), binary("bad", Size="x"))

        assert chosen(["a"], *packages) == ["a 1"]
        assert isinstance(failure(["b"], *packages), DocumentError)

    def test_two_contents_of_one_version_are_refused(self) -> None:
        """Wherever the second one lies."""
        packages = (Binary("a", deb=b"1"), Binary("a", deb=b"2"))

        assert isinstance(failure(["a"], *packages), IntegrityError)


def tangled(seed: int, conflicts: float) -> tuple[list[Index], list[str]]:
    """Return the indexes of a tangle, and its names."""
    first, second = tangle(seed, conflicts=conflicts)
    return [index_of(*first), index_of(*second)], [package.name for package in first]


def problems(packages: Sequence[Package], roots: Sequence[str]) -> list[str]:
    """Return what is wrong with a set of packages, by the definition and without a search."""
    meets = Offers((), "amd64", {}).meets
    found = [f"{root} is missing" for root in roots if root not in {p.name for p in packages}]
    for package in packages:
        found += [
            f"{package} lacks {relations.render(clause)}"
            for clause in (*package.depends, *package.pre_depends)
            if not any(meets(other, relation) for relation in clause for other in packages)
        ]
        for (relation,) in (*package.conflicts, *package.breaks):
            found += [
                f"{package} against {other}"
                for other in packages
                if other.name != package.name and meets(other, relation)
            ]
    return found


class TestLaws:
    """Laws that hold in any archive."""

    @settings(deadline=None, max_examples=80)
    @given(st.integers(0, 10**6), st.sampled_from((0.0, 0.05, 0.2)))
    def test_what_is_chosen_fits_together(self, seed: int, conflicts: float) -> None:
        """Every dependency is met, nothing conflicts, and nothing is there twice."""
        indexes, names = tangled(seed, conflicts)
        for roots in ([names[0]], names[1:3]):
            try:
                found = closure(roots, indexes, arch="amd64")
            except (PackageNotFound, PackageConflict):
                continue
            assert problems(found, roots) == []
            assert [p.name for p in found] == sorted({p.name for p in found})

    @settings(deadline=None, max_examples=40)
    @given(st.integers(0, 10**6), st.randoms(use_true_random=False))
    def test_a_closure_is_a_function_of_the_set_of_names(
        self, seed: int, shuffler: random.Random
    ) -> None:
        """Their order, repetition and what was asked before change nothing."""
        indexes, names = tangled(seed, 0.05)
        roots = names[:3]
        shuffled = [*roots, roots[0]]
        shuffler.shuffle(shuffled)

        assert outcome(roots, indexes) == outcome(shuffled, tangled(seed, 0.05)[0])

    @settings(deadline=None, max_examples=40)
    @given(st.integers(0, 10**6))
    def test_keeping_what_was_chosen_changes_nothing(self, seed: int) -> None:
        """A second resolution that prefers the first's versions is the first."""
        indexes, names = tangled(seed, 0.05)
        try:
            found = closure(names[:2], indexes, arch="amd64")
        except (PackageNotFound, PackageConflict):
            return
        prefer = {package.name: package.version for package in found}

        assert found == closure(names[:2], indexes, arch="amd64", prefer=prefer)


def outcome(names: Sequence[str], indexes: Sequence[Index]) -> object:
    """Return the closure of `names`, or the error."""
    try:
        return [str(package) for package in closure(names, indexes, arch="amd64")]
    except ImagesmithError as error:
        return error
