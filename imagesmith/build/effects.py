"""What the machine offers a build: the only way anything outside a manifest is reached.

None of it decides a byte of an image; it decides where bytes come from, how
fast, and who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import attrs

from imagesmith.store import Store

if TYPE_CHECKING:
    from imagesmith.trust.opinion import Opinion  # tracing reads no signature


class Stream(Protocol):
    """A way to fetch: `fetch.Fetcher.stream`."""

    def __call__(
        self, location: str, *, size: int | None, limit: int, offset: int = 0
    ) -> Iterator[bytes]:
        """Yield the bytes at `location` from `offset`."""


class Progress(Protocol):
    """Somebody to tell how far a stage is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note that `done` of `total` units of `stage` are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def unheard(text: str) -> None:
    """Tell nobody."""


@attrs.frozen(kw_only=True)
class Effects:
    """Store, network, clock and cores, as values to be passed in."""

    store: Store
    stream: Stream | None
    """None when offline."""
    mirrors: Callable[[str], tuple[str, ...]]
    """Base locations for a suite, in the order they are tried."""
    certificates: tuple[bytes, ...] = ()
    """OpenPGP certificates that archive keys are looked up in; they grant no trust."""
    opinion: Opinion | None = None
    """Who else must accept an archive's signature."""
    now: int
    """Seconds since 1970; signatures are judged at this time."""
    jobs: int = 1
    fresh: bool = False
    """Believe nothing that was derived from pinned bytes before: results, package indexes."""
    progress: Progress = silent
    note: Callable[[str], None] = unheard
    """Tells whoever asked for more; several threads may."""
    warn: Callable[[str], None] = unheard
    """Tells of what is odd and was accepted."""
