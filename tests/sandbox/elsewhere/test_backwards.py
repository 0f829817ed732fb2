"""Directories list their entries from the last to the first, to those who ask the interpreter."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imagesmith.sandbox.elsewhere import backwards


@pytest.fixture
def turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with files, listed backwards until the test is over."""
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, getattr(os, name))
    for name in ("b", "c", "a"):
        (tmp_path / name).mkdir()
    backwards.turn()
    return tmp_path


def test_every_way_of_listing_is_turned(turned: Path) -> None:
    """os, pathlib, glob and walks."""
    last_first = ["c", "b", "a"]
    with os.scandir(turned) as entries:
        scanned = [next(entries).name, *(entry.name for entry in entries)]

    assert (os.listdir(turned), scanned) == (last_first, last_first)  # noqa: PTH208 - it itself
    assert [path.name for path in turned.iterdir()] == last_first
    assert [path.name for path in turned.glob("*")] == last_first
    assert next(os.walk(turned))[1] == last_first


def test_what_is_listed_is_all_there(turned: Path) -> None:
    """Descriptors and bytes are listed as well, trees are removed, none of it twice."""
    descriptor = os.open(turned, os.O_RDONLY)
    found = os.listdir(descriptor)  # noqa: PTH208 - not a path
    os.close(descriptor)
    entries = os.scandir(turned)
    entries.close()

    assert (found, list(entries)) == (["c", "b", "a"], [])
    assert os.listdir(os.fsencode(turned)) == [b"c", b"b", b"a"]  # noqa: PTH208 - bytes
    shutil.rmtree(turned / "b")
    assert os.listdir(turned) == ["c", "a"]  # noqa: PTH208 - it itself
