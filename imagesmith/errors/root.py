"""The root of the tree of errors: what every one of them has."""

from __future__ import annotations

from typing import ClassVar

import attrs


@attrs.frozen(kw_only=True, eq=False, str=False)
class ImagesmithError(Exception):
    """The root of the tree; never raised itself."""

    status: ClassVar[int]
    code: ClassVar[str]

    hint: str | None = None

    @property
    def message(self) -> str:
        """One line for people, lower case, without a full stop."""
        raise AssertionError(f"{type(self).__name__} has no message")

    def __str__(self) -> str:
        """Return the message."""
        return self.message

    def __eq__(self, other: object) -> bool:
        """Compare by type and fields (attrs compares exceptions by identity)."""
        return type(other) is type(self) and attrs.astuple(self) == attrs.astuple(other)

    def __hash__(self) -> int:
        """Hash what `__eq__` compares."""
        return hash((type(self), attrs.astuple(self)))
