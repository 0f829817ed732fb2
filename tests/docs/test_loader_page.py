"""The page about loaders names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "loader.md"
ROW = re.compile(r"^\| (?!Rule|-)(.+) \| (.+) \|$", re.MULTILINE)


def test_every_rule_is_shown_by_tests_that_are_there() -> None:
    """No row without a file, no file that has moved."""
    rows = ROW.findall(PAGE.read_text())
    named = {path for _, shown in rows for path in re.findall(r"`(tests/[\w/]+\.py)`", shown)}

    assert all("`tests/" in shown for _, shown in rows)
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
