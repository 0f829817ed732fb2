"""A mirror on this machine that misbehaves on command.

    with Mirror({"/pool/curl.deb": content}) as mirror:
        mirror.misbehave("/pool/curl.deb", Fault(drop_after=1000, times=1))
        ... mirror.url + "/pool/curl.deb" ...
        assert ["bytes=1000-"] == [r.range for r in mirror.requests[1:]]

It serves a mapping of URL paths to bytes, or a directory; it may be changed
while it serves.  Without faults it is a decent HTTP/1.1 server: Content-Length,
ETag, Last-Modified, single ranges, If-Range, kept connections.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import hashlib
import ipaddress
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import attrs

LAST_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
_PIECE = 16 * 1024


@attrs.frozen(kw_only=True)
class Fault:
    """What to do wrong for one path; everything not said is done right."""

    times: int | None = None
    """For how many requests; None is for ever."""
    status: int | None = None
    """Answer with this status and no content."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers to add to the answer, instead of any of the same name."""
    redirect: str | None = None
    """Answer 302 with this Location."""
    content: bytes | None = None
    """Serve these bytes instead (with the ETag they have)."""
    etag: str | None = None
    """Say this ETag; the empty string leaves out ETag and Last-Modified."""
    drop_after: int | None = None
    """Close the connection after so many bytes of the body."""
    framing: str = "length"
    """`length` (Content-Length), `chunked`, or `close` (the end of the connection)."""
    ignore_range: bool = False
    shift_range: int = 0
    """Send, and say in Content-Range, a range that starts so many bytes later."""
    shorten_range: int | None = None
    """Send at most so many bytes of a range, and say so."""
    gzip: bool = False
    """Content-Encoding: gzip, unasked."""
    endless: bool = False
    """Go on with zero bytes for ever after the content."""
    delay: float = 0.0
    """Seconds before each piece of the body."""
    piece: int = _PIECE
    """Bytes written at a time."""


@attrs.frozen
class Request:
    """A request as it came in."""

    method: str
    path: str
    """Decoded, without the query; absolute URLs (asked of a proxy) keep their host."""
    query: str
    headers: Mapping[str, str]
    """With lower-case names."""
    peer: tuple[str, int]
    """The client's end of the connection."""

    @property
    def range(self) -> str | None:
        """The Range header."""
        return self.headers.get("range")


class Mirror:
    """A server on 127.0.0.1 for as long as its context."""

    def __init__(
        self, files: Mapping[str, bytes] | Path, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Serve a mapping of paths, each with its leading slash, or a directory."""
        self.files: dict[str, bytes] | Path = files if isinstance(files, Path) else dict(files)
        self.requests: list[Request] = []
        self._faults: dict[str, list[tuple[Fault, list[None]]]] = {}
        self._lock = threading.Lock()
        self._server = _Server(self)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def misbehave(self, path: str, *faults: Fault) -> None:
        """Add faults for `path`; they follow each other as their `times` are used up."""
        self._faults.setdefault(path, []).extend((fault, []) for fault in faults)

    def behave(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def record(self, request: Request) -> Fault:
        """Note a request and return what to do wrong for it."""
        with self._lock:
            self.requests.append(request)
            for fault, uses in self._faults.get(request.path, []):
                if fault.times is None or len(uses) < fault.times:
                    uses.append(None)
                    return fault
        return Fault()

    def content(self, path: str) -> bytes | None:
        """Return what lies at `path`."""
        if isinstance(self.files, dict):
            return self.files.get(path)
        found = self.files / path.lstrip("/")
        return found.read_bytes() if found.is_file() else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), _Exchange)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients of these tests hang up on purpose."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        fault = self.server.mirror.record(self._request())
        if fault.redirect is not None:
            self._answer(302, {"Location": fault.redirect, "Content-Length": "0"}, fault)
            return
        content = fault.content
        if content is None:
            content = self.server.mirror.content(self._request().path)
        status = fault.status or (404 if content is None else 200)
        if content is None or status != 200:
            self._answer(status, {"Content-Length": "0"}, fault)
            return
        self._serve(content, fault)

    def _request(self) -> Request:
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = unquote(f"{target.scheme}://{target.netloc}" if target.scheme else "")
        path += unquote(target.path)
        return Request(self.command, path, target.query, headers, self.client_address)

    def _serve(self, content: bytes, fault: Fault) -> None:
        headers = _validators(content, fault)
        status, body = 200, content
        start = None if fault.ignore_range else self._start(headers)
        if start is not None:
            start += fault.shift_range
            status, body = 206, content[start:][: fault.shorten_range]
            said = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
            if not body:
                status, said = 416, f"bytes */{len(content)}"
            headers["Content-Range"] = said
        if fault.gzip:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if fault.endless:
            fault = attrs.evolve(fault, framing="close")
        headers |= _framing(len(body), fault)
        self.close_connection = fault.framing == "close" or fault.drop_after is not None
        self._answer(status, headers, fault)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self._send(body, fault)

    def _start(self, headers: Mapping[str, str]) -> int | None:
        """Return where the range asked for starts, unless it is of another version."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        validator = self.headers.get("If-Range")
        if asked is None or validator not in (
            None,
            headers.get("ETag"),
            headers.get("Last-Modified"),
        ):
            return None
        return int(asked[1])

    def _answer(self, status: int, headers: Mapping[str, str], fault: Fault) -> None:
        self.send_response(status)
        for name, value in ({**headers} | dict(fault.headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, body: bytes, fault: Fault) -> None:
        for piece in _pieces(body, fault):
            if fault.delay:
                time.sleep(fault.delay)
            framed = b"%x\r\n%s\r\n" % (len(piece), piece) if fault.framing == "chunked" else piece
            self.wfile.write(framed)
        if fault.framing == "chunked" and fault.drop_after is None:
            self.wfile.write(b"0\r\n\r\n")


def _validators(content: bytes, fault: Fault) -> dict[str, str]:
    if fault.etag == "":
        return {}
    etag = fault.etag or f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    return {"ETag": etag, "Last-Modified": LAST_MODIFIED}


def _framing(length: int, fault: Fault) -> dict[str, str]:
    match fault.framing:
        case "length":
            return {"Content-Length": str(length)}
        case "chunked":
            return {"Transfer-Encoding": "chunked"}
        case _:
            return {"Connection": "close"}


def _pieces(body: bytes, fault: Fault) -> Iterator[bytes]:
    body = body[: fault.drop_after]
    for start in range(0, len(body), fault.piece):
        yield body[start : start + fault.piece]
    while fault.endless:
        yield bytes(fault.piece)


def tls_for_localhost(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context with a fresh certificate for 127.0.0.1, and its PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a mirror for tests")])
    today = dt.datetime.now(tz=dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "mirror.pem"
    secret = directory / "mirror.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem
