"""A problem is one line that is safe to print, and one object for machines."""

from __future__ import annotations

import re
from pathlib import Path

import imagesmith.audit
from imagesmith.audit.problem import CODES, Problem


class TestProblem:
    """`Problem`."""

    def test_one_line_says_place_text_and_code(self) -> None:
        """People read the place first; scripts find the code at the end."""
        problem = Problem("index.json", "index", "leads to no image")

        assert str(problem) == "index.json: leads to no image [index]"
        assert problem.to_json() == {
            "place": "index.json",
            "code": "index",
            "problem": "leads to no image",
        }

    def test_hostile_texts_are_escaped(self) -> None:
        """Nothing in an archive can move the cursor or end a line."""
        problem = Problem("a\n", "archive", "\x1b[31m\u202e\udcff\ud800")

        assert str(problem) == "a\\n: \\x1b[31m\\u202e\\xff\\ud800 [archive]"

    def test_problems_sort_by_place_code_and_text(self) -> None:
        """The order is that of the value, not of the search."""
        first, second, third = (
            Problem("a", "x", "2"),
            Problem("a", "y", "1"),
            Problem("b", "a", "0"),
        )

        assert sorted({third, second, first}) == [first, second, third]

    def test_every_code_is_explained(self) -> None:
        """The table has the codes that the room's sources use, and is sorted."""
        found: set[str] = set()
        for source in Path(imagesmith.audit.__file__).parent.glob("*.py"):
            text = source.read_text(encoding="utf-8")
            found |= set(re.findall(r'(?:problem|Problem)\([^"()]*, "([a-z-]+)",', text))

        assert {"archive", "blob-digest", "file", "layer"} < found
        assert found <= CODES.keys()
        assert list(CODES) == sorted(CODES)
