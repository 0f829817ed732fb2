"""Where an image goes, as people write it: `FILE`, or `KIND:PATH`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs

from imagesmith.errors import UsageError

Kind = Literal["oci-archive", "oci", "docker-archive", "dir", "tar"]
KINDS: tuple[Kind, ...] = ("oci-archive", "oci", "docker-archive", "dir", "tar")
"""An archive that is both OCI layout and docker-archive; an OCI layout as a directory; what
`docker save` writes; the root filesystem as a directory, and as one tar."""


@attrs.frozen
class Destination:
    """What is written, and where."""

    kind: Kind
    path: Path

    @property
    def is_one_image(self) -> bool:
        """Whether it has room for one architecture only."""
        return self.kind in ("docker-archive", "dir", "tar")

    def expect_room(self, images: int) -> None:
        """Raise UsageError unless it can hold so many images."""
        if self.is_one_image and images > 1:
            raise UsageError(
                problem=f"{self} holds one architecture, and there are {images}",
                hint="choose one with --arch",
            )

    def __str__(self) -> str:
        """Return the spelling people use."""
        return str(self.path) if self.kind == KINDS[0] else f"{self.kind}:{self.path}"


def parse(text: str) -> Destination:
    """Read a destination; a name with another prefix is a file's. UsageError without a path."""
    prefix, colon, path = text.partition(":")
    kind = next((known for known in KINDS if known == prefix), None) if colon else None
    if kind is None:
        kind, path = KINDS[0], text
    if path == "-":
        raise UsageError(
            problem=f"{text!a}: nothing is written to the standard output",
            hint="that is where the digest goes; name a file, ./- for one of that name",
        )
    if not path:
        raise UsageError(problem=f"{text!a}: names no file", hint=f"kinds: {', '.join(KINDS)}")
    return Destination(kind, Path(path))
