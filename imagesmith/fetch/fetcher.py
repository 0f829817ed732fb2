"""The loop: ask, stream, and ask for the rest when the connection breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Self

from imagesmith.errors import UsageError
from imagesmith.fetch import local, web
from imagesmith.fetch.transfer import Interrupted, Transfer, redacted
from imagesmith.fetch.web import Options, Web

MAX_WAIT = 30.0
"""Seconds between two tries at most, whatever the server asks for."""


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
            yield from self._tried(location, transfer)
            return
        path = local.local_path(location)
        if path is None:
            problem = f"{transfer.what}: neither http, https nor a local file"
            raise UsageError(problem=problem)
        yield from local.stream(path, transfer)

    def _tried(self, location: str, transfer: Transfer) -> Iterator[bytes]:
        """Yield what each try brings until the file is complete or trying is vain."""
        deadline = self._clock() + self._options.timeout_total
        failures = 0
        while not transfer.is_complete:
            before = transfer.position
            try:
                yield from self._once(location, transfer, deadline)
            except Interrupted as interruption:
                failures = 1 if transfer.position > before else failures + 1
                if failures > self._options.retries:
                    raise transfer.failure(str(interruption), temporary=True) from interruption
                wait = max(interruption.wait, self._options.backoff * 2.0 ** (failures - 1))
                self._expect_time(deadline, transfer)
                transfer.again(str(interruption))
                self._sleep(min(wait, MAX_WAIT))
            else:
                return

    def _once(self, location: str, transfer: Transfer, deadline: float) -> Iterator[bytes]:
        with self._web.answer(location, transfer) as response:
            start = transfer.accept(response.status, response.headers)
            known = transfer.position - start  # of the body: a range was asked for in vain
            for chunk in web.chunks(response, transfer):
                self._expect_time(deadline, transfer)
                fresh = chunk[known:]
                known -= len(chunk) - len(fresh)
                if fresh:
                    yield transfer.give(fresh)
            transfer.end(chunked="Transfer-Encoding" in response.headers)

    def _expect_time(self, deadline: float, transfer: Transfer) -> None:
        if self._clock() > deadline:
            limit = self._options.timeout_total
            raise transfer.failure(f"not complete after {limit:g} seconds")
