"""Reading the contents of files, verified on the very bytes that are used.

A file's digest was taken when its package was indexed.  Hashing again while the
bytes are copied into a layer means that nothing damaged or exchanged in the
store since then can reach an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Self

from imagesmith.errors import IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.store import ReadSpan, Store

CHUNK = 1024 * 1024


class Contents:
    """Files of a tree by their spans; blobs stay open until it is closed."""

    def __init__(self, store: Store) -> None:
        """Read spans of blobs in `store`."""
        self._store = store
        self._stack = ExitStack()
        self._readers: dict[Digest, ReadSpan] = {}
        self._views: dict[Digest, memoryview] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._readers.clear()
        self._views.clear()
        self._stack.__exit__(kind, error, trace)

    def chunks(self, file: File) -> Iterator[bytes]:
        """Yield a file's content; IntegrityError in the end if it is not the indexed one."""
        read = self._reader(file)
        running = hashlib.sha256()
        for start in range(0, file.size, CHUNK):
            chunk = read(start, min(CHUNK, file.size - start))
            running.update(chunk)
            yield chunk
        got = Digest(running.hexdigest())
        if got != file.digest:
            raise self._damaged(file, got)

    def _damaged(self, file: File, got: Digest) -> IntegrityError:
        """Set the blob of a damaged file aside, to be made anew by the next run."""
        where = "a generated file"
        if isinstance(file.content, Span):
            where = f"a file in blob {file.content.blob}"
            self._store.quarantine(file.content.blob)
        hint = "the damaged blob was set aside; run again"
        return IntegrityError(what=where, expected=str(file.digest), got=str(got), hint=hint)

    def read(self, file: File) -> bytes:
        """Return a file's whole content, verified."""
        return b"".join(self.chunks(file))

    def reader(self, tree: Tree) -> Callable[[str], bytes]:
        """Return how to read the regular files of `tree` by their paths."""

        def read(path: str) -> bytes:
            file = tree.file(path)
            assert file is not None, f"{path} is read and is no regular file"
            return self.read(file)

        return read

    def lender(self, tree: Tree) -> Callable[[str], AbstractContextManager[memoryview]]:
        """Return how to look at regular files of `tree` without copying them.

        Nothing is verified: for files whose bytes are verified at another time, and for
        conclusions that end a build rather than enter it.
        """

        @contextmanager
        def lend(path: str) -> Iterator[memoryview]:
            file = tree.file(path)
            assert file is not None, f"{path} is read and is no regular file"
            with self._mapped(file) as view:
                yield view

        return lend

    @contextmanager
    def _mapped(self, file: File) -> Iterator[memoryview]:
        content = file.content
        if not isinstance(content, Span):
            yield memoryview(content)
            return
        if content.blob not in self._views:
            mapped = self._stack.enter_context(self._store.map(content.blob))
            self._views[content.blob] = mapped
        with self._views[content.blob][content.offset : content.offset + file.size] as view:
            yield view

    def _reader(self, file: File) -> ReadSpan:
        """Return how to read slices of one file."""
        content = file.content
        if not isinstance(content, Span):
            return lambda start, size: content[start : start + size]
        blob = content.blob
        if blob not in self._readers:
            self._readers[blob] = self._stack.enter_context(self._store.spans(blob))
        read, offset = self._readers[blob], content.offset
        return lambda start, size: read(offset + start, size)
