"""The rules of one transfer, without any I/O.

A `Transfer` knows how far a stream has come and which version of the file it
is of.  It says which headers ask for the rest, what an answer means and when
the file is complete.

Specification: RFC 9110, sections 13.1.5 (If-Range), 14 (ranges) and 15 (status
codes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from imagesmith.errors import IntegrityError, NetworkError
from imagesmith.model.text import printable

_OK, _PARTIAL_CONTENT, _NOT_FOUND, _RANGE_NOT_SATISFIABLE = 200, 206, 404, 416
_TEMPORARY = frozenset((408, 429, 500, 502, 503, 504))
_RANGED = frozenset((_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE))
_LENGTH = re.compile(r"[0-9]{1,18}\Z")
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)\Z")


class Interrupted(Exception):
    """A try failed in a way that another may not; never leaves this room."""

    def __init__(self, problem: str, *, wait: float = 0.0) -> None:
        """Take what happened, and the seconds the server wants to be left alone."""
        super().__init__(problem)
        self.wait = wait


def redacted(location: str) -> str:
    """Return a location for people: without user, password, query and control characters."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "malformed location"
    host = parts.netloc.rpartition("@")[2]
    shown = location if location.startswith("/") else f"{parts.scheme}://{host}{parts.path}"
    return printable(shown)


@attrs.define(kw_only=True)
class Transfer:
    """One file on its way."""

    what: str
    """The location, redacted."""
    size: int | None
    """The exact length, where it is pinned."""
    limit: int
    position: int = 0
    """Bytes of the file that the caller has."""
    total: int | None = None
    """The length the server gives."""
    etag: str | None = None
    modified: str | None = None

    @property
    def is_complete(self) -> bool:
        """Say whether the caller is known to have everything."""
        return self.position == (self.total if self.size is None else self.size)

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest of the same version."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "imagesmith"}
        if self.position:
            headers["Range"] = f"bytes={self.position}-"
            strong = self.etag if self.etag and not self.etag.startswith("W/") else None
            if validator := strong or self.modified:
                headers["If-Range"] = validator
        return headers

    def accept(self, status: int, headers: Mapping[str, str]) -> int:
        """Return at which byte of the file the body starts, or raise what the answer means."""
        if status in _TEMPORARY:
            wait = headers.get("Retry-After", "")
            seconds = float(wait) if _LENGTH.match(wait) else 0.0  # dates are not worth it
            raise Interrupted(f"the server answered {status}", wait=seconds)
        if status == _NOT_FOUND:
            raise self.failure("not found (404)")
        start, total = _said(status, headers)
        self._expect_total(total)
        if status not in (_OK, _PARTIAL_CONTENT):
            raise self.failure(f"the server answered {status}")
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self.failure("the server encoded the content, unasked")
        if status == _PARTIAL_CONTENT and start != (self.position or None):
            raise self.failure("the server answered with another range than asked for")
        self._expect_version(status, headers)
        return start

    def give(self, chunk: bytes) -> bytes:
        """Count `chunk` as the caller's and return it, unless that is too much."""
        end = self.position + len(chunk)
        if end > (self.limit if self.size is None else min(self.size, self.limit)):
            raise self.wrong_size("more")
        self.position = end
        return chunk

    def end(self, *, chunked: bool) -> None:
        """Raise unless a body that ended as its framing said was the rest of the file."""
        whole = self.total if self.size is None else self.size
        if whole is None or self.position == whole:
            return
        if chunked and self.total is None:
            raise self.wrong_size(f"{self.position}")
        raise Interrupted(f"the connection ended after {self.position} of {whole} bytes")

    def again(self, problem: str) -> None:
        """Raise `problem` if nothing would tell that the rest is of the same version."""
        if self.position and self.size is None and not (self.etag or self.modified):
            raise self.failure(f"{problem}, and cannot be resumed")

    def failure(self, problem: str, *, temporary: bool = False) -> NetworkError:
        """Return an error about this file."""
        return NetworkError(what=self.what, problem=problem, temporary=temporary)

    def wrong_size(self, got: str) -> IntegrityError:
        """Return the error for a file of another length."""
        expected = f"at most {self.limit}" if self.size is None else f"{self.size}"
        return IntegrityError(what=self.what, expected=f"{expected} bytes", got=got)

    def _expect_total(self, total: int | None) -> None:
        if total is None:
            return
        if total > self.limit or self.size not in (None, total):
            raise self.wrong_size(f"{total}")
        if self.total not in (None, total):
            raise self.failure("changed on the server while it was fetched")
        self.total = total

    def _expect_version(self, status: int, headers: Mapping[str, str]) -> None:
        """Compare validators; an answer to If-Range may leave them out (15.3.7)."""
        partial = status == _PARTIAL_CONTENT
        etag = headers.get("ETag", self.etag if partial else None)
        modified = headers.get("Last-Modified", self.modified if partial else None)
        if self.etag not in (None, etag) or self.modified not in (None, modified):
            raise self.failure("changed on the server while it was fetched")
        self.etag, self.modified = etag, modified


def _said(status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Return where the body starts and how long the whole file is, as far as it is said."""
    if status == _OK:
        length = headers.get("Content-Length", "")
        framed = "Transfer-Encoding" not in headers and _LENGTH.match(length)
        return 0, int(length) if framed else None
    said = _RANGE.match(headers.get("Content-Range", ""))
    if said is None or status not in _RANGED:
        return -1, None
    return int(said[1] or -1), None if said[2] == "*" else int(said[2])
