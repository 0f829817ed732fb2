"""What was received and cannot be accepted: signatures, bytes, packages."""

from __future__ import annotations

import attrs

from imagesmith.errors.root import ImagesmithError


@attrs.frozen(kw_only=True, eq=False, str=False)
class SignatureError(ImagesmithError):
    """Signatures do not satisfy the policy."""

    status = 4
    code = "signature"

    document: str
    problem: str
    reasons: tuple[str, ...] = ()
    """Stable reason codes with their details, one per rejected signature."""

    @property
    def message(self) -> str:
        return f"{self.document}: {self.problem}" + "".join(f"; {r}" for r in self.reasons)


@attrs.frozen(kw_only=True, eq=False, str=False)
class IntegrityError(ImagesmithError):
    """Bytes are not the ones that were named: wrong digest or size."""

    status = 5
    code = "integrity"

    what: str
    """The artefact, blob or document whose bytes were read."""
    expected: str
    got: str

    @property
    def message(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.got}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class NotReproducible(ImagesmithError):
    """A build did not meet an expectation of the manifest."""

    status = 6
    code = "not-reproducible"

    document: str
    place: str
    expected: str
    got: str
    differences: tuple[str, ...] = ()
    """The files that differ, one line each."""

    @property
    def message(self) -> str:
        lines = "".join(f"\n  {line}" for line in self.differences)
        return f"{self.document}: {self.place}: expected {self.expected}, got {self.got}{lines}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class NetworkError(ImagesmithError):
    """No mirror gave the bytes."""

    status = 7
    code = "network"

    what: str
    problem: str
    temporary: bool = False
    """Nobody answered, or the connection broke: what is wanted may well be there."""

    @property
    def message(self) -> str:
        return f"{self.what}: {self.problem}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class MalformedArtefact(ImagesmithError):
    """An artefact whose bytes are authentic cannot be accepted as what it claims to be."""

    status = 8
    code = "malformed"

    artefact: str
    member: str
    """Member inside the artefact, escaped for terminals, or empty."""
    problem: str

    @property
    def message(self) -> str:
        return ": ".join(part for part in (self.artefact, self.member, self.problem) if part)


@attrs.frozen(kw_only=True, eq=False, str=False)
class OverlayConflict(ImagesmithError):
    """Two packages ship one path differently."""

    status = 8
    code = "conflict"

    path: str
    first: str
    second: str
    problem: str

    @property
    def message(self) -> str:
        return f"{self.path}: {self.first} and {self.second} conflict: {self.problem}"
