"""Everything that can go wrong, as one tree of frozen values.

Each leaf carries typed fields; its `message` names the document and key, the
artefact and member, or the path and requester.  `status` is the exit status of
the command line (DESIGN.md §4), `code` a stable machine-readable name, `hint`
what a person can do next.  Errors compare by value, so tests state the whole
error instead of matching prose.
"""

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


@attrs.frozen(kw_only=True, eq=False, str=False)
class UsageError(ImagesmithError):
    """The command line, or what it points at, cannot be used."""

    status = 2
    code = "usage"

    problem: str

    @property
    def message(self) -> str:
        return self.problem


@attrs.frozen(kw_only=True, eq=False, str=False)
class HostError(ImagesmithError):
    """The host refused: a full disk, an unwritable output, an unsafe directory."""

    status = 2
    code = "host"

    path: str
    problem: str

    @property
    def message(self) -> str:
        return f"{self.path}: {self.problem}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class DocumentError(ImagesmithError):
    """A document does not say what it must; `place` is the key inside it."""

    status = 2
    code = "document"

    document: str
    """File name as the user gave it."""
    place: str
    """Dotted key with list indices (`artefact[2].arm64.size`), or empty."""
    problem: str

    @property
    def message(self) -> str:
        return ": ".join(part for part in (self.document, self.place, self.problem) if part)


@attrs.frozen(kw_only=True, eq=False, str=False)
class PackageNotFound(ImagesmithError):
    """No package of the indexes is what was asked for."""

    status = 2
    code = "package"

    name: str
    """The name, or the whole relation with its alternatives and constraints."""
    requested_by: str
    """The package that depends on it, or empty where the recipe names it."""

    @property
    def message(self) -> str:
        requester = f", required by {self.requested_by}" if self.requested_by else ""
        return f"{self.name}: no such package{requester}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class PackageConflict(ImagesmithError):
    """Two packages that are both needed refuse to be installed together."""

    status = 2
    code = "package-conflict"

    package: str
    """Name and version of the package whose Conflicts or Breaks it is."""
    other: str
    relation: str

    @property
    def message(self) -> str:
        return f"{self.package}: conflicts with {self.other} ({self.relation})"


@attrs.frozen(kw_only=True, eq=False, str=False)
class PathNotFound(ImagesmithError):
    """A seed, include or exclude matches nothing."""

    status = 2
    code = "path"

    path: str
    """As written: an image path, or a pattern."""
    what: str
    """What named it: seed, include or exclude."""

    @property
    def message(self) -> str:
        return f"{self.what} {self.path}: no such path in the packages"


@attrs.frozen(kw_only=True, eq=False, str=False)
class StaleManifest(ImagesmithError):
    """The manifest does not answer the recipe beside it."""

    status = 3
    code = "stale"

    document: str
    problem: str

    @property
    def message(self) -> str:
        return f"{self.document}: {self.problem}"


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


@attrs.frozen(kw_only=True, eq=False, str=False)
class ClosureIncomplete(ImagesmithError):
    """A program would not load: libraries are missing or cannot be loaded."""

    status = 9
    code = "closure"

    problems: tuple[str, ...]
    """One line per missing or unloadable object, with requester and places searched."""
    missing: tuple[str, ...] = ()
    """Names that nothing answered, for who knows which packages may have them."""

    @property
    def message(self) -> str:
        return "closure incomplete: " + "\n  ".join(self.problems)


@attrs.frozen(kw_only=True, eq=False, str=False)
class ProgramRefused(ImagesmithError):
    """What an image names as its program cannot be run; the status is a shell's."""

    status = 126
    code = "program-refused"

    path: str
    problem: str

    @property
    def message(self) -> str:
        return f"{self.path}: {self.problem}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class ProgramNotFound(ProgramRefused):
    """The image does not have its program, or not what that is started by."""

    status = 127
    code = "program"
