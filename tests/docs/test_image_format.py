"""docs/image-format.md says enough: what is written from it alone has the program's bytes."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest
from builders import corpus, format1, trees
from builders.corpus import CASES, EPOCH, HUGE, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.model.tree import Symlink, Tree
from imagesmith.oci import tar

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "image-format.md").read_text()
LIGHT = tuple(case for case in CASES if case.name != "many")
EPOCHS = st.sampled_from([0, EPOCH, 8**11 - 1, 8**11])


def parted(case: Case) -> str:
    """Return where the program's tar of a case leaves the page's; empty if nowhere."""
    by_program = b"".join(tar.stream(case.tree(), read=case.read, epoch=case.epoch))
    by_page = format1.tar(corpus.members(case), case.epoch)
    return "" if by_program == by_page else corpus.explain(case, dict(corpus.program(case)))


class TestBytes:
    """Two writers, one page."""

    @pytest.mark.parametrize("case", LIGHT, ids=lambda case: case.name)
    def test_the_page_gives_every_byte_of_the_corpus(self, case: Case) -> None:
        """Tar, compressed layers, config, image manifest, index, archives."""
        found = dict(corpus.program(case))
        expected = {name: blob.digest for name, blob in corpus.second(case)}

        assert expected == {name: blob.digest for name, blob in found.items()}

    @given(trees.trees(), EPOCHS)
    @settings(deadline=None, max_examples=80)
    def test_the_page_gives_the_bytes_of_any_tree(self, tree: Tree, epoch: int) -> None:
        """Files, directories, links of both kinds, attributes, owners, times."""
        assert parted(Case(name="drawn", tree=lambda: tree, epoch=epoch)) == ""

    @given(
        names=st.lists(
            st.binary(min_size=1, max_size=240).filter(lambda name: not set(name) & {0, 47}),
            min_size=1,
            max_size=4,
        ),
        link=st.binary(min_size=1, max_size=120).filter(lambda target: 0 not in target),
        depth=st.integers(0, 3),
    )
    @settings(deadline=None, max_examples=50)
    def test_the_page_gives_the_bytes_of_any_names(
        self, names: list[bytes], link: bytes, depth: int
    ) -> None:
        """Wherever a name is split or moved, both do it at the same byte."""
        start = "/" + f"{'d' * 49}/" * depth
        target = link.decode("utf-8", "surrogateescape")
        paths = [f"{start}x{name.decode('utf-8', 'surrogateescape')}" for name in names]
        tree = trees.whole({path: Symlink(target=target) for path in paths})

        assert parted(Case(name="drawn", tree=lambda: tree)) == ""

    def test_the_page_gives_the_headers_of_a_file_no_field_can_hold(self) -> None:
        """More than 8 GiB: a record, and 0 in the field; the content is the corpus' business."""
        described = corpus.members(HUGE)
        by_program = islice(tar.stream(HUGE.tree(), read=HUGE.read, epoch=EPOCH), 2)
        by_page = islice(format1.pieces(described, EPOCH), 2)

        assert list(by_page) == list(by_program)


ROW = re.compile(r"^\| (?!Section|-)([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
TICKED = re.compile(r"`([^`]+)`")
HELD = {
    "tests/oci/test_tar.py",
    "tests/oci/test_format1.py",
    "tests/docs/test_image_format.py",
    "tests/cli/test_encoders.py",
    "tests/e2e/test_encoders.py",
}
"""Files whose every test is about the format: none of them may go without a rule."""


def sections() -> dict[str, str]:
    """Return the text of each section of the page by its heading."""
    _, *parts = SECTION.split(PAGE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows() -> list[tuple[str, str, str]]:
    """Return the rows of the table of rules: section, rule, tests."""
    return ROW.findall(sections()["Rules and tests"])


def named() -> set[tuple[str, str]]:
    """Return every file that rows name, with each test it is named for."""
    found = set()
    for _, _, shown in rows():
        file = ""
        for term in TICKED.findall(shown):
            file = term if term.startswith("tests/") else file
            found.add((file, "" if term == file else term))
    return found


def written(file: str) -> set[str]:
    """Return the names of the tests in a file."""
    return set(re.findall(r"^ *def (test_\w+)\(", (ROOT / file).read_text(), re.MULTILINE))


def terms(text: str) -> list[str]:
    """Return what the tables of a section are about: code or plain words in first cells."""
    cells = re.findall(r"^\| ([^|]+) \|(?! .*\|\n\|-)", text, re.MULTILINE)
    found = [TICKED.findall(cell) or re.findall(r"^[a-z, ]+$", cell) for cell in cells]
    return [
        part
        for cell, each in zip(cells, found, strict=True)
        for term in each
        for part in term.split(", ")
        if not cell.startswith("each of ")
    ]


class TestRules:
    """No rule without a test, no test without a rule."""

    def test_every_test_that_is_named_is_there(self) -> None:
        """Neither files nor tests have moved."""
        gone = {(file, name) for file, name in named() if name and name not in written(file)}

        assert gone == set()
        assert all((ROOT / file).is_file() for file, _ in named())

    @pytest.mark.parametrize("file", sorted(HELD))
    def test_every_test_of_the_format_has_a_rule(self, file: str) -> None:
        """What a test holds and the page does not say is no contract."""
        own = {name for name in written(file) if not hasattr(TestRules, name)}

        assert own <= {name for other, name in named() if other == file}

    def test_every_section_has_rules(self) -> None:
        """In the order of the page."""
        order = [title.partition(" to the ")[0] for title in sections()][:-1]

        assert list(dict.fromkeys(section for section, _, _ in rows())) == order

    def test_every_field_record_key_and_member_has_a_row(self) -> None:
        """What the page's own tables list stands in a rule of that section."""
        for title in list(sections())[:-2]:
            rules = " ".join(rule for section, rule, _ in rows() if title.startswith(section))

            assert [term for term in terms(sections()[title]) if term not in rules] == []

    def test_every_tree_of_the_corpus_is_described(self) -> None:
        """Under its name, and no other."""
        listed = re.findall(r"^\| (`.+`) \|", sections()["The golden corpus"], re.MULTILINE)

        assert [name for cell in listed for name in TICKED.findall(cell)] == [
            case.name for case in (*CASES, HUGE)
        ]
