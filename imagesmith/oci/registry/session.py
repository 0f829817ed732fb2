"""Requests to one registry: authorized as it asks, repeated where that does no harm.

A registry answers 401 with a challenge; what it gives for it is kept for the
rest of the session.  Nobody else is given it, or is answered a challenge: neither
where downloads are redirected to nor where uploads go.  Servers that are busy and
connections that break are tried again, with a pause that doubles; whether a
request may be repeated at all, its sender says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import attrs

from imagesmith.errors import IntegrityError, NetworkError
from imagesmith.fetch.answer import Answer
from imagesmith.fetch.exchange import AUTHORIZATION, Interrupted, Request, origin
from imagesmith.model.text import printable
from imagesmith.oci.registry import challenge
from imagesmith.oci.registry.login import Login
from imagesmith.oci.registry.name import ImageName, is_loopback

OK, CREATED, ACCEPTED, NO_CONTENT = 200, 201, 202, 204
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_LARGE = 401, 403, 404, 413
_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
MAX_ERROR = 64 * 1024
MAX_TOKEN = 1024 * 1024
MAX_WAIT = 30.0
"""Seconds between two tries at most."""


class Exchange(Protocol):
    """What sends a request and lends the answer."""

    def __call__(self, request: Request, /) -> AbstractContextManager[Answer]:
        """NetworkError or `Interrupted` without an answer."""


@attrs.define(kw_only=True)
class Session:
    """A conversation with the registry of one repository."""

    place: ImageName
    exchange: Exchange
    login: Login | None = None
    plain: bool = False
    """Whether to speak http instead of https."""
    tries: int = 4
    backoff: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    scope: str = "pull"
    """What a token is asked for: `pull` or `pull,push`."""
    sources: tuple[str, ...] = ()
    """Further repositories that a token shall allow to pull from."""
    _authorization: str | None = attrs.field(default=None, init=False)

    def url(self, path: str) -> str:
        """Return the URL of a path below the repository."""
        scheme = "http" if self.plain else "https"
        return f"{scheme}://{self.place.host}/v2/{self.place.name}/{path}"

    @contextmanager
    def answer(self, request: Request, *, again: bool = True) -> Iterator[Answer]:
        """Lend the answer to a request, of whatever status but 401 and those of a busy server.

        NetworkError if there is none; it is tried again only if `again`.
        """
        tries = self.tries if again else 1
        try:
            with ExitStack() as stack:
                yield self._tried(request, tries, stack)
        except Interrupted as error:
            raise NetworkError(what=request.what, problem=str(error), temporary=True) from error

    def _tried(self, request: Request, tries: int, stack: ExitStack) -> Answer:
        """Ask until there is an answer, or for the last time; the answer is open in `stack`."""
        for failures in range(1, tries):
            wait = 0.0
            with ExitStack() as trial, suppress(Interrupted):
                found = trial.enter_context(self.once(request))
                if found.status not in _BUSY:
                    stack.enter_context(trial.pop_all())
                    return found
                wait = _seconds(found.headers.get("Retry-After", ""))
            self.pause(failures, wait)
        return stack.enter_context(self.once(request))

    def pause(self, failures: int, wait: float = 0.0) -> None:
        """Wait before the next try: longer after each, and as long as the server says."""
        self.sleep(min(max(wait, self.backoff * 2.0 ** (failures - 1)), MAX_WAIT))

    @contextmanager
    def once(self, request: Request) -> Iterator[Answer]:
        """Lend the answer to a request that is sent once; the registry's challenge is met."""
        with self.exchange(self._signed(request)) as first:
            if first.status != UNAUTHORIZED or not self._is_own(first.url):
                yield first
                return
            asked = challenge.parse(first.headers.get("WWW-Authenticate", ""))
            refusal = self._refusal(first)
        self._authorization = self._answered(asked, refusal)
        with self.exchange(self._signed(request)) as second:
            if second.status == UNAUTHORIZED:
                raise self._refusal(second)
            yield second

    def _signed(self, request: Request) -> Request:
        """Add who asks, if the request goes to the registry itself."""
        if self._authorization is None or not self._is_own(request.url):
            return request
        headers = {**request.headers, AUTHORIZATION: self._authorization}
        return attrs.evolve(request, headers=headers)

    def _is_own(self, url: str) -> bool:
        """Say whether a URL is of the registry itself."""
        return origin(url) == origin(self.url(""))

    def _answered(self, asked: tuple[challenge.Challenge, ...], refusal: NetworkError) -> str:
        """Return the Authorization that one of the challenges asks for."""
        for each in asked:
            if each.scheme == "bearer":
                url = challenge.token_url(each, self._scope)
                if url is not None:
                    return f"Bearer {self._token(url, each)}"
            if each.scheme == "basic" and self.login and not self.login.is_token:
                return self.login.basic
        raise refusal

    @property
    def _scope(self) -> str:
        others = (f"repository:{name}:pull" for name in self.sources)
        return " ".join((f"repository:{self.place.name}:{self.scope}", *others))

    def _token(self, url: str, asked: challenge.Challenge) -> str:
        """Get a bearer token: for a login, an identity token, or nobody."""
        if not self._is_private(url):
            problem = "the registry wants logins sent in the open (its realm is http)"
            raise NetworkError(what=self.place.host, problem=problem)
        request = Request(method="GET", url=url)
        if self.login and self.login.is_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self.login.password,
                "service": asked.parameters.get("service", ""),
                "client_id": "imagesmith",
                "scope": " ".join(challenge.scopes(asked, self._scope)),
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(form).encode()
            bare = url.partition("?")[0]
            request = Request(method="POST", url=bare, headers=headers, body=body)
        elif self.login:
            request = attrs.evolve(request, headers={AUTHORIZATION: self.login.basic})
        with self.exchange(request) as answer:
            if answer.status != OK:
                raise self._refusal(answer)
            return _token_of(answer.content(MAX_TOKEN), request)

    def _is_private(self, url: str) -> bool:
        """Say whether a login goes there encrypted, or no other way than to the registry."""
        scheme, host, _ = origin(url)
        near = is_loopback(urlsplit(url).netloc) or host == origin(self.url(""))[1]
        return scheme == "https" or (self.plain and near)

    def _refusal(self, answer: Answer) -> NetworkError:
        who = "the login was not accepted" if self.login else "it wants a login"
        return NetworkError(
            what=str(self.place),
            problem=f"{who} ({told(answer) or answer.status})",
            hint="log in with podman login or docker login, or name a file with --authfile",
        )


def told(answer: Answer) -> str:
    """Return what the body of an error says (distribution-spec, "Error Codes"), for people."""
    try:
        body = answer.content(MAX_ERROR)
    except (IntegrityError, Interrupted, NetworkError):
        return ""  # the status says enough
    try:
        errors = json.loads(body)["errors"]
        parts = [f"{error['code']}: {error.get('message', '')}".rstrip(": ") for error in errors]
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return ""
    return printable("; ".join(parts)[:400])


def _token_of(body: bytes, request: Request) -> str:
    try:
        found: Mapping[str, object] = json.loads(body)
        token = found.get("token") or found.get("access_token")
    except (AttributeError, RecursionError, ValueError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise request.failure("gave no token")
    return token


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0  # noqa: PLR2004 - digits


def refused(answer: Answer, what: str) -> NetworkError:
    """Return the error that an unwanted answer means."""
    said = told(answer)
    reason = f"the registry answered {answer.status}{f' ({said})' if said else ''}"
    hint = "the login may not do this there" if answer.status == FORBIDDEN else None
    return NetworkError(what=what, problem=reason, hint=hint, temporary=answer.status in _BUSY)
