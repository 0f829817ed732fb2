"""Reading the contents of files, verified on the very bytes that are used.

A file's digest was taken when its package was indexed.  Hashing again while the
bytes are copied into a layer means that nothing damaged or exchanged in the
store since then can reach an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from imagesmith.errors import IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.store import Store

CHUNK = 1024 * 1024


class Contents:
    """Files of a tree by their spans; blobs stay mapped until it is closed."""

    def __init__(self, store: Store) -> None:
        """Read spans of blobs in `store`."""
        self._store = store
        self._stack = ExitStack()
        self._views: dict[Digest, memoryview] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._views.clear()
        self._stack.__exit__(kind, error, trace)

    def chunks(self, file: File) -> Iterator[memoryview]:
        """Yield a file's content; IntegrityError after the last chunk if it is not the indexed one.

        The chunks are valid until the next one is asked for.
        """
        view = self._view(file)
        running = hashlib.sha256()
        for start in range(0, file.size, CHUNK):
            chunk = view[start : start + CHUNK]
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

    def _view(self, file: File) -> memoryview:
        content = file.content
        if not isinstance(content, Span):
            return memoryview(content)
        view = self._views.get(content.blob)
        if view is None:
            view = self._stack.enter_context(self._store.map(content.blob))
            self._views[content.blob] = view
        return view[content.offset : content.offset + file.size]
