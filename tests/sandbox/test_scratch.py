"""Directories that sandboxes share, and their end."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from imagesmith.errors import HostError
from imagesmith.sandbox import scratch


def test_a_path_has_one_directory_with_its_mode() -> None:
    """However often it is asked for, and whatever the umask."""
    with scratch.made() as made:
        one = made.directory("/tmp", 0o1777)
        again = made.directory("/tmp", 0o755)
        other = made.directory("/run", 0o755)

        assert (one, one != other) == (again, True)
        assert [Path(each).stat().st_mode & 0o7777 for each in (one, other)] == [0o1777, 0o755]


def test_nothing_is_left_whatever_programs_did() -> None:
    """Closed directories, links to elsewhere, and the same again after an error."""
    with suppress(KeyError), scratch.made() as made:
        place = Path(made.directory("/srv", 0o755))
        (place / "closed" / "deep").mkdir(parents=True)
        (place / "closed" / "deep" / "file").write_text("x")
        (place / "link").symlink_to(Path(__file__).parent)
        (place / "closed" / "deep").chmod(0)
        (place / "closed").chmod(0)
        raise KeyError

    assert not Path(made.path).exists()
    assert Path(__file__).exists()


def test_a_host_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of every other refusal."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(HostError, match="no such file or directory"), scratch.made():
        raise AssertionError
