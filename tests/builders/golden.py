"""Goldens: expected text in files; IMAGESMITH_UPDATE_GOLDEN=1 rewrites them for review."""

from __future__ import annotations

import difflib
import os
from pathlib import Path


def differences(golden: Path, actual: str) -> str:
    """Return what changed as a unified diff, empty if nothing did."""
    if os.environ.get("IMAGESMITH_UPDATE_GOLDEN") == "1":
        golden.write_text(actual, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")
    return "".join(
        difflib.unified_diff(
            expected.splitlines(keepends=True),
            actual.splitlines(keepends=True),
            fromfile=golden.name,
            tofile="now",
        )
    )
