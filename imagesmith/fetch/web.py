"""The door to urllib3: pools, proxies, redirects, and its errors in our words."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

import attrs

from imagesmith.errors import NetworkError, UsageError
from imagesmith.fetch.transfer import Interrupted, Transfer, redacted

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

MAX_REDIRECTS = 5
REDIRECTS = frozenset((301, 302, 303, 307, 308))
CHUNK = 256 * 1024


@attrs.frozen(kw_only=True)
class Options:
    """How patient a fetcher is, and which way it goes."""

    timeout_connect: float = 15.0
    timeout_read: float = 30.0
    """Seconds without a byte."""
    timeout_total: float = 3600.0
    """Seconds for one stream, with all its tries."""
    retries: int = 3
    """Further tries after one that brought no byte."""
    backoff: float = 0.5
    """Seconds before the first further try, doubled for each after it."""
    connections: int = 8
    """Connections kept open per host."""
    proxy: str | None = None
    """URL of the proxy for everything; None asks the environment given to the fetcher."""
    ca_file: str | None = None
    """Certificates to believe instead of the host's."""


class Web:
    """Requests and answers over pooled connections."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """Take `http_proxy` and the like from `environ` unless the options name a proxy."""
        self._options = options
        self._environ = environ
        self._pools: dict[str | None, PoolManager] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every pooled connection."""
        for pool in self._pools.values():
            pool.clear()

    @contextmanager
    def answer(self, location: str, transfer: Transfer) -> Iterator[BaseHTTPResponse]:
        """Lend the answer at the end of the redirects; its body has not been read."""
        first = url = parsed(location, transfer.failure)
        for _ in range(MAX_REDIRECTS + 1):
            headers = transfer.headers()
            if (url.scheme, url.hostname, url.port) == (first.scheme, first.hostname, first.port):
                headers |= _authorization(first)
            response = self._get(url, headers, transfer)
            try:
                if response.status not in REDIRECTS:
                    yield response
                    return
                target = response.headers.get("Location", "")
                url = redirected(url, target, transfer.failure)
            finally:
                response.close()
        raise transfer.failure(f"more than {MAX_REDIRECTS} redirects")

    def _get(
        self, url: SplitResult, headers: dict[str, str], transfer: Transfer
    ) -> BaseHTTPResponse:
        with network_errors(transfer.failure):
            return self.send("GET", url, headers)

    def send(
        self,
        method: str,
        url: SplitResult,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> BaseHTTPResponse:
        """Send one request and return the answer, its body unread; raises what urllib3 raises."""
        from urllib3 import Timeout

        target = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, url.query, ""))
        return self._pool(url).request(
            method,
            target,
            body=body,
            headers=dict(headers),
            preload_content=False,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=self._options.timeout_connect, read=self._options.timeout_read),
        )

    def _pool(self, url: SplitResult) -> PoolManager:
        proxy = self._options.proxy or proxy_for(self._environ, url.scheme, url.hostname or "")
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = _new_pool(proxy, self._options)
            return self._pools[proxy]


def chunks(response: BaseHTTPResponse, failure: Callable[[str], NetworkError]) -> Iterator[bytes]:
    """Yield the body as it arrives, never waiting for a chunk to be full."""
    while True:
        with network_errors(failure):
            chunk = response.read1(CHUNK, decode_content=False)
        if not chunk:
            return
        yield chunk


@contextmanager
def network_errors(failure: Callable[[str], NetworkError]) -> Iterator[None]:
    """Turn what urllib3 raises into `Interrupted`, or NetworkError where trying again is vain.

    Its own messages are left out: they hold the query.
    """
    from urllib3 import exceptions

    try:
        yield
    except exceptions.SSLError as error:
        reason = getattr(error.args[0], "verify_message", "") if error.args else ""
        raise failure(f"no trusted connection ({reason or 'tls'})") from error
    except exceptions.ProxyError as error:
        raise Interrupted("the proxy does not answer") from error
    except exceptions.NameResolutionError as error:
        raise Interrupted("the name of the host is not known") from error
    except exceptions.NewConnectionError as error:
        raise Interrupted("no connection to the host") from error
    except exceptions.TimeoutError as error:
        raise Interrupted("the server is silent") from error
    except (exceptions.LocationValueError, UnicodeError) as error:
        raise failure("not a location that can be asked") from error
    except (exceptions.HTTPError, OSError) as error:
        raise Interrupted("the connection was lost") from error


def _new_pool(proxy: str | None, options: Options) -> PoolManager:
    from urllib3 import PoolManager, ProxyManager, make_headers
    from urllib3.exceptions import HTTPError

    if proxy is None:
        return PoolManager(maxsize=options.connections, ca_certs=options.ca_file)
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        login = parts.netloc.rpartition("@")[0]
        return ProxyManager(
            urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", "")),
            proxy_headers=make_headers(proxy_basic_auth=unquote(login) or None),
            maxsize=options.connections,
            ca_certs=options.ca_file,
        )
    except (HTTPError, ValueError) as error:
        raise UsageError(problem=f"not a proxy: {redacted(proxy)}") from error


def proxy_for(environ: Mapping[str, str], scheme: str, host: str) -> str | None:
    """Return the proxy that `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` choose."""

    def setting(name: str) -> str:
        return environ.get(name) or environ.get(name.upper()) or ""

    for entry in setting("no_proxy").lower().split(","):
        domain = entry.strip().partition(":")[0].removeprefix("*").removeprefix(".")
        everywhere = entry.strip() == "*"
        if everywhere or (domain and (host == domain or host.endswith(f".{domain}"))):
            return None
    return setting(f"{scheme}_proxy") or setting("all_proxy") or None


def parsed(location: str, failure: Callable[[str], NetworkError]) -> SplitResult:
    """Return the parts of an http or https URL; what `failure` makes of anything else."""
    try:
        parts = urlsplit(location)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise failure("not a location that can be asked") from error
    if not usable:
        raise failure("not a location that can be asked")
    return parts


def redirected(
    url: SplitResult, target: str, failure: Callable[[str], NetworkError]
) -> SplitResult:
    """Return where an answer sends whoever asked for `url`; never from https to http."""
    try:
        found = urlsplit(urljoin(urlunsplit(url), target))
    except ValueError as error:
        raise failure("redirected to a malformed location") from error
    if found.scheme not in ("http", "https"):
        raise failure(f"redirected to a location of the kind {found.scheme!r}")
    if url.scheme == "https" and found.scheme == "http":
        raise failure("redirected from https to http")
    return parsed(urlunsplit(found), failure)


def _authorization(url: SplitResult) -> dict[str, str]:
    login = unquote(url.netloc.rpartition("@")[0])
    return {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
