"""What a store has seen it never forgets by itself, and damage never reads as "nothing"."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders.faults import injected, traced
from hypothesis import given, settings
from hypothesis import strategies as st

import imagesmith
from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.store import Problem, Store, memory

CHILD = """
import sys
from pathlib import Path
from imagesmith.errors import HostError
from imagesmith.store import Store
def one_more(before):
    return str(int(before or b"0") + 1).encode()
store = Store.open(Path(sys.argv[1]))
try:
    for _ in range(int(sys.argv[2])):
        store.remember("count", "curl", one_more)
except HostError as error:
    print(error.message)
    sys.exit(2)
"""
HINT = "put back what was there; if you remove it, what it guards against is forgotten"


def counting(root: Path, times: int, *prefix: str) -> subprocess.Popen[str]:
    """Start a process that counts in the store's memory."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-B", "-c", CHILD, str(root), str(times)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(imagesmith.__file__).parents[1])},
    )


def counted(root: Path, *prefix: str) -> tuple[int, str]:
    """Count once in a process of its own; return how it ended and what it said."""
    child = counting(root, 1, *prefix)
    said = child.communicate(timeout=60)[0]
    return child.returncode, said


def always(content: bytes) -> Callable[[bytes | None], bytes]:
    """Return a change to `content`, whatever was there."""
    return lambda _before: content


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Open a store that remembers one thing."""
    opened = Store.open(tmp_path / "store")
    opened.remember("accepted", "curl", always(b"serial = 3\n"))
    return opened


def place(store: Store, key: str = "curl") -> Path:
    """Return the file of a memory."""
    return store.layout.memory("accepted", key)


class TestRemember:
    """One key, one content, until it is changed."""

    def test_what_is_remembered_is_recalled(self, store: Store) -> None:
        """By another process as well, and nothing else is."""
        again = Store.open(store.root)

        assert again.recall("accepted", "curl") == b"serial = 3\n"
        assert again.recall("accepted", "Curl") is None
        assert again.recall("releases", "curl") is None

    def test_people_can_read_it(self, store: Store) -> None:
        """The file is named by the sha256 of its first line, which is the key."""
        digest = Digest.of(b"serial = 3\n")
        path = store.root / "memory" / "accepted" / Digest.of(b"curl").hex

        assert path.read_bytes() == b"curl\n%s\nserial = 3\n" % str(digest).encode()
        assert stat.S_IMODE(path.stat().st_mode) == 0o444

    def test_a_change_sees_what_was_there(self, store: Store) -> None:
        """And None where nothing was; None as its result changes nothing."""
        seen: list[bytes | None] = []

        def leave(before: bytes | None) -> None:
            seen.append(before)

        store.remember("accepted", "curl", leave)
        store.remember("accepted", "jq", leave)

        assert seen == [b"serial = 3\n", None]
        assert store.recall("accepted", "curl") == b"serial = 3\n"
        assert store.recall("accepted", "jq") is None

    def test_the_same_content_is_not_written_again(self, store: Store) -> None:
        """A store at rest stays as it is."""
        before = place(store).stat()
        store.remember("accepted", "curl", always(b"serial = 3\n"))

        assert place(store).stat() == before

    @settings(deadline=None, max_examples=25)
    @given(key=st.text(max_size=20), content=st.binary(max_size=50))
    def test_any_key_and_any_content_will_do(
        self, tmp_path_factory: pytest.TempPathFactory, key: str, content: bytes
    ) -> None:
        """Line ends, colons, surrogates, nothing at all; the name and the first line agree."""
        opened = Store.open(tmp_path_factory.getbasetemp() / "any")
        opened.remember("any", key, always(content))
        path = opened.layout.memory("any", key)

        assert opened.recall("any", key) == content
        assert Digest.of(path.read_bytes().split(b"\n")[0]).hex == path.name
        assert list(opened.verify()) == []

    def test_too_much_is_refused_before_it_is_kept(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What could not be recalled later is not remembered."""
        monkeypatch.setattr(memory, "MAX_SIZE", 100)
        with pytest.raises(HostError) as e:
            store.remember("accepted", "curl", always(bytes(100)))

        assert e.value == HostError(
            path=str(place(store)), problem="would be larger than 100 bytes"
        )
        assert store.recall("accepted", "curl") == b"serial = 3\n"

    def test_a_change_that_fails_changes_nothing(self, store: Store) -> None:
        """Its error passes through, and the next change is not kept waiting."""

        def fail(_before: bytes | None) -> bytes:
            raise KeyError("no")

        with pytest.raises(KeyError):
            store.remember("accepted", "curl", fail)
        store.remember("accepted", "curl", always(b"4"))

        assert store.recall("accepted", "curl") == b"4"

    @pytest.mark.parametrize("kind", ["", ".", "../x", "a/b", "Accepted", "a\n"])
    def test_a_kind_is_a_short_word(self, store: Store, kind: str) -> None:
        """Anything else is a mistake of the caller."""
        with pytest.raises(ValueError, match="not a kind of memory"):
            store.recall(kind, "curl")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "is not a regular file": lambda path: path.symlink_to("/dev/null"),
    "is not a regular file ": lambda path: path.symlink_to("nowhere"),
    "is not a regular file  ": os.mkfifo,
    "is not a regular file   ": lambda path: path.mkdir(),
    "does not have the digest it says": lambda path: path.write_bytes(b""),
    "does not have the digest it says ": lambda path: path.write_bytes(b"curl\nsha256:0\n3\n"),
    "remembers 'jq', not 'curl'": lambda path: path.write_bytes(
        b"jq\n%s\n3" % str(Digest.of(b"3")).encode()
    ),
    "remembers '�', not 'curl'": lambda path: path.write_bytes(
        b"\xff\n%s\n" % str(Digest.of(b"")).encode()
    ),
    f"is larger than {memory.MAX_SIZE} bytes": lambda path: path.write_bytes(
        bytes(memory.MAX_SIZE + 1)
    ),
}


class TestDamage:
    """What is there and cannot be read is never taken for nothing."""

    @pytest.mark.parametrize("problem", DAMAGE)
    def test_it_is_an_error_with_the_file(self, store: Store, problem: str) -> None:
        """Asked or told, and `verify` lists it."""
        path = place(store)
        path.unlink()
        DAMAGE[problem](path)
        expected = HostError(
            path=str(path), problem=problem.rstrip().replace("\\n", "\\\\n"), hint=HINT
        )
        with pytest.raises(HostError) as recalling:
            store.recall("accepted", "curl")
        with pytest.raises(HostError) as remembering:
            store.remember("accepted", "curl", always(b"4"))

        assert recalling.value == expected
        assert remembering.value == expected
        assert [each.path for each in store.verify()] == [str(path)]

    @pytest.mark.parametrize("length", range(0, 90, 7))
    def test_a_file_cut_short_is_damaged(self, store: Store, length: int) -> None:
        """Wherever the end is missing."""
        path = place(store)
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:length])
        with pytest.raises(HostError):
            store.recall("accepted", "curl")

    def test_what_may_not_be_read_is_an_error(self, store: Store) -> None:
        """As a kind that is no directory is."""
        (store.root / "memory" / "releases").touch()
        with pytest.raises(HostError) as recalling:
            store.recall("releases", "x")
        with pytest.raises(HostError):
            store.remember("releases", "x", always(b""))

        assert recalling.value.problem == "not a directory"

    def test_verify_knows_what_belongs(self, store: Store) -> None:
        """Other names, other keys' names, and kinds that are none."""
        here = store.root / "memory"
        place(store, "jq").write_bytes(place(store).read_bytes())
        for stranger in ("Odd/x", "accepted/notes"):
            (here / stranger).parent.mkdir(exist_ok=True)
            (here / stranger).touch()
        (here / "link").symlink_to(here / "accepted")
        (here / "file").touch()
        found = [Problem(os.path.relpath(p.path, here), p.problem) for p in store.verify()]

        stranger = "does not belong in a store"
        assert sorted(found) == [
            Problem("Odd", stranger),
            Problem(f"accepted/{place(store, 'jq').name}", "has another key's name"),
            Problem("accepted/notes", stranger),
            Problem("file", stranger),
            Problem("link", stranger),
        ]

    def test_a_memory_that_goes_while_it_is_looked_at_is_no_damage(self, store: Store) -> None:
        """Somebody chose to forget."""
        assert memory.damage(place(store, "gone")) is None


class TestLife:
    """Who else uses the store, and what happens to it."""

    def test_collecting_removes_nothing(self, store: Store) -> None:
        """However long it was not asked for."""
        store.collect(unused_for=0, now=2**40)

        assert store.recall("accepted", "curl") == b"serial = 3\n"

    def test_processes_and_threads_lose_nothing(self, tmp_path: Path) -> None:
        """Two processes count to fifty each, and four threads to ten."""
        opened = Store.open(tmp_path / "store")
        children = [counting(opened.root, 50) for _ in range(2)]

        def count(_thread: int) -> None:
            for _ in range(10):
                opened.remember("count", "curl", lambda n: str(int(n or b"0") + 1).encode())

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(count, range(4)))

        assert [child.communicate(timeout=60)[0] for child in children] == ["", ""]
        assert opened.recall("count", "curl") == b"140"

    @pytest.mark.parametrize(
        ("call", "when"),
        [("write", 1), ("fsync", 1), ("fsync", 2), ("rename", 1), ("fchmod", 2), ("flock", 1)],
    )
    def test_death_leaves_the_old_or_the_new(self, tmp_path: Path, call: str, when: int) -> None:
        """Killed at any of these calls, and the next process goes on from there."""
        root = tmp_path / "store"
        counted(root)
        status, _ = counted(root, *injected(call, f"signal=KILL:when={when}"))
        opened = Store.open(root)

        assert status != 0
        assert opened.recall("count", "curl") in (b"1", b"2")
        assert list(opened.verify()) == []
        assert list((root / "tmp").iterdir()) == []

    @pytest.mark.parametrize("call", ["write", "fsync", "rename", "flock"])
    def test_a_fault_of_the_disk_is_an_error_and_the_old_stays(
        self, tmp_path: Path, call: str
    ) -> None:
        """Nothing is remembered by half."""
        root = tmp_path / "store"
        counted(root)
        status, said = counted(root, *injected(call, "error=EIO:when=1"))

        assert status == 2
        assert "input/output error" in said
        assert Store.open(root).recall("count", "curl") == b"1"

    def test_a_new_kind_is_on_disk_before_anything_is_in_it(self, tmp_path: Path) -> None:
        """A loss of power cannot take the directory from under the file."""
        root = tmp_path / "store"
        Store.open(root)
        log = tmp_path / "log"
        counted(root, *traced("-e", "trace=fsync,rename,mkdir", log=log))
        calls = re.findall(r"(?<= )\w+(?=\()", log.read_text())

        assert calls == ["mkdir", "fsync", "fsync", "fsync", "rename", "fsync"]
