"""A registry on this machine that keeps the distribution-spec 1.1, and misbehaves on command.

    with Registry() as registry:
        registry.busy = 2                      # answer 503 twice
        ... http://{registry.host}/v2/ ...
        assert registry.requests[0].method == "HEAD"

Blobs belong to repositories, as in real ones: another repository's are not there
until they are mounted.  Tokens are for a scope and are refused for any other.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

import attrs

USER, PASSWORD, IDENTITY = "alice", "pass:word", "identity-token"
_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_UPLOADS = re.compile(r"/v2/(.+)/blobs/uploads/")
_UPLOAD = re.compile(r"/upload/([0-9]+)")
_REFERRERS = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})")
_MANIFEST = re.compile(r"/v2/(.+)/manifests/(.+)")


@attrs.frozen
class Asked:
    """A request as it came in."""

    method: str
    path: str
    authorization: str
    length: int


@attrs.define
class Repo:
    """What one repository holds."""

    blobs: dict[str, bytes] = attrs.field(factory=dict)
    manifests: dict[str, tuple[str, bytes]] = attrs.field(factory=dict)


class Registry(ThreadingHTTPServer):
    """Serves until the block ends; its fields may be changed meanwhile."""

    daemon_threads = True

    busy = 0
    """Requests to answer with 503 first."""
    drop_uploads = 0
    """Uploads whose connection breaks halfway; what came is kept."""
    lose_answers = 0
    """Uploads that are stored and never answered."""
    drop_blobs = 0
    """Blobs whose connection breaks halfway."""
    max_body: int | None = None
    """Larger uploads in one request are 413."""
    lie: str | None = None
    """The digest that is said of everything stored or given."""
    redirect: str | None = None
    """Base URL that blobs are to be had from instead."""
    realm: str | None = None
    token: str | None = None
    """What is given for a token."""
    has_referrers = False
    """Whether it keeps lists of referrers, two to a page."""
    rivals = 0
    """Manifests under a tag that somebody overwrites at once, with an empty index."""
    busy_uploads = 0
    """Uploads to answer with 503 first."""
    page = 0
    """Bytes of what every error says besides."""
    denied: tuple[int, str] | None = None
    """Status and error code of every answer about manifests."""

    def __init__(self, auth: Literal["none", "basic", "bearer"] = "none") -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.auth = auth
        self.repos: dict[str, Repo] = {}
        self.uploads: dict[str, tuple[str, bytearray]] = {}
        self.requests: list[Asked] = []

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def repo(self, name: str) -> Repo:
        """Return a repository; they come into being when they are named."""
        return self.repos.setdefault(name, Repo())

    def methods(self, part: str = "") -> list[str]:
        """Return the methods of the requests whose path has `part`."""
        return [asked.method for asked in self.requests if part in asked.path]

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections break on purpose."""


class _Dropped(Exception):
    """The connection is to break."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        authorization = self.headers.get("Authorization", "")
        self.server.requests.append(Asked(self.command, self.path, authorization, length))
        try:
            self._answer(length)
        except _Dropped:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(2)

    def _answer(self, length: int) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/token":
            self._token(parse_qs(parts.query), self.rfile.read(length))
            return
        if self.server.busy:
            self.server.busy -= 1
            self.rfile.read(length)
            self._send(503, {"Retry-After": "0"})
            return
        if not parts.path.startswith("/upload/") and not self._is_authorized(parts.path):
            self.rfile.read(length)
            self._challenge()
            return
        self._specified(parts.path, parse_qs(parts.query), length)

    def _specified(self, path: str, query: dict[str, list[str]], length: int) -> None:
        if found := _UPLOADS.fullmatch(path):
            self._begin(found[1], query)
        elif found := _UPLOAD.fullmatch(path):
            self._upload(found[1], query, length)
        elif found := _BLOB.fullmatch(path):
            self._blob(found[1], found[2])
        elif found := _MANIFEST.fullmatch(path):
            self._manifest(found[1], found[2], length)
        elif self.server.has_referrers and (found := _REFERRERS.fullmatch(path)):
            self._referrers(found[1], found[2], int(query.get("last", ["0"])[0]))
        else:
            self._send(404)

    # Who may do what.

    def _is_authorized(self, path: str) -> bool:
        given = self.headers.get("Authorization", "")
        if self.server.auth == "none":
            return True
        if self.server.auth == "basic":
            return given == _basic(USER, PASSWORD)
        name = re.split(r"/(?:blobs|manifests|referrers)/", path.removeprefix("/v2/"))[0]
        verb = "pull" if self.command in ("GET", "HEAD") else "push"
        scopes = base64.b64decode(given.removeprefix("Bearer ") or "").decode().split()
        return any(
            scope.startswith(f"repository:{name}:") and verb in scope.rpartition(":")[2]
            for scope in scopes
        )

    def _challenge(self) -> None:
        realm = self.server.realm or f"http://{self.server.host}/token"
        kind = "Basic" if self.server.auth == "basic" else "Bearer"
        header = f'{kind} realm="{realm}",service="a, \\"quoted\\" one"'
        self._error(401, "UNAUTHORIZED", {"WWW-Authenticate": header})

    def _token(self, query: dict[str, list[str]], body: bytes) -> None:
        form = parse_qs(body.decode())
        known = self.headers.get("Authorization") == _basic(USER, PASSWORD)
        known |= form.get("refresh_token") == [IDENTITY]
        asked = " ".join((query | form).get("scope", []))
        granted = asked if known else asked.replace(",push", "")
        token = base64.b64encode(granted.encode()).decode()
        self._send(200, body=(self.server.token or json.dumps({"token": token})).encode())

    # The specification.

    def _begin(self, name: str, query: dict[str, list[str]]) -> None:
        source = query.get("from", [""])[0]
        digest = query.get("mount", [""])[0]
        if source in self.server.repos and digest in self.server.repos[source].blobs:
            self.server.repo(name).blobs[digest] = self.server.repos[source].blobs[digest]
            self._send(201, {"Location": f"/v2/{name}/blobs/{digest}"})
            return
        number = str(len(self.server.uploads))
        self.server.uploads[number] = (name, bytearray())
        self._send(202, {"Location": f"/upload/{number}?state=x"})

    def _upload(self, number: str, query: dict[str, list[str]], length: int) -> None:
        name, content = self.server.uploads[number]
        location = {"Location": f"/upload/{number}?state=x", "Range": f"0-{len(content) - 1}"}
        if self.command == "GET":
            self._send(204, location)
            return
        if status := self._unwilling(length):
            self.rfile.read(length)
            self._send(status)
            return
        if self.server.drop_uploads and length:
            self.server.drop_uploads -= 1
            content += self.rfile.read(length // 2)
            raise _Dropped
        start = self.headers.get("Content-Range", f"{len(content)}-").partition("-")[0]
        body = self.rfile.read(length)
        if int(start) != len(content):
            self._send(416, location)
            return
        content += body
        if self.command == "PATCH":
            self._send(202, {**location, "Range": f"0-{len(content) - 1}"})
            return
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if query["digest"] != [digest]:
            self._error(400, "DIGEST_INVALID")
            return
        self.server.repo(name).blobs[digest] = bytes(content)
        if self.server.lose_answers:
            self.server.lose_answers -= 1
            raise _Dropped
        self._send(201, {"Docker-Content-Digest": self.server.lie or digest})

    def _unwilling(self, length: int) -> int:
        """Return the status of an upload that is not taken, or 0."""
        if self.server.busy_uploads:
            self.server.busy_uploads -= 1
            return 503
        return 413 if self.server.max_body is not None and length > self.server.max_body else 0

    def _blob(self, name: str, digest: str) -> None:
        content = self.server.repo(name).blobs.get(digest)
        if content is None:
            self._error(404, "BLOB_UNKNOWN")
        elif self.server.redirect and self.command == "GET":
            self._send(307, {"Location": f"{self.server.redirect}/v2/{name}/blobs/{digest}"})
        else:
            self._content(content, {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'})

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start:
            end = len(content) - 1
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        if self.server.drop_blobs and self.command == "GET":
            self.server.drop_blobs -= 1
            self._send(
                206 if start else 200, headers, content[start:], stop=(len(content) - start) // 2
            )
            raise _Dropped
        self._send(206 if start else 200, headers, content[start:])

    def _manifest(self, name: str, reference: str, length: int) -> None:
        body = self.rfile.read(length)
        repo = self.server.repo(name)
        if self.server.denied:
            self._error(*self.server.denied)
        elif self.command == "PUT":
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            repo.manifests[reference] = repo.manifests[digest] = (
                self.headers["Content-Type"],
                body,
            )
            if self.server.rivals and not reference.startswith("sha256:"):
                self.server.rivals -= 1
                repo.manifests[reference] = (self.headers["Content-Type"], b'{"manifests":[]}')
            said = {"Docker-Content-Digest": self.server.lie or digest}
            subject = json.loads(body).get("subject")
            if self.server.has_referrers and subject:
                said["OCI-Subject"] = subject["digest"]
            self._send(201, said)
        elif reference not in repo.manifests:
            self._error(404, "MANIFEST_UNKNOWN")
        else:
            kind, content = repo.manifests[reference]
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            said = {"Content-Type": kind, "Docker-Content-Digest": self.server.lie or digest}
            self._send(200, said, content)

    def _referrers(self, name: str, subject: str, start: int) -> None:
        listed = []
        for reference, (kind, content) in sorted(self.server.repo(name).manifests.items()):
            document = json.loads(content)
            if document.get("subject", {}).get("digest") == subject:
                named = {"mediaType": kind, "digest": reference, "size": len(content)}
                listed.append({**named, "artifactType": document["artifactType"]})
        more = {"Link": f'</v2/?last={start + 2}>; rel="next"'} if listed[start + 2 :] else {}
        index = {"schemaVersion": 2, "manifests": listed[start : start + 2]}
        self._send(200, more, json.dumps(index).encode())

    def _error(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        errors = [{"code": code, "message": "no \x1b[31mway", "detail": "x" * self.server.page}]
        self._send(status, headers, json.dumps({"errors": errors}).encode())

    def _send(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        stop: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:stop])


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.contextmanager
def two() -> Iterator[tuple[Registry, Registry]]:
    """Lend two registries."""
    with Registry() as one, Registry() as other:
        yield one, other
