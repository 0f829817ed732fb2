"""Digests have one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.model.digest import Digest

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_digest_is_the_sha256_of_bytes() -> None:
    """FIPS 180-4: the digest of nothing."""
    assert Digest.of(b"") == Digest(EMPTY)


@given(st.binary(max_size=50))
def test_spelling_and_parsing_are_inverse(content: bytes) -> None:
    """`parse` reads what `str` writes."""
    digest = Digest.of(content)

    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    [
        EMPTY,
        f"sha512:{EMPTY}",
        f"sha256:{EMPTY.upper()}",
        f"sha256:{EMPTY[1:]}",
        f"sha256:{EMPTY}\n",
        "sha256",
        "",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    """Upper case, other algorithms and other lengths are not digests."""
    with pytest.raises(ValueError, match=r"sha256|digest"):
        Digest.parse(text)
