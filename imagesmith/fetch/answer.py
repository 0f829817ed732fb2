"""What came back for a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from imagesmith.errors import IntegrityError


@attrs.frozen(kw_only=True)
class Answer:
    """An answer whose body is read by whoever wants it."""

    what: str
    url: str
    """Where it came from, redirects followed."""
    status: int
    headers: Mapping[str, str]
    """Whatever the case of a name."""
    chunks: Iterator[bytes]

    def content(self, limit: int) -> bytes:
        """Return the whole body; IntegrityError if it is longer than `limit` bytes."""
        found = bytearray()
        for chunk in self.chunks:
            found += chunk
            if len(found) > limit:
                raise IntegrityError(what=self.what, expected=f"at most {limit} bytes", got="more")
        return bytes(found)
