"""The table of sizes says what listings say, and is told where it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from builders.pages import script
from builders.real import REPOSITORY

LISTING = b"""#mtree
. type=dir mode=0755 uid=0 gid=0
./a type=file mode=0644 uid=0 gid=0 size=40 sha256digest=00 nlink=2 inode=1
./b type=file mode=0644 uid=0 gid=0 size=40 sha256digest=00 nlink=2 inode=1
./size=9 type=link mode=0777 uid=0 gid=0 link=size=9
./z type=file mode=0644 uid=0 gid=0 size=2 sha256digest=00
"""


@pytest.fixture(scope="module", name="sizes")
def _sizes() -> Iterator[ModuleType]:
    """Lend docs/sizes.py as a module."""
    with script("sizes") as sizes:
        yield sizes


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one example, and a page that shows it."""
    shutil.copytree(REPOSITORY / "manifests" / "gojq", tmp_path / "manifests" / "gojq")
    (tmp_path / "docs").mkdir()
    shown = (REPOSITORY / "docs" / "sizes.md").read_text().splitlines(keepends=True)
    kept = [line for line in shown if "MB" not in line or "| gojq |" in line]
    (tmp_path / "docs" / "sizes.md").write_text("".join(kept))
    return tmp_path


def test_regular_files_are_counted_and_hard_links_once(sizes: ModuleType) -> None:
    """Whatever links and directories are called."""
    weight = sizes.Weight.listed(LISTING, document="a.mtree")

    assert sizes.Weight(files=2, octets=42) == weight


def test_what_is_shown_is_what_was_rendered(sizes: ModuleType) -> None:
    """A table is read back as the rows it was made of."""
    rows = [tuple(f"{line}{column}" for column in "abcdefghi") for line in (1, 2)]

    assert rows == sizes.shown(f"x\n<!-- sizes -->\n{sizes.table(rows)}<!-- end sizes -->\n")
    assert sizes.shown("no table") == []


def test_a_page_that_is_right_has_no_problems(sizes: ModuleType, repository: Path) -> None:
    """So has the page of this repository."""
    assert list(sizes.problems(repository)) == []
    assert list(sizes.problems(REPOSITORY)) == []


def test_a_listing_that_changed_is_a_problem(sizes: ModuleType, repository: Path) -> None:
    """The old row is not so, the new one is missing; the hint says what to run."""
    listing = repository / "manifests" / "gojq" / "arm64.mtree"
    lines = [line for line in listing.read_text().splitlines(keepends=True) if "passwd" not in line]
    listing.write_text("".join(lines))
    found = [problem.partition(": run ") for problem in sizes.problems(repository)]

    assert [problem.split()[:4] for problem, _, _ in found] == [
        ["sizes:", "gojq", "arm64", "6"],
        ["sizes:", "gojq", "arm64", "7"],
    ]
    assert [problem.split(" MB ")[1] for problem, _, _ in found] == ["is missing", "is not so"]
    assert {hint for _, _, hint in found} == {"docs/sizes.py --update STORE"}


def test_a_repository_without_examples_has_no_page(sizes: ModuleType, tmp_path: Path) -> None:
    """Nothing is wrong with it."""
    assert list(sizes.problems(tmp_path)) == []


def test_unknown_arguments_are_a_usage_error(
    sizes: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with one line."""
    assert sizes.main(["--nonsense"], REPOSITORY) == 2
    assert capsys.readouterr().err == "usage: python docs/sizes.py [--update STORE]\n"


def test_a_store_without_the_packages_is_told(
    sizes: ModuleType, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is fetched, and the page stays as it is."""
    page = repository / "docs" / "sizes.md"
    before = page.read_text()

    assert sizes.main(["--update", str(tmp_path / "store")], repository) == 1
    assert "not in the store, and offline" in capsys.readouterr().err
    assert page.read_text() == before


def test_the_script_prints_problems(
    sizes: ModuleType, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 if there are any."""
    assert sizes.main([], repository) == 0
    (repository / "docs" / "sizes.md").unlink()

    assert sizes.main([], repository) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2
