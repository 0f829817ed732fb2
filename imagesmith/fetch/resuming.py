"""The loop: ask, stream, and ask for the rest when the connection breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import attrs

from imagesmith.fetch.answer import Answer
from imagesmith.fetch.transfer import Interrupted, Transfer
from imagesmith.fetch.web import Options

MAX_WAIT = 30.0
"""Seconds between two tries at most, whatever the server asks for."""

Ask = Callable[[], AbstractContextManager[Answer]]
"""Sends the request that the transfer's headers describe by now."""


def resumed(
    transfer: Transfer,
    ask: Ask,
    options: Options,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """Yield what each try brings until the file is complete or trying is vain."""
    loop = _Loop(transfer, options, clock, clock() + options.timeout_total)
    failures = 0
    while not transfer.is_complete:
        before = transfer.position
        try:
            yield from loop.once(ask)
        except Interrupted as interruption:
            failures = 1 if transfer.position > before else failures + 1
            if failures > options.retries:
                raise transfer.failure(str(interruption), temporary=True) from interruption
            wait = max(interruption.wait, options.backoff * 2.0 ** (failures - 1))
            loop.expect_time()
            transfer.again(str(interruption))
            sleep(min(wait, MAX_WAIT))
        else:
            return


@attrs.frozen
class _Loop:
    transfer: Transfer
    options: Options
    clock: Callable[[], float]
    deadline: float

    def once(self, ask: Ask) -> Iterator[bytes]:
        with ask() as answer:
            start = self.transfer.accept(answer.status, answer.headers)
            known = self.transfer.position - start  # of the body: a range was asked for in vain
            for chunk in answer.chunks:
                self.expect_time()
                fresh = chunk[known:]
                known -= len(chunk) - len(fresh)
                if fresh:
                    yield self.transfer.give(fresh)
            self.transfer.end(chunked="Transfer-Encoding" in answer.headers)

    def expect_time(self) -> None:
        if self.clock() > self.deadline:
            limit = self.options.timeout_total
            raise self.transfer.failure(f"not complete after {limit:g} seconds")
