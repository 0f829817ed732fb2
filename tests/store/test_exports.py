"""Exported images: whole or not there, written once, left alone while they run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.faults import injected
from builders.tar import make_tar

import imagesmith
from imagesmith.errors import HostError
from imagesmith.manifest import mtree
from imagesmith.model.digest import Digest
from imagesmith.sandbox.starting import replay
from imagesmith.store import Collected, Store
from imagesmith.unpack import tar

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
CONTENT = {"/bin/tool": "tool\n", "/etc/odd name": "odd\n"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Open an empty store."""
    return Store.open(tmp_path / "store")


def write(into: Path) -> None:
    """Write a small root with a link, as the sandbox does it."""
    content = make_tar(CONTENT)
    (into / "mtree").write_bytes(
        mtree.to_bytes(tar.index(memoryview(content), blob=ONE, artefact="a"))
    )
    (into / "image.json").write_text("{}")
    for path, text in CONTENT.items():
        target = into / f"root{path}"
        target.parent.mkdir(parents=True)
        target.write_text(text)


def names(store: Store) -> list[str]:
    """Return what lies where exported images do."""
    return sorted(path.name for path in (store.root / "rootfs").iterdir())


class TestExport:
    """A name means that all of it is there."""

    def test_is_written_once_and_nobody_else_may_look(self, store: Store) -> None:
        """Whoever comes later finds it."""
        first = store.export(ONE, write)
        second = store.export(ONE, unwanted)

        assert (first, first.stat().st_mode & 0o777) == (second, 0o700)
        assert list(store.verify()) == []

    def test_lies_where_the_sandbox_looks_for_it(self, store: Store) -> None:
        """The names are written down twice, as looking must not load the store."""
        lent = store.export(ONE, write)

        assert lent.parent.name == replay.DIRECTORY
        assert (lent / replay.ROOT).is_dir()
        descriptor = replay.locked(str(store.root), ONE.hex)
        assert descriptor is not None
        os.close(descriptor)

    def test_a_failure_leaves_nothing(self, store: Store) -> None:
        """The next one begins anew."""

        def fail(into: Path) -> None:
            (into / "root").mkdir()
            raise OSError(28, "No space left on device")

        with pytest.raises(HostError, match="no space left on device"):
            store.export(ONE, fail)

        assert names(store) == []

    def test_two_at_once_write_once(self, store: Store) -> None:
        """The second waits, and finds it done."""
        calls: list[int] = []

        def slowly(into: Path) -> None:
            calls.append(1)
            time.sleep(0.05)
            write(into)

        threads = [threading.Thread(target=store.export, args=(ONE, slowly)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (calls, names(store)) == ([1], [ONE.hex])

    @pytest.mark.parametrize("call", ["mkdir", "rename", "fsync", "flock"])
    def test_one_that_is_killed_is_never_believed(self, call: str, store: Store) -> None:
        """Whatever it was doing; its leftovers go with the next one."""
        program = (
            "import sys; from pathlib import Path; from imagesmith.store import exports, layout; "
            "from imagesmith.model.digest import Digest\n"
            "def write(into):\n"
            "    for name in ('root', 'root/a', 'root/b'): (into / name).mkdir()\n"
            "exports.export(layout.Layout(Path(sys.argv[1])), Digest.of(b'one'), write)"
        )
        killed = 0
        for number in range(1, 5):
            fault = injected(call, f"signal=KILL:when={number}")
            command = [*fault, sys.executable, "-B", "-c", program, str(store.root)]
            package = str(Path(imagesmith.__file__).parents[1])
            ended = subprocess.run(command, check=False, env={"PYTHONPATH": package})
            killed += ended.returncode != 0
            for name in names(store):
                if name == ONE.hex:
                    assert sorted(p.name for p in (store.root / "rootfs" / name / "root").iterdir())
        store.export(TWO, write)

        assert killed
        assert not [name for name in names(store) if name.endswith(".tmp")]


def unwanted(_into: Path) -> None:
    """Fail: somebody wrote what is there."""
    raise AssertionError


class TestCollect:
    """What is not run for a while goes."""

    def test_only_the_unused_goes(self, store: Store) -> None:
        """All of it; what is used stays."""
        old = store.export(ONE, write)
        store.export(TWO, write)
        os.utime(old, (1, 1))
        found = store.collect(unused_for=100, now=int(time.time()))
        kept = (store.root / "rootfs").rglob("*")
        size = sum(path.stat().st_size for path in kept if path.is_file())

        assert found == Collected(1, size)
        assert names(store) == [TWO.hex]

    def test_what_runs_stays(self, store: Store) -> None:
        """However long ago it began."""
        path = store.export(ONE, write)
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        kept = store.collect(unused_for=0, now=int(time.time()) + 10)
        os.close(descriptor)
        removed = store.collect(unused_for=0, now=int(time.time()) + 10)

        assert (kept.count, removed.count, names(store)) == (0, 1, [])

    def test_what_is_no_export_stays(self, store: Store) -> None:
        """`verify` lists it; nothing of strangers is removed."""
        (store.root / "rootfs/README").touch()
        (store.root / "rootfs" / ONE.hex).symlink_to(store.root)
        store.collect(unused_for=0, now=int(time.time()) + 10)
        problems = [problem.problem for problem in store.verify()]

        assert names(store) == sorted(["README", ONE.hex])
        assert problems == ["does not belong in a store"] * 2

    def test_a_read_only_look_at_an_older_store(self, tmp_path: Path) -> None:
        """One that has no place for exports has none to collect."""
        store = Store.open(tmp_path / "store")
        (tmp_path / "store/rootfs").rmdir()

        assert list(store.verify()) == []
        assert store.collect(unused_for=0, now=1) == Collected(0, 0)


def change(path: str) -> Callable[[Path], object]:
    """Return a way to overwrite a file."""
    return lambda exported: (exported / path).write_text("evil\n")


class TestVerify:
    """Every difference from what was written is listed."""

    @pytest.mark.parametrize(
        ("damage", "expected"),
        [
            (change("root/bin/tool"), "differs: /bin/tool (sha256digest"),
            (change("root/bin/new"), "extra: /bin/new"),
            (lambda at: (at / "root/bin/tool").unlink(), "missing: /bin/tool"),
            (lambda at: (at / "root/bin/link").symlink_to("a b"), "extra: /bin/link"),
            (lambda at: os.mkfifo(at / "root/etc/fifo"), "extra: /etc/fifo"),
            (lambda at: (at / "mtree").unlink(), "mtree: missing"),
            (lambda at: (at / "mtree").write_text("junk"), "mtree: not an mtree"),
            (lambda at: (at / "root/other").mkdir(), "extra: /other"),
            (lambda at: (at / "stranger").touch(), "stranger: does not belong in a store"),
        ],
    )
    def test_damage_is_listed(
        self, damage: Callable[[Path], object], expected: str, store: Store
    ) -> None:
        """With the path inside the image."""
        damage(store.export(ONE, write))
        problems = [problem.problem for problem in store.verify()]

        assert any(problem.startswith(expected) for problem in problems), problems

    def test_one_that_is_being_written_is_no_problem(self, store: Store) -> None:
        """Nor is what makes it start fast."""
        (store.root / "rootfs" / f"{ONE.hex}.{'a' * 16}.tmp").mkdir()
        (store.export(TWO, write) / "start").touch()

        assert list(store.verify()) == []
