"""Contents of files by their spans: copied and verified, or lent to be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesmith.build.contents import Contents
from imagesmith.errors import IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span, Tree
from imagesmith.store import Store

PAYLOAD = b"before" + b"content" + b"after"


def tree(store: Store, content: bytes = b"content") -> Tree:
    """Return a tree of a file inside a blob, with the digest of `content`, and a generated one."""
    blob = store.add([PAYLOAD]).digest
    span = Span(blob, 6)
    return Tree(
        {
            "/span": File(mode=0o644, size=7, digest=Digest.of(content), content=span),
            "/made": File.of(b"made"),
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store.open(tmp_path / "store")


def test_files_are_read_as_a_whole(store: Store) -> None:
    """Wherever they lie."""
    with Contents(store) as contents:
        read = contents.reader(tree(store))

        assert (read("/span"), read("/made")) == (b"content", b"made")


def test_files_are_lent_as_they_lie(store: Store) -> None:
    """The same bytes, again and again, without a copy."""
    with Contents(store) as contents:
        lend = contents.lender(tree(store))
        for _ in range(2):
            with lend("/span") as view, lend("/made") as made:
                assert (bytes(view), bytes(made)) == (b"content", b"made")


def test_what_is_read_is_verified_and_what_is_lent_is_not(store: Store) -> None:
    """Who looks at lent bytes must not let them decide what enters an image."""
    claimed = tree(store, b"another")
    with Contents(store) as contents:
        with contents.lender(claimed)("/span") as view:
            assert bytes(view) == b"content"
        with pytest.raises(IntegrityError):
            contents.reader(claimed)("/span")
