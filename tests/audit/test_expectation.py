"""Results are identical to what a manifest expects, equivalent, or different in named files."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.audit.expectation import MAX_NAMED, Comparison, Result, compare, differences
from imagesmith.audit.problem import Problem
from imagesmith.manifest import mtree
from imagesmith.manifest.pins import Expectation
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, File, Tree

TREE = Tree({"/a": File.of(b"1"), "/b": File.of(b"2")})
MTREE = mtree.to_bytes(TREE)
ONE, TWO, THREE, FOUR = (Digest(str(number) * 64) for number in (1, 2, 3, 4))
RESULT = Result(arch="amd64", rootfs=MTREE, diff_ids=(ONE,), config=ONE, image=ONE)
EXPECTED = Expectation(rootfs=Digest.of(MTREE), diff_ids=(ONE,), config=ONE, image=ONE)


def changed(files: dict[str, bytes]) -> Result:
    """Return a result with another root filesystem, everything else as expected."""
    tree = Tree({path: File.of(content) for path, content in files.items()})
    return attrs.evolve(RESULT, rootfs=mtree.to_bytes(tree))


def rootfs(result: Result) -> Problem:
    """Return the finding about a root filesystem."""
    text = f"expected {EXPECTED.rootfs}, got {Digest.of(result.rootfs)}"
    return Problem("amd64", "rootfs", text)


class TestCompare:
    """`compare`: the two levels of identity, and neither."""

    @pytest.mark.parametrize("recorded", [None, MTREE, b"#mtree\nanother\n"])
    def test_the_same_image_is_identical(self, recorded: bytes | None) -> None:
        """Whatever lies beside the manifest: the digest decides."""
        wanted = Comparison(arch="amd64", level="identical", problems=())

        assert wanted == compare(RESULT, EXPECTED, recorded)

    def test_other_compressed_bytes_are_equivalent(self) -> None:
        """Config and diff-ids are the same, the image's digest is not; that is no problem."""
        found = compare(attrs.evolve(RESULT, image=TWO), EXPECTED, MTREE)

        assert Comparison(arch="amd64", level="equivalent", problems=()) == found

    @pytest.mark.parametrize(
        ("result", "problem"),
        [
            (
                attrs.evolve(RESULT, config=TWO),
                Problem("amd64", "config", f"expected {ONE}, got {TWO}"),
            ),
            (
                attrs.evolve(RESULT, diff_ids=(TWO,)),
                Problem("amd64", "diff-id", f"expected {ONE}, got {TWO}"),
            ),
            (
                attrs.evolve(RESULT, diff_ids=()),
                Problem("amd64", "diff-id", f"expected {ONE}, got none"),
            ),
            (
                attrs.evolve(RESULT, diff_ids=(ONE, TWO)),
                Problem("amd64", "diff-id", f"expected {ONE}, got {ONE} {TWO}"),
            ),
        ],
    )
    def test_anything_else_is_different(self, result: Result, problem: Problem) -> None:
        """Even with the expected image digest: then somebody lies."""
        found = compare(result, EXPECTED, MTREE)

        assert Comparison(arch="amd64", level="different", problems=(problem,)) == found

    @pytest.mark.parametrize(
        ("wanted", "built", "text"),
        [
            ((ONE, TWO, THREE), (ONE, FOUR, THREE), f"expected {TWO}, got {FOUR}"),
            ((ONE, TWO), (TWO, ONE), f"expected {ONE} {TWO}, got {TWO} {ONE}"),
            ((ONE, TWO), (ONE,), f"expected {ONE} {TWO}, got {ONE}"),
        ],
    )
    def test_layers_that_both_have_are_passed_over(
        self, wanted: tuple[Digest, ...], built: tuple[Digest, ...], text: str
    ) -> None:
        """Of dozens one can see which ones differ; if it is the order, all of them are named."""
        result = attrs.evolve(RESULT, diff_ids=built)
        found = compare(result, attrs.evolve(EXPECTED, diff_ids=wanted), MTREE)

        assert found.problems == (Problem("amd64", "diff-id", text),)

    def test_files_that_differ_are_named(self) -> None:
        """Extra, missing and changed ones, after the digest they explain."""
        result = changed({"/b": b"3", "/c": b""})
        found = compare(result, EXPECTED, MTREE)
        before, after = Digest.of(b"2").hex, Digest.of(b"3").hex

        assert found.level == "different"
        assert found.problems == (
            rootfs(result),
            Problem("amd64", "file", "missing: /a"),
            Problem("amd64", "file", f"differs: /b (sha256digest {before} to {after})"),
            Problem("amd64", "file", "extra: /c"),
        )

    @pytest.mark.parametrize(("files", "more"), [(MAX_NAMED, ()), (MAX_NAMED + 3, (3,))])
    def test_long_lists_of_files_are_cut(self, files: int, more: tuple[int, ...]) -> None:
        """Twenty are named, the others counted."""
        result = changed(
            {"/a": b"1", "/b": b"2"} | {f"/x{number:02}": b"" for number in range(files)}
        )
        found = compare(result, EXPECTED, MTREE).problems
        named = tuple(Problem("amd64", "file", f"extra: /x{n:02}") for n in range(MAX_NAMED))

        assert found[0] == rootfs(result)
        assert found[1 : MAX_NAMED + 1] == named
        assert found[MAX_NAMED + 1 :] == tuple(
            Problem("amd64", "file", f"{count} more files differ") for count in more
        )

    def test_without_the_mtree_the_digest_is_all_there_is(self) -> None:
        """Nothing is guessed."""
        result = changed({})

        assert compare(result, EXPECTED, None).problems == (rootfs(result),)

    def test_an_mtree_the_manifest_does_not_expect_explains_nothing(self) -> None:
        """Its lines would name the wrong files."""
        result = changed({})
        problem = Problem("amd64.mtree", "mtree", "not the mtree the manifest expects")

        assert compare(result, EXPECTED, MTREE + b"\n").problems == (rootfs(result), problem)

    def test_an_mtree_that_cannot_be_read_is_a_problem(self) -> None:
        """It is the one the manifest expects, and still no mtree."""
        recorded = b"junk"
        expected = attrs.evolve(EXPECTED, rootfs=Digest.of(recorded))

        assert differences(RESULT, expected, recorded) == (
            Problem("amd64.mtree", "mtree", "not an mtree written by lock"),
        )

    def test_a_hostile_root_raises_nothing(self) -> None:
        """Whatever a layer says of the root itself, there is a verdict."""
        tree = Tree({**TREE.entries, "/": Directory(mode=0o700)})
        result = attrs.evolve(RESULT, rootfs=mtree.to_bytes(tree))
        found = compare(result, EXPECTED, MTREE)

        assert found.level == "different"
        assert found.problems[0] == rootfs(result)

    @given(
        st.builds(
            Result,
            arch=st.just("amd64"),
            rootfs=st.sampled_from([MTREE, mtree.to_bytes(Tree())]),
            diff_ids=st.sampled_from([(ONE,), (TWO,), ()]),
            config=st.sampled_from([ONE, TWO]),
            image=st.sampled_from([ONE, TWO]),
        ),
        st.sampled_from([None, MTREE, b""]),
    )
    @settings(deadline=None, max_examples=60)
    def test_the_level_follows_from_what_is_equal(
        self, result: Result, recorded: bytes | None
    ) -> None:
        """Different where any part differs; identical only with the image digest as well."""
        found = compare(result, EXPECTED, recorded)
        same = (result.rootfs, result.diff_ids, result.config) == (MTREE, (ONE,), ONE)
        level = ("identical" if result.image == ONE else "equivalent") if same else "different"

        assert level == found.level
        assert bool(found.problems) is not same
