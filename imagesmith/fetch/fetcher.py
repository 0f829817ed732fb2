"""Streams from locations, whatever their kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Self

from imagesmith.errors import UsageError
from imagesmith.fetch import local, web
from imagesmith.fetch.answer import Answer
from imagesmith.fetch.resuming import resumed
from imagesmith.fetch.transfer import Transfer, redacted
from imagesmith.fetch.web import Options, Web


class Fetcher:
    """Streams from locations over one pool of connections; threads may share it."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        environ: Mapping[str, str] = MappingProxyType({}),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `http_proxy` and the like from `environ` unless the options name a proxy."""
        self._options = options or Options()
        self._web = Web(self._options, environ)
        self._sleep = sleep
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def stream(
        self, location: str, *, size: int | None, limit: int, offset: int = 0
    ) -> Iterator[bytes]:
        """Yield the bytes at an http(s) or file URL or absolute path, from `offset` on.

        `size` is the exact length of the whole, `limit` the greatest acceptable.
        NetworkError if it cannot be had, IntegrityError if its length is wrong.
        """
        transfer = Transfer(what=redacted(location), size=size, limit=limit, position=offset)
        if location.lower().startswith(("http://", "https://")):
            yield from resumed(
                transfer,
                partial(self._answer, location, transfer),
                self._options,
                sleep=self._sleep,
                clock=self._clock,
            )
            return
        path = local.local_path(location)
        if path is None:
            problem = f"{transfer.what}: neither http, https nor a local file"
            raise UsageError(problem=problem)
        yield from local.stream(path, transfer)

    @contextmanager
    def _answer(self, location: str, transfer: Transfer) -> Iterator[Answer]:
        with self._web.answer(location, transfer) as response:
            yield Answer(
                what=transfer.what,
                url=location,
                status=response.status,
                headers=response.headers,
                chunks=web.chunks(response, transfer.failure),
            )
