"""What cannot be answered as it was asked: command lines, documents, the host."""

from __future__ import annotations

import attrs

from imagesmith.errors.root import ImagesmithError


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
    arch: str = ""
    """The architecture whose packages have none, if others may have it."""

    @property
    def message(self) -> str:
        where = f" for {self.arch}" if self.arch else ""
        return f"{self.what} {self.path}: no such path in the packages{where}"


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
