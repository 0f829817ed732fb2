"""A directory is a store only if nobody else can write to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.store import Store
from imagesmith.store.layout import named, refusal

ELSEWHERE = "name another directory with --store"


def refused(root: Path) -> HostError:
    """Return why a directory is no store."""
    with pytest.raises(HostError) as raised:
        Store.open(root)
    return raised.value


class TestOpening:
    """What is missing is made, and what is unsafe is refused."""

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
    def test_the_umask_does_not_matter(self, tmp_path: Path, umask: int) -> None:
        """Directories are 0755 and blobs 0444, the missing parents too."""
        before = os.umask(umask)
        try:
            store = Store.open(tmp_path / "a" / "b" / "store")
            blob = store.add([b"content"])
        finally:
            os.umask(before)
        modes = {
            stat.S_IMODE(path.stat().st_mode)
            for path in [tmp_path / "a", *(tmp_path / "a").rglob("*")]
            if path.is_dir()
        }

        assert {0o755} == modes
        assert stat.S_IMODE(store.layout.blob(blob.digest).stat().st_mode) == 0o444
        assert stat.S_IMODE(store.layout.lock.stat().st_mode) == 0o644

    def test_a_relative_directory_stays_where_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever changes the working directory later does not move the store."""
        monkeypatch.chdir(tmp_path)

        assert tmp_path / "store" == Store.open(Path("store")).root

    def test_a_working_directory_that_is_gone_is_the_hosts_fault(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is no reason for a traceback."""
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()

        assert refused(Path("store")).problem == "no such file or directory"

    @pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
    def test_a_link_is_refused(self, tmp_path: Path, target: str) -> None:
        """Whether it leads to a directory or not."""
        (tmp_path / "elsewhere").mkdir()
        root = tmp_path / "store"
        root.symlink_to(target)

        hint = "name the directory itself"
        expected = HostError(path=str(root), problem="is a symbolic link", hint=hint)
        assert expected == refused(root)

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        """As a root, as its parent, or as a directory inside."""
        (tmp_path / "file").touch()
        Store.open(tmp_path / "store").layout.drafts.rmdir()
        drafts = tmp_path / "store" / "tmp"
        drafts.touch()

        assert refused(tmp_path / "file").problem == "is not a directory"
        assert refused(tmp_path / "file" / "store").problem == "not a directory"
        hint = f"remove it, or {ELSEWHERE}"
        expected = HostError(path=str(drafts), problem="is not a directory", hint=hint)
        assert expected == refused(tmp_path / "store")

    @pytest.mark.parametrize(
        "inside", ["", "blobs", "blobs/sha256", "derived", "memory", "partial", "tmp"]
    )
    @pytest.mark.parametrize("mode", [0o777, 0o757, 0o1777])
    def test_what_everybody_writes_to_is_refused(
        self, tmp_path: Path, inside: str, mode: int
    ) -> None:
        """Sticky or not: somebody else could have made what is missing."""
        directory = Store.open(tmp_path / "store").root / inside
        directory.chmod(mode)

        hint = f"chmod go-w {directory}"
        expected = HostError(path=str(directory), problem="others can write to it", hint=hint)
        assert expected == refused(tmp_path / "store")

    def test_a_group_of_others_is_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The user's own group, as umask 002 supposes it, is not."""
        root = Store.open(tmp_path / "store").root
        root.chmod(0o775)
        own = root.stat().st_gid
        monkeypatch.setattr(os, "getegid", lambda: own)
        opened = Store.open(root)
        monkeypatch.setattr(os, "getegid", lambda: own + 1)

        assert root == opened.root
        assert refused(root).problem == "others can write to it"

    def test_another_users_directory_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root's is not: who is root needs no store to get in."""
        root = Store.open(tmp_path / "store").root
        if os.geteuid() != 0:
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
            Store.open(root)
            monkeypatch.undo()
            os.chown(root, 12345, -1)

        expected = HostError(path=str(root), problem="belongs to another user", hint=ELSEWHERE)
        assert expected == refused(root)

    def test_a_store_that_cannot_be_written_to_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Even if directories are missing in it; writing says what is wrong."""
        blob = Store.open(tmp_path / "store").add([b"content"])
        for name in ("partial", "tmp", "derived"):
            (tmp_path / "store" / name).rmdir()
        (tmp_path / "store" / "lock").unlink()

        def refuse(path: Path, *_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "mkdir", refuse)
        monkeypatch.setattr(Path, "touch", refuse)
        monkeypatch.setattr(os, "utime", refuse)
        monkeypatch.setattr(os, "access", lambda *_: False)
        store = Store.open(tmp_path / "store", clock=lambda: 0.0)
        with store.in_use():
            content = store.read(blob.digest)

        assert content == b"content"
        assert blob == store.find(blob.digest)
        assert list(store.verify()) == []
        with pytest.raises(HostError, match="no such file"):
            store.add([b"more"])
        assert refused(tmp_path / "missing").hint == ELSEWHERE


class TestNames:
    """Only a digest in its own directory is the name of a blob."""

    @pytest.mark.parametrize(
        "path",
        [
            "ab/" + "AB" * 32,
            "ab/" + "ab" * 31,
            "ab/" + "ab" * 33,
            "ab/" + "ab" * 32 + "\n",
            "cd/" + "ab" * 32,
            "ab" * 32,
        ],
    )
    def test_others_are_not(self, path: str) -> None:
        """Wrong case, wrong length, wrong place."""
        assert named(Path("/blobs/sha256") / path) is None

    def test_that_one_is(self) -> None:
        """In lower case, under its first two digits."""
        assert Digest("ab" * 32) == named(Path("ab") / ("ab" * 32))


def test_a_refusal_names_the_file_and_what_helps() -> None:
    """The file is that of the system's error, if it names one."""
    full = OSError(28, "No space left on device", "/store/tmp/x")
    odd = OSError("no number")

    assert HostError(
        path="/store/tmp/x",
        problem="no space left on device",
        hint="free some space, or run imagesmith store gc",
    ) == refusal(full, Path("/store"))
    assert HostError(path="/store", problem="no number") == refusal(odd, Path("/store"))
