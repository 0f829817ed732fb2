"""Requests that change something or ask in steps, as registries want them.

A `Client` sends one request and lends its answer.  It follows redirects of GET
and HEAD, never from https to http; what authorizes a request goes to the origin it
was made for and to no other.  A body has to come in time.  Trying again is left
to whoever knows whether that does harm: what may go well another time is
`Interrupted`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import attrs

from imagesmith.errors import NetworkError
from imagesmith.fetch import web
from imagesmith.fetch.answer import Answer
from imagesmith.fetch.transfer import Interrupted, redacted
from imagesmith.fetch.web import MAX_REDIRECTS, REDIRECTS, Options, Web

__all__ = ["AUTHORIZATION", "Client", "Interrupted", "Request", "moved", "origin"]

AUTHORIZATION = "Authorization"


@attrs.frozen(kw_only=True)
class Request:
    """One request; a body that is a function can be sent again."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | Callable[[], Iterable[bytes]] | None = None

    @property
    def what(self) -> str:
        """Name it for people."""
        return redacted(self.url)

    def failure(self, problem: str) -> NetworkError:
        """Return an error about it."""
        return NetworkError(what=self.what, problem=problem)


class Client:
    """Exchanges over one pool of connections; threads may share it."""

    def __init__(
        self,
        options: Options,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `http_proxy` and the like from `environ` unless the options name a proxy."""
        self._web = Web(options, environ)
        self._patience = options.timeout_total
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    @contextmanager
    def exchange(self, request: Request) -> Iterator[Answer]:
        """Send a request and lend its answer; NetworkError or `Interrupted` without one."""
        url = web.parsed(request.url, request.failure)
        follows = request.method in ("GET", "HEAD")
        for _ in range(MAX_REDIRECTS + 1):
            headers = {**request.headers, "Accept-Encoding": "identity", "User-Agent": "imagesmith"}
            if origin(urlunsplit(url)) != origin(request.url):
                headers.pop(AUTHORIZATION, None)
            body = request.body() if callable(request.body) else request.body
            with web.network_errors(request.failure):
                response = self._web.send(request.method, url, headers, body)
            try:
                if not follows or response.status not in REDIRECTS:
                    yield Answer(
                        what=request.what,
                        url=urlunsplit(url),
                        status=response.status,
                        headers=response.headers,
                        chunks=self._in_time(web.chunks(response, request.failure), request),
                    )
                    return
                url = web.redirected(url, response.headers.get("Location", ""), request.failure)
            finally:
                response.close()
        raise request.failure(f"more than {MAX_REDIRECTS} redirects")

    def _in_time(self, chunks: Iterator[bytes], request: Request) -> Iterator[bytes]:
        """Yield a body; whoever sends it drop by drop is left after a while."""
        deadline = self._clock() + self._patience
        for chunk in chunks:
            if self._clock() > deadline:
                raise request.failure(f"not complete after {self._patience:g} seconds")
            yield chunk


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of a URL that can be asked (RFC 6454)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def moved(answer: Answer) -> str:
    """Return where an answer's Location leads; NetworkError if nobody should go there."""

    def failure(problem: str) -> NetworkError:
        return NetworkError(what=answer.what, problem=problem)

    came_from = web.parsed(answer.url, failure)
    target = web.redirected(came_from, answer.headers.get("Location", ""), failure)
    return urlunsplit(target._replace(fragment=""))
