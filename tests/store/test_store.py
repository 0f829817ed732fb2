"""What goes in comes out, or an error does."""

from __future__ import annotations

import gc
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import HostError, ImagesmithError, IntegrityError, NetworkError
from imagesmith.model.digest import Digest
from imagesmith.store import Blob, Store, forget_pages
from imagesmith.store.store import TOUCH_INTERVAL

CONTENT = bytes(range(256)) * 8000
DIGEST = Digest.of(CONTENT)
WHAT = "curl 7.88.1-10 (amd64)"


class Source:
    """Streams its content, as often as asked, and fails where told to."""

    def __init__(self, content: bytes = CONTENT, *, break_at: int | None = None) -> None:
        """Break off, if at all, at that byte of the content."""
        self.content = content
        self.break_at = break_at
        self.offsets: list[int] = []

    def __call__(self, offset: int) -> Iterator[bytes]:
        """Stream from `offset` on."""
        self.offsets.append(offset)
        for start in range(offset, len(self.content), 10_000):
            end = start + 10_000
            if self.break_at is not None and end > self.break_at:
                yield self.content[start : self.break_at]
                raise NetworkError(what=WHAT, problem="the connection was lost")
            yield self.content[start:end]


def _resident(path: Path) -> int:
    """Return how many bytes of a mapped file are in this process's memory (proc(5))."""
    maps = Path("/proc/self/smaps").read_text()
    entry = maps.partition(f"{path}\n")[2]
    return int(entry.partition("Rss:")[2].split()[0]) * 1024


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Open an empty store."""
    return Store.open(tmp_path / "store")


def put(store: Store, source: Source, content: bytes = CONTENT) -> Blob:
    """Ask for `content` and offer what `source` has."""
    return store.put(source, digest=Digest.of(content), size=len(content), what=WHAT)


def files(store: Store) -> list[str]:
    """Return every file below the store's directory but its lock, relative and sorted."""
    found = (path for path in store.root.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(store.root)) for path in found if path.name != "lock")


def place(digest: Digest) -> str:
    """Return where a blob belongs."""
    return f"blobs/sha256/{digest.hex[:2]}/{digest.hex}"


class TestAdd:
    """Bytes made here are named by their digest."""

    @given(st.lists(st.binary(max_size=50), max_size=5))
    @settings(deadline=None, max_examples=25)
    def test_what_was_added_can_be_read(
        self, tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
    ) -> None:
        """Read whole, in chunks or mapped, found and listed."""
        store = Store.open(tmp_path_factory.mktemp("store"))
        content = b"".join(chunks)
        blob = store.add(map(memoryview, chunks))

        assert Blob(Digest.of(content), len(content)) == blob
        assert content == store.read(blob.digest)
        assert content == b"".join(store.chunks(blob.digest))
        with store.map(blob.digest) as view:
            assert content == bytes(view)
        assert blob == store.find(blob.digest)
        assert [blob] == list(store.entries())
        assert list(store.verify()) == []

    def test_it_leaves_one_file_that_nobody_writes_to(self, store: Store) -> None:
        """0444, in 0755 directories, and nothing beside it."""
        path = store.root / place(store.add([CONTENT]).digest)
        modes = [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, path.parent.parent)]

        assert [place(DIGEST)] == files(store)
        assert modes == [0o444, 0o755, 0o755]

    def test_a_failing_producer_leaves_nothing(self, store: Store) -> None:
        """Its exception comes through."""
        with pytest.raises(NetworkError):
            store.add(Source(break_at=30_000)(0))

        assert files(store) == []

    def test_adding_mends(self, store: Store) -> None:
        """A damaged blob is replaced by the right bytes, whatever it was."""
        path = store.root / place(store.add([CONTENT]).digest)
        damages: tuple[Callable[[], None], ...] = (
            path.touch,
            path.mkdir,
            lambda: path.symlink_to("/dev/null"),
        )
        for damage in damages:
            path.unlink() if path.is_file() else path.rmdir()
            damage()
            store.add([CONTENT])

            assert store.read(DIGEST) == CONTENT
            assert list(store.verify()) == []

    def test_threads_may_add_at_a_time(self, store: Store) -> None:
        """The same content and others."""
        contents = [b"%d" % (n % 10) * 1000 for n in range(60)]
        with ThreadPoolExecutor(8) as pool:
            blobs = list(pool.map(lambda content: store.add([content]), contents))

        assert [Digest.of(content) for content in contents] == [blob.digest for blob in blobs]
        assert sorted(set(blobs)) == list(store.entries())


class TestPut:
    """Bytes from elsewhere are let in under the digest they must have."""

    def test_what_is_missing_is_fetched_once(self, store: Store) -> None:
        """The second time nobody is asked."""
        source = Source()
        blobs = [put(store, source), put(store, source)]

        assert [Blob(DIGEST, len(CONTENT))] * 2 == blobs
        assert source.offsets == [0]
        assert [place(DIGEST)] == files(store)

    def test_an_empty_artefact_is_one(self, store: Store) -> None:
        """Nothing is a content too."""
        assert Blob(Digest.of(b""), 0) == put(store, Source(b""), b"")

    @pytest.mark.parametrize(
        ("offered", "expected", "got"),
        [
            (CONTENT[:-1], f"{len(CONTENT)} bytes", f"{len(CONTENT) - 1}"),
            (b"", f"{len(CONTENT)} bytes", "0"),
            (CONTENT + b"x", f"{len(CONTENT)} bytes", "more"),
            (CONTENT * 9, f"{len(CONTENT)} bytes", "more"),
            (CONTENT[::-1], str(DIGEST), str(Digest.of(CONTENT[::-1]))),
        ],
    )
    def test_other_bytes_are_refused(
        self, store: Store, offered: bytes, expected: str, got: str
    ) -> None:
        """Nothing of them is kept."""
        with pytest.raises(IntegrityError) as raised:
            put(store, Source(offered))

        assert IntegrityError(what=WHAT, expected=expected, got=got) == raised.value
        assert files(store) == []

    def test_an_endless_source_is_left_at_the_first_byte_too_many(self, store: Store) -> None:
        """It is not read to its end."""
        with pytest.raises(IntegrityError):
            store.put(
                lambda _offset: iter(lambda: b"zero", None), digest=DIGEST, size=10, what=WHAT
            )

    def test_an_interrupted_download_goes_on(self, store: Store) -> None:
        """From the byte where it broke off, in this process or another."""
        with pytest.raises(NetworkError):
            put(store, Source(break_at=555_555))
        kept = files(store)
        source = Source()

        assert [f"partial/{DIGEST.hex}"] == kept
        assert Blob(DIGEST, len(CONTENT)) == put(Store.open(store.root), source)
        assert source.offsets == [555_555]
        assert [place(DIGEST)] == files(store)

    def test_a_download_that_never_began_leaves_nothing(self, store: Store) -> None:
        """No empty file either."""
        with pytest.raises(NetworkError):
            put(store, Source(break_at=0))

        assert files(store) == []

    @pytest.mark.parametrize(
        ("kept", "offsets"),
        [
            (CONTENT, []),
            (CONTENT[:1000], [1000]),
            (b"rot" + CONTENT[3:1000], [1000, 0]),
            (CONTENT[::-1], [0]),
            (CONTENT + b"more", [0]),
        ],
    )
    def test_what_was_kept_is_not_trusted(
        self, store: Store, kept: bytes, offsets: list[int]
    ) -> None:
        """It is hashed again, and dropped where it turns out to be wrong."""
        (store.root / "partial" / DIGEST.hex).write_bytes(kept)
        source = Source()

        assert Blob(DIGEST, len(CONTENT)) == put(store, source)
        assert offsets == source.offsets

    def test_wrong_bytes_after_a_break_are_not_kept_either(self, store: Store) -> None:
        """The next mirror starts from nothing."""
        with pytest.raises(NetworkError):
            put(store, Source(break_at=1000))
        bad = Source(CONTENT[::-1])
        with pytest.raises(IntegrityError):
            put(store, bad)

        assert bad.offsets == [1000, 0]
        assert files(store) == []

    def test_a_fetcher_that_finds_the_wrong_size_leaves_nothing(self, store: Store) -> None:
        """What it gave before was of another file."""
        wrong = IntegrityError(what=WHAT, expected="5 bytes", got="6")

        def fetch(_offset: int) -> Iterator[bytes]:
            yield b"some"
            raise wrong

        with pytest.raises(IntegrityError) as raised:
            store.put(fetch, digest=DIGEST, size=5, what=WHAT)
        assert wrong is raised.value
        assert files(store) == []

    def test_a_blob_of_another_size_is_fetched_again(self, store: Store) -> None:
        """Its size gives it away without a hash."""
        path = store.root / place(put(store, Source()).digest)
        os.truncate(path, 100)

        assert Blob(DIGEST, len(CONTENT)) == put(store, Source())
        assert store.read(DIGEST) == CONTENT

    def test_two_at_a_time_fetch_once(self, store: Store) -> None:
        """The second waits for the first and asks nobody."""
        source = Source()
        begun, go_on = threading.Event(), threading.Event()

        def slowly(offset: int) -> Iterator[bytes]:
            begun.set()
            go_on.wait(5)
            yield from source(offset)

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(store.put, slowly, digest=DIGEST, size=len(CONTENT), what=WHAT)
            begun.wait(5)
            second = pool.submit(put, store, source)
            go_on.set()

            assert first.result() == second.result()
        assert source.offsets == [0]
        assert [place(DIGEST)] == files(store)

    def test_something_else_in_the_place_of_a_download_is_refused(self, store: Store) -> None:
        """A FIFO would wait for ever."""
        path = store.root / "partial" / DIGEST.hex
        os.mkfifo(path)

        with pytest.raises(HostError) as raised:
            put(store, Source())
        expected = HostError(path=str(path), problem="is not a regular file", hint="remove it")
        assert expected == raised.value


def flip(path: Path) -> None:
    """Change one bit."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(bytes([CONTENT[1000 % 256] ^ 1]))


def append(path: Path) -> None:
    """Add a byte."""
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"x")


def truncate(path: Path) -> None:
    """Lose the end."""
    path.chmod(0o644)
    os.truncate(path, 1000)


def to_symlink(path: Path) -> None:
    """Turn it into a link to a copy."""
    path.rename(path.with_name("copy"))
    path.symlink_to("copy")


def to_directory(path: Path) -> None:
    """Turn it into a directory."""
    path.unlink()
    path.mkdir()


def to_fifo(path: Path) -> None:
    """Turn it into a pipe that nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def to_another(path: Path) -> None:
    """Turn it into a hard link to another blob."""
    other = path.with_name("other")
    other.write_bytes(b"other")
    path.unlink()
    path.hardlink_to(other)


CHANGED = (flip, append, truncate, to_another)
REPLACED = (to_symlink, to_directory, to_fifo)


class TestTampering:
    """Whatever happened to a blob is noticed on use, and mended."""

    @pytest.mark.parametrize("tamper", [*CHANGED, *REPLACED, Path.unlink])
    def test_it_is_noticed_and_mended(self, store: Store, tamper: Callable[[Path], None]) -> None:
        """Reading fails and sets it aside; the next put fetches again."""
        path = store.root / place(put(store, Source()).digest)
        tamper(path)
        with pytest.raises(IntegrityError) as raised:
            store.read(DIGEST)
        with pytest.raises(IntegrityError) as again:
            list(store.chunks(DIGEST))
        gone = store.find(DIGEST)
        source = Source()
        put(store, source)

        assert (str(path), str(DIGEST)) == (raised.value.what, raised.value.expected)
        assert again.value.got == "no file"
        assert gone is None
        assert source.offsets == [0]
        assert store.read(DIGEST) == CONTENT

    @pytest.mark.parametrize("tamper", REPLACED)
    def test_only_regular_files_are_blobs(
        self, store: Store, tamper: Callable[[Path], None]
    ) -> None:
        """They are neither found nor mapped, and a put replaces them at once."""
        tamper(store.root / place(put(store, Source()).digest))

        assert store.find(DIGEST) is None
        with pytest.raises(IntegrityError), store.map(DIGEST):
            raise AssertionError
        assert Blob(DIGEST, len(CONTENT)) == put(store, Source())
        assert store.read(DIGEST) == CONTENT

    def test_quarantine_keeps_everything(self, store: Store) -> None:
        """Twice the same blob too, and nothing is no reason to complain."""
        for _ in range(2):
            put(store, Source())
            store.quarantine(DIGEST)
        store.quarantine(DIGEST)

        assert [DIGEST.hex] * 2 == [Path(file).stem for file in files(store)]
        assert list(store.entries()) == []

    def test_a_swap_while_reading_is_no_success(self, store: Store) -> None:
        """What `chunks` yields was hashed: right to the end, or an error."""
        path = store.root / place(put(store, Source()).digest)
        path.chmod(0o644)
        stop = threading.Event()

        def tamper() -> None:
            while not stop.is_set():
                with suppress(FileNotFoundError):  # set aside
                    flip(path)
                path.write_bytes(CONTENT)

        thread = threading.Thread(target=tamper)
        thread.start()
        try:
            for _ in range(100):
                try:
                    assert store.read(DIGEST) == CONTENT
                except IntegrityError:
                    continue
        finally:
            stop.set()
            thread.join()


class TestSpans:
    """A blob can be read slice by slice."""

    def test_slices_are_the_bytes_at_an_offset(self, store: Store) -> None:
        """In any order; the last one is short."""
        store.add([CONTENT])
        with store.spans(DIGEST) as read:
            end, start, beyond = read(len(CONTENT) - 5, 10), read(3, 7), read(len(CONTENT), 1)

        assert (start, end, beyond) == (CONTENT[3:10], CONTENT[-5:], b"")

    def test_what_is_no_blob_cannot_be_read(self, store: Store) -> None:
        """As for every other way."""
        with pytest.raises(IntegrityError), store.spans(DIGEST):
            raise AssertionError("lent what is not there")


class TestMap:
    """A blob can be looked at without being copied."""

    def test_forgotten_pages_come_back(self, store: Store) -> None:
        """The memory is given back, the bytes are not; what is no mapping is left alone."""
        store.add([CONTENT])
        with store.map(DIGEST) as view:
            before = bytes(view)
            resident = _resident(store.layout.blob(DIGEST))
            forget_pages(view)
            after = _resident(store.layout.blob(DIGEST))

            assert (before, bytes(view)) == (CONTENT, CONTENT)
        forget_pages(memoryview(b"no mapping"))

        assert resident >= len(CONTENT)
        assert after == 0

    def test_slices_may_outlive_it(self, store: Store) -> None:
        """The mapping goes with the last of them."""
        store.add([CONTENT])
        with store.map(DIGEST) as view:
            part = view[10:20]

        assert CONTENT[10:20] == bytes(part)

    def test_an_error_inside_comes_through(self, store: Store) -> None:
        """Whatever slices the traceback holds."""
        store.add([CONTENT])

        def use() -> None:
            with store.map(DIGEST) as view:
                part = view[10:20]
                raise NetworkError(what=WHAT, problem=part.hex())

        with pytest.raises(NetworkError):
            use()

    def test_descriptors_are_given_back(self, store: Store) -> None:
        """However often, and whichever way a blob is read."""
        store.add([CONTENT])
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            with store.map(DIGEST):
                store.read(DIGEST)
            next(store.chunks(DIGEST))
            put(store, Source())
            store.derive("index", DIGEST, DIGEST)
            with store.in_use():
                store.derived("index", DIGEST)
        gc.collect()

        assert before == len(list(Path("/proc/self/fd").iterdir()))


class TestDerived:
    """Results are remembered by what they are a function of."""

    KEY = Digest.of(b"key")

    def test_the_last_one_told_is_remembered(self, store: Store) -> None:
        """For its kind and its key only."""
        first, second = store.add([b"first"]), store.add([b"second"])
        before = store.derived("index", self.KEY)
        store.derive("index", self.KEY, first.digest)
        store.derive("index", self.KEY, second.digest)

        assert before is None
        assert second.digest == store.derived("index", self.KEY)
        assert store.derived("layer", self.KEY) is None
        assert store.derived("index", first.digest) is None

    def test_it_is_forgotten_with_the_blob(self, store: Store) -> None:
        """There is no claim without bytes to check it."""
        store.derive("index", self.KEY, DIGEST)

        assert store.derived("index", self.KEY) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            b"",
            b"sha256:",
            b"md5:00\n",
            f"{DIGEST}\nmore".encode(),
            f"sha256:{'A' * 64}".encode(),
            b"\xff" * 72,
            str(DIGEST).encode() * 9,
        ],
    )
    def test_a_damaged_pointer_points_nowhere(self, store: Store, wrong: bytes) -> None:
        """It is as good as none, and is replaced."""
        store.add([CONTENT])
        store.derive("index", self.KEY, DIGEST)
        path = store.root / "derived" / "index" / self.KEY.hex[:2] / self.KEY.hex
        path.chmod(0o644)
        path.write_bytes(wrong)
        damaged = store.derived("index", self.KEY)
        store.derive("index", self.KEY, DIGEST)

        assert damaged is None
        assert store.derived("index", self.KEY) == DIGEST

    def test_a_link_is_no_pointer(self, store: Store) -> None:
        """Nor is a directory."""
        store.add([CONTENT])
        store.derive("index", self.KEY, DIGEST)
        path = store.root / "derived" / "index" / self.KEY.hex[:2] / self.KEY.hex
        to_symlink(path)
        linked = store.derived("index", self.KEY)
        path.unlink()
        path.mkdir()

        assert linked is None
        assert store.derived("index", self.KEY) is None

    @pytest.mark.parametrize("kind", ["", "..", "a/b", "Index", ".x", "a\n"])
    def test_kinds_have_plain_names(self, store: Store, kind: str) -> None:
        """Anything else is a mistake of the caller."""
        with pytest.raises(ValueError, match="not a kind of derivation"):
            store.derive(kind, DIGEST, DIGEST)


class TestUse:
    """The store knows when something was used last."""

    @pytest.mark.parametrize(
        "use",
        [
            lambda store: store.find(DIGEST),
            lambda store: store.derived("index", DIGEST),
            lambda store: store.map(DIGEST).__enter__(),
            lambda store: put(store, Source()),
        ],
    )
    def test_a_use_is_noted_once_a_day(
        self, tmp_path: Path, use: Callable[[Store], object]
    ) -> None:
        """Not before a day is over, so that reading hardly ever writes."""
        now = [0.0]
        store = Store.open(tmp_path / "store", clock=lambda: now[0])
        path = store.root / place(store.add([CONTENT]).digest)
        store.derive("index", DIGEST, DIGEST)
        os.utime(path, (1000, 1000))
        seen = []
        for now[0] in (1000 + TOUCH_INTERVAL - 1, 1000 + TOUCH_INTERVAL, 5.0):
            use(store)
            seen.append(path.stat().st_mtime)

        assert seen == [1000, 1000 + TOUCH_INTERVAL, 5.0]
        assert store.read(DIGEST) == CONTENT

    def test_errors_are_ours(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A disk that cannot be read is the host's fault, not the blob's."""
        store.add([CONTENT])

        def fail(*_: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "read", fail)
        with pytest.raises(ImagesmithError) as raised:
            store.read(DIGEST)

        assert isinstance(raised.value, HostError)
        assert raised.value.problem == "input/output error"
        assert raised.value.hint is not None
