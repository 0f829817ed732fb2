"""The documentation check finds each kind of mistake, and none in the real pages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from builders.pages import script

from imagesmith.trust.verdict import Reason

Known = dict[tuple[str, ...], click.Context]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", name="check")
def _check() -> Iterator[ModuleType]:
    """Lend docs/check.py as a module."""
    with script("vocabulary", "sizes", "check") as check:
        yield check


@pytest.fixture(scope="module", name="known")
def _known(check: ModuleType) -> Known:
    """Every command with its options."""
    found: Known = check.commands()
    return found


def shown(check: ModuleType, known: Known, text: str) -> list[str]:
    """Return what is wrong with the commands that a page shows."""
    return [str(problem) for problem in check.shown([check.Page("p.md", text)], known)]


def listed(check: ModuleType, text: str, **truth: set[str]) -> list[str]:
    """Return what is wrong with the marked tables of a page."""
    real = {name.replace("_", "-"): frozenset(terms) for name, terms in truth.items()}
    return [str(problem) for problem in check.tables([check.Page("p.md", text)], real)]


class TestLinks:
    """Relative links and anchors."""

    def found(self, check: ModuleType, root: Path, text: str) -> list[str]:
        """Return what is wrong with the links of a page beside another."""
        (root / "docs").mkdir()
        (root / "README.md").write_text(text)
        (root / "docs" / "other.md").write_text("# One two\n\n## `A.b` & c\n\n# One two\n")
        return [str(problem) for problem in check.links(root, check.pages(root))]

    def test_what_exists_is_no_problem(self, check: ModuleType, tmp_path: Path) -> None:
        """Files, headings spelt as GitHub does, a repeated heading, and other people's sites."""
        text = (
            "# Top\n[a](docs/other.md) [b](docs/other.md#one-two) [c](#top)\n"
            "[d](docs/other.md#ab--c) [e](https://example.org/x) [f](docs/other.md#one-two-1)\n"
        )

        assert self.found(check, tmp_path, text) == []

    def test_a_missing_file_is_named_with_its_line(self, check: ModuleType, tmp_path: Path) -> None:
        """The place is the page and the line of the link."""
        assert self.found(check, tmp_path, "\n[a](docs/gone.md)\n") == [
            "README.md:2: docs/gone.md: no such file"
        ]

    def test_a_missing_heading_is_named(self, check: ModuleType, tmp_path: Path) -> None:
        """Both on the same page and on another."""
        text = "[a](#gone)\n[b](docs/other.md#gone)\n"

        assert self.found(check, tmp_path, text) == [
            "README.md:1: #gone: no such heading",
            "README.md:2: docs/other.md#gone: no such heading",
        ]

    def test_fenced_blocks_and_code_hold_no_links(self, check: ModuleType, tmp_path: Path) -> None:
        """What looks like a link in code is code."""
        text = "```\n[a](gone)\n# no heading\n```\n`[b](gone)`\n"

        assert self.found(check, tmp_path, text) == []


class TestShown:
    """Commands, options and variables."""

    @pytest.mark.parametrize(
        "line",
        [
            "$ imagesmith --offline build images/x --trust t.toml --arch amd64 -o x.tar",
            "$ .venv/bin/imagesmith keys generate 'Me <me@example.org>' -o me.asc --years 3",
            "$ imagesmith lock images/x --update libc6 | cat; imagesmith store gc --unused-for 3",
            '$ imagesmith --store "$(mktemp -d)" verify x.tar --rebuild',
            "$ imagesmith lock images/x \\\n    --check",
            "$ imagesmith COMMAND",
        ],
    )
    def test_commands_that_exist_are_no_problem(
        self, check: ModuleType, known: Known, line: str
    ) -> None:
        """Global options, values, pipelines, substitutions and continued lines are understood."""
        assert shown(check, known, f"```console\n{line}\n```\n") == []

    def test_an_unknown_command_is_found(self, check: ModuleType, known: Known) -> None:
        """Of the program, and of a group."""
        text = "```console\n$ imagesmith frobnicate x\n$ imagesmith store burn\n```\n"

        assert shown(check, known, text) == [
            "p.md:2: imagesmith has no command frobnicate",
            "p.md:3: imagesmith store has no command burn",
        ]

    def test_an_option_of_another_command_is_found(self, check: ModuleType, known: Known) -> None:
        """`--rebuild` is an option of verify, not of build."""
        text = "```sh\na=$(imagesmith build x \\\n  --rebuild)\n```\nSee `build --rebuild`.\n"

        assert shown(check, known, text) == [
            "p.md:2: imagesmith build has no option --rebuild",
            "p.md:5: imagesmith build has no option --rebuild",
        ]

    def test_what_follows_two_dashes_is_left_alone(self, check: ModuleType, known: Known) -> None:
        """They are the words of another program."""
        text = (
            "```console\n$ imagesmith run x.tar -- --version\n$ imagesmith run --frob -- x\n```\n"
        )

        assert shown(check, known, text) == ["p.md:3: imagesmith run has no option --frob"]

    def test_an_option_after_a_value_is_checked(self, check: ModuleType, known: Known) -> None:
        """The value of an option is neither a command nor an option."""
        text = '```console\n$ imagesmith --store "$(mktemp -d)" verify x.tar --frob\n```\n'

        assert shown(check, known, text) == ["p.md:2: imagesmith verify has no option --frob"]

    def test_an_unknown_option_alone_is_found(self, check: ModuleType, known: Known) -> None:
        """In prose an option stands without its command."""
        assert shown(check, known, "Use `--frob` or `--json`.\n") == [
            "p.md:1: no command has an option --frob"
        ]

    def test_an_unknown_variable_is_found(self, check: ModuleType, known: Known) -> None:
        """Variables are those that options have."""
        text = "`IMAGESMITH_TRUST` and `IMAGESMITH_STORE`\nIMAGESMITH_FROB\n"

        assert shown(check, known, text) == ["p.md:2: IMAGESMITH_FROB: no such variable"]


class TestHelp:
    """Help blocks."""

    def test_update_writes_what_help_prints(self, check: ModuleType, known: Known) -> None:
        """The block equals `--help` at 80 columns, run as a user would."""
        text = check.updated("<!-- help: keys show -->\nold\n<!-- end help -->\n", known)
        program = "from imagesmith.cli import main; main()"
        printed = subprocess.run(
            [sys.executable, "-c", program, "keys", "show", "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "80"},
        ).stdout

        assert (
            f"<!-- help: keys show -->\n```text\n$ imagesmith keys show --help\n{printed}```\n"
            "<!-- end help -->\n"
        ) == text

    def test_a_stale_block_is_found(self, check: ModuleType, known: Known) -> None:
        """With the place of its marker."""
        page = check.Page("p.md", "\n<!-- help: lock -->\nold\n<!-- end help -->\n")
        found = [str(problem) for problem in check.helps([page], known)]

        assert "p.md:2: help: lock: run docs/check.py --update" in found

    def test_a_block_of_no_command_is_found_and_left_alone(
        self, check: ModuleType, known: Known
    ) -> None:
        """A command that is gone leaves its block to people."""
        text = "<!-- help: frob -->\nold\n<!-- end help -->\n"
        found = [str(problem) for problem in check.helps([check.Page("p.md", text)], known)]

        assert "p.md:1: help: no such command: frob" in found
        assert text == check.updated(text, known)

    def test_a_command_without_a_block_is_found(self, check: ModuleType, known: Known) -> None:
        """Every command has a block somewhere."""
        found = [str(problem) for problem in check.helps([], known)]

        assert "docs/reference.md:1: help: no block for: store gc" in found
        assert len(known) == len(found)


class TestTables:
    """Tables of codes, reasons and keys."""

    def test_what_is_missing_and_what_is_invented_is_found(self, check: ModuleType) -> None:
        """Missing terms at the marker, invented ones at their row."""
        text = "<!-- table: reason-codes -->\n\n| Code | M |\n|---|---|\n| `A` | a |\n| `B` | b |\n"

        assert listed(check, text, reason_codes={"A", "C"}) == [
            "p.md:6: reason-codes: B does not exist",
            "p.md:1: reason-codes: C is missing",
        ]

    def test_a_table_ends_with_the_next_paragraph(self, check: ModuleType) -> None:
        """Tables without a marker list what they like."""
        text = "<!-- table: reason-codes -->\n\n| `A` | a |\n\nText.\n\n| `B` | b |\n"

        assert listed(check, text, reason_codes={"A"}) == []

    def test_errors_are_listed_with_their_status(self, check: ModuleType) -> None:
        """A wrong status is an error that does not exist."""
        text = "<!-- table: error-codes -->\n\n| `a` | 3 | text |\n"

        assert listed(check, text, error_codes={"a 2"}) == [
            "p.md:3: error-codes: a 3 does not exist",
            "p.md:1: error-codes: a 2 is missing",
        ]

    def test_keys_are_checked_part_by_part(self, check: ModuleType) -> None:
        """Capitals stand for any name."""
        text = "<!-- table: trust-keys -->\n\n| `a.NAME.b`, `c` | text |\n"

        assert listed(check, text, trust_keys={"a", "b", "c"}) == []
        assert listed(check, text, trust_keys={"a", "b"}) == [
            "p.md:3: trust-keys: c does not exist"
        ]

    def test_a_table_that_nobody_wrote_is_missed(self, check: ModuleType) -> None:
        """No marker at all is a problem as well."""
        assert listed(check, "", file_reasons={"seed"}) == [
            "docs/reference.md:1: file-reasons: seed is missing"
        ]

    def test_the_code_is_what_tables_are_held_against(self, check: ModuleType) -> None:
        """Classes, enumerations and literals are all found."""
        truth = check.vocabulary.truth(ROOT / "imagesmith")

        assert {str(reason) for reason in Reason} == truth["reason-codes"]
        assert {"usage 2", "closure 9", "not-reproducible 6"} <= truth["error-codes"]
        assert {"blob-digest", "rootfs", "diff-id", "file"} <= truth["problem-codes"]
        assert {"seed", "needed", "env", "licence", "cache", "parent"} <= truth["file-reasons"]
        assert {"name", "env", "stop-signal", "signed-by", "gid"} <= truth["recipe-keys"]
        assert {"epoch", "diff-ids", "sha256", "serial"} <= truth["manifest-keys"]
        assert {"threshold", "not-after", "certificate"} <= truth["trust-keys"]
        assert {"store", "proxy", "mirrors", "trust", "jobs", "keyrings"} == truth["config-keys"]


class TestMain:
    """The program as a whole."""

    def test_update_makes_a_page_agree(
        self, check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The page is rewritten; what else is wrong is printed, with status 1."""
        (tmp_path / "docs").mkdir()
        page = tmp_path / "docs" / "reference.md"
        page.write_text("<!-- help: why -->\n<!-- end help -->\n")
        status = check.main(["--update"], tmp_path)
        printed = capsys.readouterr().out

        assert status == 1
        assert "$ imagesmith why --help\n" in page.read_text()
        assert "help: why:" not in printed
        assert "docs/reference.md:1: help: no block for: lock\n" in printed

    def test_the_pages_of_this_repository_agree_with_the_code(self, check: ModuleType) -> None:
        """Every page, as `make docs` checks them; benchmarks.md is written by `make bench`."""
        found = [str(each) for each in check.check(ROOT) if "benchmarks.md" not in each.text]

        assert found == []
