"""The verbs of the distribution-spec 1.1 for one repository.

Blobs are sent in one piece where the registry takes that, in chunks where it
does not or where asked, and go on where they were interrupted.  Whatever comes
back is held against its digest by whoever asked for it; what is sent is checked
against what the registry says it got.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import quote, urlsplit

import attrs

from imagesmith.errors import IntegrityError, NetworkError
from imagesmith.fetch.answer import Answer
from imagesmith.fetch.exchange import Request, moved
from imagesmith.fetch.resuming import resumed
from imagesmith.fetch.transfer import Transfer
from imagesmith.fetch.web import Options
from imagesmith.model.digest import Digest
from imagesmith.oci.bundle import IMAGE_MANIFESTS, INDICES, Descriptor
from imagesmith.oci.image import IMAGE_INDEX
from imagesmith.oci.reader import MAX_DOCUMENT
from imagesmith.oci.registry.session import (
    ACCEPTED,
    CREATED,
    NO_CONTENT,
    NOT_FOUND,
    OK,
    TOO_LARGE,
    Session,
    refused,
)

PIECE = 1024 * 1024
SMALL_CHUNK = 8 * 1024 * 1024
"""Bytes of a chunk for a registry that takes no whole blob."""
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})\Z")
_OCTETS = "application/octet-stream"
_CONTENT_DIGEST = "Docker-Content-Digest"

_NEXT = re.compile(r"<([^<>]*)>\s*;\s*rel=\"?next\"?")
"""The Link header of a list with more to come (RFC 5988, as the specification uses it)."""

Sent = Literal["present", "mounted", "sent"]


@attrs.frozen
class Page:
    """A part of a list."""

    content: bytes
    following: str
    """Path of the next part, or nothing."""


@attrs.frozen(kw_only=True)
class Repository:
    """One repository of a registry, and a session with it."""

    session: Session
    options: Options
    """How patient reading a blob is."""

    def has(self, digest: Digest) -> bool:
        """Say whether the repository has a blob."""
        with self.session.answer(self._request("HEAD", f"blobs/{digest}")) as answer:
            if answer.status in (OK, NOT_FOUND):
                return answer.status == OK
            raise refused(answer, str(digest))

    def send(
        self, blob: Descriptor, content: memoryview, *, chunk: int = 0, sources: Sequence[str] = ()
    ) -> Sent:
        """Bring a blob into the repository: it is there, in one of `sources`, or it is sent.

        In chunks of `chunk` bytes, if that is not 0.
        """
        if self.has(blob.digest):
            return "present"
        for source in sources:
            if self._mount(blob.digest, source):
                return "mounted"
        self._sent(blob, content, chunk)
        return "sent"

    def _sent(self, blob: Descriptor, content: memoryview, chunk: int) -> None:
        """Send a blob; an upload that broke off is begun anew."""
        for failures in range(1, self.session.tries + 1):
            location = self._begun()
            try:
                if not chunk and self._whole(location, blob, content):
                    return
                self._chunked(self._begun(location), blob, content, chunk or SMALL_CHUNK)
            except NetworkError as error:
                if failures == self.session.tries or not error.temporary:
                    raise
                if self.has(blob.digest):  # the answer was lost, not the blob
                    return
                self.session.pause(failures)
            else:
                return

    def _mount(self, digest: Digest, source: str) -> bool:
        """Take a blob from another repository of the registry, if it lets us."""
        path = f"blobs/uploads/?mount={quote(str(digest))}&from={quote(source)}"
        with self.session.answer(self._request("POST", path)) as answer:
            return answer.status == CREATED

    def _begun(self, location: str | None = None) -> str:
        """Return where to upload to: `location` if there is one already."""
        if location is not None:
            return location
        with self.session.answer(self._request("POST", "blobs/uploads/", body=b"")) as answer:
            if answer.status != ACCEPTED:
                raise refused(answer, str(self.session.place))
            return _location(answer)

    def _whole(self, location: str, blob: Descriptor, content: memoryview) -> bool:
        """Send a blob in one request; False if that is too large for the registry."""
        request = Request(
            method="PUT",
            url=_with_digest(location, blob.digest),
            headers={"Content-Type": _OCTETS, "Content-Length": str(len(content))},
            body=lambda: _pieces(content),
        )
        with self.session.answer(request, again=False) as answer:
            if answer.status == TOO_LARGE:
                return False
            self._expect(answer, blob.digest)
            return True

    def _chunked(self, location: str, blob: Descriptor, content: memoryview, chunk: int) -> None:
        """Send a blob piece by piece, going on from where the registry says it is."""
        start, furthest, failures = 0, 0, 0
        while start < len(content):
            piece = content[start : start + chunk]
            end = start + len(piece) - 1
            headers = {
                "Content-Type": _OCTETS,
                "Content-Length": str(len(piece)),
                "Content-Range": f"{start}-{end}",
            }
            request = Request(method="PATCH", url=location, headers=headers, body=bytes(piece))
            try:
                with self.session.answer(request, again=False) as answer:
                    if answer.status != ACCEPTED:
                        raise refused(answer, str(blob.digest))
                    location, start = _location(answer), end + 1
                if start > furthest:  # a registry that forgets what it took is left in the end
                    furthest, failures = start, 0
            except NetworkError as error:
                failures += 1
                if not error.temporary or failures >= self.session.tries:
                    raise
                self.session.pause(failures)
                location, start = self._progress(location, blob.digest)
        self._finished(location, blob.digest)

    def _finished(self, location: str, digest: Digest) -> None:
        """Say that an upload in chunks is complete."""
        request = Request(
            method="PUT",
            url=_with_digest(location, digest),
            headers={"Content-Length": "0"},
            body=b"",
        )
        with self.session.answer(request, again=False) as answer:
            self._expect(answer, digest)

    def _progress(self, location: str, digest: Digest) -> tuple[str, int]:
        """Ask how much of an upload has arrived."""
        with self.session.answer(Request(method="GET", url=location)) as answer:
            if answer.status != NO_CONTENT:
                raise refused(answer, str(digest))
            found = _RANGE.match(answer.headers.get("Range", ""))
            # distribution says 0-0 for nothing and for one byte alike; one is sent twice then
            start = int(found[1]) + 1 if found and found[1] != "0" else 0
            return _location(answer), start

    def put(self, reference: str, manifest: Descriptor, content: bytes) -> str:
        """Store a manifest under a tag or its digest, byte for byte.

        Return the subject in whose list of referrers the registry says it put it, or "".
        """
        headers = {"Content-Type": manifest.media_type, "Content-Length": str(len(content))}
        request = self._request("PUT", f"manifests/{reference}", headers=headers, body=content)
        with self.session.answer(request) as answer:
            self._expect(answer, manifest.digest)
            return answer.headers.get("OCI-Subject", "")

    def manifest(self, reference: str) -> tuple[str, bytes]:
        """Return the media type and the bytes of a manifest, of an image or of an index.

        IntegrityError if they are not what was asked for, or not what the registry says.
        """
        accept = {"Accept": ", ".join((*INDICES, *IMAGE_MANIFESTS))}
        request = self._request("GET", f"manifests/{reference}", headers=accept)
        with self.session.answer(request) as answer:
            if answer.status != OK:
                raise refused(answer, f"{self.session.place.name}: {reference}")
            content = answer.content(MAX_DOCUMENT)
            said = answer.headers.get(_CONTENT_DIGEST, "")
            media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        got = str(Digest.of(content))
        for expected in (reference, said):
            if expected.startswith("sha256:") and expected != got:
                raise IntegrityError(what=answer.what, expected=expected, got=got)
        return media_type, content

    def page(self, path: str) -> Page | None:
        """Return a list that the registry keeps below the repository, or None if it has none."""
        request = self._request("GET", path, headers={"Accept": IMAGE_INDEX})
        with self.session.answer(request) as answer:
            if answer.status == NOT_FOUND:
                return None
            if answer.status != OK:
                raise refused(answer, f"{self.session.place.name}: {path}")
            content = answer.content(MAX_DOCUMENT)
            link = _NEXT.match(answer.headers.get("Link", ""))
        # what follows is a query of the same list; a registry leads nowhere else
        query = urlsplit(link[1]).query if link else ""
        return Page(content, f"{path.partition('?')[0]}?{query}" if query else "")

    def blob(self, blob: Descriptor, offset: int = 0) -> Iterator[bytes]:
        """Yield a blob from `offset` on, resumed where the connection breaks; not verified."""
        url = self.session.url(f"blobs/{blob.digest}")
        transfer = Transfer(
            what=f"{self.session.place}: {blob.digest}",
            size=blob.size,
            limit=blob.size,
            position=offset,
        )

        return resumed(
            transfer,
            lambda: self.session.once(Request(method="GET", url=url, headers=transfer.headers())),
            self.options,
            sleep=self.session.sleep,
        )

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Request:
        return Request(method=method, url=self.session.url(path), headers=headers or {}, body=body)

    def _expect(self, answer: Answer, digest: Digest) -> None:
        """Require that something was stored, and that it is what was sent."""
        if answer.status != CREATED:
            raise refused(answer, f"{self.session.place}: {digest}")
        said = answer.headers.get(_CONTENT_DIGEST, str(digest))
        if said != str(digest):
            raise IntegrityError(what=answer.what, expected=str(digest), got=said)


def _location(answer: Answer) -> str:
    """Return where an upload goes on."""
    if not answer.headers.get("Location"):
        raise NetworkError(what=answer.what, problem="the registry names no place to upload to")
    return moved(answer)


def _with_digest(location: str, digest: Digest) -> str:
    joint = "&" if urlsplit(location).query else "?"
    return f"{location}{joint}digest={quote(str(digest))}"


def _pieces(content: memoryview) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE):
        yield bytes(content[start : start + PIECE])
