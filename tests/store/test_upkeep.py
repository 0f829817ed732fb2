"""Everything is looked at, and what nobody uses goes."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.store import Collected, Problem, Store
from imagesmith.store.draft import new_draft

KEY = Digest.of(b"key")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Open a store with three blobs and a pointer."""
    opened = Store.open(tmp_path / "store")
    for content in (b"", b"one", b"two"):
        opened.add([content])
    opened.derive("index", KEY, Digest.of(b"two"))
    return opened


def problems(store: Store) -> list[tuple[str, str]]:
    """Return what `verify` finds, with paths below the store."""
    found = list(store.verify())
    assert all(isinstance(problem, Problem) for problem in found)
    return [(os.path.relpath(problem.path, store.root), problem.problem) for problem in found]


def place(digest: Digest, folder: str = "blobs/sha256") -> str:
    """Return where a file with the name of `digest` belongs."""
    return f"{folder}/{digest.hex[:2]}/{digest.hex}"


class TestVerify:
    """Every problem is listed, not only the first."""

    def test_a_good_store_has_none(self, store: Store) -> None:
        """Nor does an empty one; downloads, drafts and quarantine are none."""
        (store.root / "partial" / KEY.hex).write_bytes(b"begun")
        (store.root / "tmp" / "1-2.tmp").write_bytes(b"left over")
        store.quarantine(Digest.of(b"one"))

        assert problems(store) == []

    def test_damaged_blobs_are_listed(self, store: Store) -> None:
        """With what they are instead."""
        one, two = Digest.of(b"one"), Digest.of(b"two")
        (store.root / place(one)).unlink()
        (store.root / place(one)).mkdir()
        (store.root / place(two)).unlink()
        (store.root / place(two)).write_bytes(b"TWO")
        expected = [
            (place(one), f"expected {one}, got no regular file"),
            (place(two), f"expected {two}, got {Digest.of(b'TWO')}"),
        ]

        assert sorted(expected) == problems(store)

    def test_strangers_are_listed(self, store: Store) -> None:
        """Wherever they are, links to directories included; and left alone."""
        strangers = [
            ".hidden",
            "blobs/sha512",
            "blobs/sha256/README",
            f"blobs/sha256/ab/{'AB' * 32}",
            f"blobs/sha256/ab/{KEY.hex}",
            "derived/Bad Kind",
            "derived/index/ab/x",
            "partial/x",
        ]
        for stranger in strangers:
            path = store.root / stranger
            path.parent.mkdir(exist_ok=True)
            path.touch()
        (store.root / "blobs/sha256/zz").symlink_to("ab")
        strangers.append("blobs/sha256/zz")
        found = problems(store)

        assert {(path, "does not belong in a store") for path in strangers} == set(found)
        assert len(strangers) == len(found)
        assert len(list(store.entries())) == 3

    def test_pointers_without_an_end_are_listed(self, store: Store) -> None:
        """To nothing, or no pointers at all."""
        other = Digest.of(b"other")
        store.derive("index", other, other)
        path = store.root / place(KEY, "derived/index")
        path.chmod(0o644)
        path.write_bytes(b"")
        expected = [
            (place(KEY, "derived/index"), "is no pointer to a digest"),
            (place(other, "derived/index"), f"points to {other}, which is not in the store"),
        ]

        assert sorted(expected) == problems(store)

    def test_what_cannot_be_read_is_listed(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One unreadable blob does not hide the next."""

        def fail(*_: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "read", fail)
        blobs = [problem for path, problem in problems(store) if path.startswith("blobs")]

        assert blobs == ["input/output error"] * 3


class TestCollect:
    """What was used lately stays."""

    def test_only_the_unused_goes(self, store: Store) -> None:
        """With the pointers that pointed to it."""
        now = int(time.time())
        old = now - 1000
        os.utime(store.root / place(Digest.of(b"two")), (old, old))
        first = store.collect(unused_for=1001, now=now)
        second = store.collect(unused_for=1000, now=now)

        assert Collected(0, 0) == first
        assert Collected(1, 3 + len(f"{KEY}\n")) == second
        assert sorted(store.read(blob.digest) for blob in store.entries()) == [b"", b"one"]
        assert problems(store) == []

    def test_an_old_pointer_goes_alone(self, store: Store) -> None:
        """The result can be found again."""
        now = int(time.time())
        os.utime(store.root / place(KEY, "derived/index"), (0, 0))
        removed = store.collect(unused_for=now // 2, now=now)

        assert Collected(0, len(f"{KEY}\n")) == removed
        assert store.derived("index", KEY) is None

    def test_everything_can_go(self, store: Store) -> None:
        """At once: downloads, damaged blobs and trees among them too."""
        (store.root / "partial" / KEY.hex).write_bytes(b"begun")
        path = store.root / place(Digest.of(b"one"))
        path.unlink()
        path.mkdir()
        (path / "file").touch()
        store.quarantine(Digest.of(b"one"))
        store.quarantine(Digest.of(b"two"))
        removed = store.collect(unused_for=0, now=int(time.time()) + 1)

        assert Collected(1, 3 + len(b"begun") + len(f"{KEY}\n")) == removed
        assert [
            path for path in store.root.rglob("*") if path.is_file() and path.name != "lock"
        ] == []

    def test_strangers_and_recent_leftovers_stay(self, store: Store) -> None:
        """`collect` removes what it knows."""
        (store.root / "README").touch()
        (store.root / "partial" / KEY.hex).write_bytes(b"begun")
        store.quarantine(Digest.of(b"one"))
        removed = store.collect(unused_for=3600, now=int(time.time()))

        assert Collected(0, 0) == removed
        assert (store.root / "README").exists()

    def test_a_download_in_progress_stays(self, store: Store) -> None:
        """Its writer holds it."""
        content = bytes(1000)

        def fetch(_offset: int) -> list[bytes]:
            os.utime(store.root / "partial" / Digest.of(content).hex, (0, 0))
            store.collect(unused_for=0, now=int(time.time()))
            return [content]

        blob = store.put(fetch, digest=Digest.of(content), size=1000, what="x")
        assert content == store.read(blob.digest)

    def test_it_waits_for_those_who_use_the_store(self, store: Store) -> None:
        """They may use it together."""
        done = threading.Event()

        def collect() -> None:
            store.collect(unused_for=0, now=int(time.time()))
            done.set()

        with store.in_use(), Store.open(store.root).in_use():
            thread = threading.Thread(target=collect)
            thread.start()
            waited = not done.wait(0.1)
            content = store.read(Digest.of(b"one"))
        thread.join()

        assert (waited, content) == (True, b"one")
        assert list(store.entries()) == []

    def test_builds_never_lose_a_blob(self, store: Store) -> None:
        """However often something collects meanwhile."""
        stop = threading.Event()

        def collect() -> None:
            while not stop.is_set():
                store.collect(unused_for=0, now=int(time.time()))

        def build(number: int) -> bytes:
            content = b"%d" % (number % 7)
            with store.in_use():
                return store.read(store.add([content]).digest)

        thread = threading.Thread(target=collect)
        thread.start()
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(build, range(50)))
        stop.set()
        thread.join()

        assert [b"%d" % (number % 7) for number in range(50)] == results


class TestLeftovers:
    """Drafts of the dead are tidied up by the next run."""

    def test_they_go_and_those_of_the_living_stay(self, store: Store) -> None:
        """Whatever process number they have in their name."""
        dead = store.root / "tmp" / f"{os.getpid()}-0123456789abcdef.tmp"
        dead.write_bytes(b"left over")
        (store.root / "tmp" / "directory").mkdir()
        with new_draft(store.root / "tmp") as draft:
            Store.open(store.root)
            seen = {path.name for path in (store.root / "tmp").iterdir()}

        assert {draft.path.name, "directory"} == seen

    def test_a_draft_that_was_cleaned_too_soon_is_made_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between being created and being locked it looks like a leftover."""
        import fcntl

        lock = fcntl.flock
        cleaned: list[Path] = []

        def late(descriptor: int, operation: int) -> None:
            if not cleaned:
                cleaned.extend((store.root / "tmp").iterdir())
                cleaned[0].unlink()
            lock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", late)
        blob = store.add([b"content"])

        assert len(cleaned) == 1
        assert store.read(blob.digest) == b"content"

    def test_a_link_in_the_place_of_a_download_is_refused(self, store: Store) -> None:
        """Nothing is written through it."""
        path = store.root / "partial" / KEY.hex
        path.symlink_to(store.root / "outside")

        with pytest.raises(HostError):
            store.put(lambda _offset: [b"key"], digest=KEY, size=3, what="x")
        assert not (store.root / "outside").exists()
