"""The rules of a transfer, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import ImagesmithError
from imagesmith.fetch import redacted
from imagesmith.fetch.transfer import Interrupted, Transfer

HEADERS = ("Content-Length", "Content-Range", "ETag", "Last-Modified", "Retry-After")
VALUES = st.sampled_from(
    ["", "5", "007", "-1", "9" * 30, "bytes 3-9/10", "bytes 3-9/*", "bytes */10", "\N{DIGIT FOUR}"]
) | st.text(max_size=20)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 206, 206, 416, 404, 503, 999]),
            st.dictionaries(st.sampled_from(HEADERS), VALUES),
            st.binary(max_size=8),
        ),
        max_size=6,
    ),
    st.none() | st.integers(0, 20),
)
@settings(deadline=None)
def test_no_answers_lead_beyond_the_length(
    answers: list[tuple[int, dict[str, str], bytes]], size: int | None
) -> None:
    """Whatever servers say, nothing but our errors comes out and the position stays inside."""
    transfer = Transfer(what="x", size=size, limit=15)
    for status, headers, body in answers:
        try:
            start = transfer.accept(status, headers)
            transfer.give(body[transfer.position - start :])
            transfer.end(chunked=False)
        except (ImagesmithError, Interrupted):
            continue

    assert transfer.position <= min(15, 15 if size is None else size)


@pytest.mark.parametrize(
    ("etag", "modified", "validator"),
    [
        ('"strong"', "yesterday", '"strong"'),
        ('W/"weak"', "yesterday", "yesterday"),
        ('W/"weak"', None, None),
        (None, "yesterday", "yesterday"),
        (None, None, None),
    ],
)
def test_the_rest_is_asked_for_on_a_condition(
    etag: str | None, modified: str | None, validator: str | None
) -> None:
    """The strongest validator there is; weak ones are not allowed in If-Range."""
    transfer = Transfer(what="x", size=9, limit=9, position=5, etag=etag, modified=modified)

    assert validator == transfer.headers().get("If-Range")
    assert transfer.headers()["Range"] == "bytes=5-"


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:pass@host:8080/a/b?token=x#y", "https://host:8080/a/b"),
        ("http://token@host/a", "http://host/a"),
        ("http://host/a\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}", "http://host/a\\x1b[31m\\u202e"),
        ("/a/b?c#d@e", "/a/b?c#d@e"),
        ("http://[", "malformed location"),
    ],
)
def test_a_location_is_shown_without_secrets(location: str, shown: str) -> None:
    """And without anything a terminal would act on."""
    assert shown == redacted(location)
