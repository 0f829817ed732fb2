"""Bytes from one location, as a stream; nothing is trusted and nothing kept.

What a stream promises, over http, https and local files: it is never longer
than its pinned size or its limit; it ends without an error only if it is as
long as the pin or the server says; and it never mixes two versions of a file,
as far as the server tells them apart (ETag, Last-Modified, length).
Connections that break are resumed inside the stream.  Redirects lead to http
and https only, and from https to https only.  Messages name a location without
user, password and query.

Whether the bytes are the right ones is for their digest or signature to say;
which of several mirrors to ask is the caller's decision.

`resuming` has the loop, `transfer` the rules of one transfer, `web` is the door
to urllib3, `local` reads files; `fetcher` chooses between them.  `exchange` sends
single requests of any kind.
"""

from imagesmith.fetch.fetcher import Fetcher
from imagesmith.fetch.transfer import redacted
from imagesmith.fetch.web import Options

__all__ = ["Fetcher", "Options", "redacted"]
