"""A Packages index: the packages a suite offers for one architecture.

Promises: what is read is read strictly, field by field; only the stanzas asked
for are read at all, because an index has sixty thousand of them.  Finding names
costs one pass over the bytes.  Formats: deb-control(5), and Debian's repository
format, section "Packages Indices".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from imagesmith.errors import DocumentError
from imagesmith.model.digest import Digest
from imagesmith.sources.debian import deb822, relations, version
from imagesmith.sources.debian.relations import Clause, Relation

_PACKAGE = re.compile(rb"\nPackage:[ \t]*([^ \t\n]+)")
"""Starts with a literal, which the search jumps to: ten times faster than an alternation."""
_PROVIDES = re.compile(rb"\nProvides:((?:[^\n]|\n[ \t])+)")
_PROVIDED = re.compile(rb"(?:\A|,)\s*([^\s,(:]+)")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_COMPONENT = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9+._:~%@=,^-]+\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,14})\Z")


@attrs.frozen(kw_only=True)
class Package:
    """One binary package of an index."""

    name: str
    version: str
    architecture: str
    """A Debian architecture or `all`."""
    filename: str
    """Where the .deb lies, relative to the archive."""
    size: int
    """Bytes of the .deb."""
    digest: Digest
    """Of the .deb."""
    depends: tuple[Clause, ...]
    pre_depends: tuple[Clause, ...]
    conflicts: tuple[Clause, ...]
    breaks: tuple[Clause, ...]
    provides: tuple[Relation, ...]
    essential: bool
    important: bool
    """`Important: yes`, or its newer name, `Protected: yes`."""
    priority: str
    """As written, or empty."""
    multi_arch: str
    """`same`, `foreign`, `allowed`, or `no`."""
    source: str
    """The Source field as written (name, and version where it differs), or empty."""
    source_id: str
    """Which source of the recipe the index belongs to."""
    stanza: bytes = attrs.field(repr=False)
    """The bytes of the stanza, as they stand in the index."""

    def __str__(self) -> str:
        """Return name and version, as a person would quote it."""
        return f"{self.name} {self.version}"


@attrs.define(eq=False)
class Index:
    """The packages of one Packages index, found by name."""

    source: str
    """Which source of the recipe this index belongs to."""
    document: str
    """The index's name in messages."""
    content: bytes = attrs.field(repr=False)
    """The decompressed index, after an empty line."""
    _places: dict[str, list[int]] = attrs.field(repr=False)
    _providers: dict[str, list[int]] | None = attrs.field(default=None, init=False, repr=False)
    _read: dict[int, Package] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def scan(cls, packages: bytes, *, source: str, document: str) -> Index:
        """Return the index of the decompressed bytes of a Packages file."""
        content = b"\n" + packages
        found = _group((match[1], match.start(1)) for match in _PACKAGE.finditer(content))
        return cls(source, document, content, found)

    @property
    def names(self) -> Iterable[str]:
        """The names of real packages, in the order of the index."""
        return self._places.keys()

    def named(self, name: str) -> tuple[Package, ...]:
        """Return the packages called `name`, in the order of the index."""
        return tuple(self._package(place) for place in self._places.get(name, ()))

    def providing(self, name: str) -> tuple[Package, ...]:
        """Return the packages whose Provides field has `name`, in the order of the index."""
        if self._providers is None:
            self._providers = _group(
                (name, match.start())
                for match in _PROVIDES.finditer(self.content)
                for name in _PROVIDED.findall(match[1])
            )
        return tuple(map(self._package, self._providers.get(name, ())))

    def excerpt(self, packages: Iterable[Package]) -> bytes:
        """Return the stanzas of those `packages` that are this index's, themselves an index."""
        places = sorted(
            {  # an index may hold one stanza twice
                place
                for package in packages
                for place in self._places.get(package.name, ())
                if self._package(place) == package
            }
        )
        return b"\n".join(self.stanza(place)[1] for place in places)

    def stanza(self, place: int) -> tuple[int, bytes]:
        """Return the stanza around byte `place`, and where it starts."""
        start = self.content.rfind(b"\n\n", 0, place)
        end = self.content.find(b"\n\n", place)
        start = start + 2 if start >= 0 else 1
        return start, self.content[start : end + 1 if end >= 0 else len(self.content)]

    def _package(self, place: int) -> Package:
        start, stanza = self.stanza(place)
        if start not in self._read:
            self._read[start] = parse(stanza, source=self.source, document=self.document)
        return self._read[start]


def parse(stanza: bytes, *, source: str, document: str) -> Package:
    """Read one stanza; DocumentError names `document`, the package and the field."""
    named = _PACKAGE.search(b"\n" + stanza)
    place = named[1].decode(errors="backslashreplace") if named else ""
    fields = _Fields(deb822.fields(stanza, document=document, place=place), document, place)
    return Package(
        name=fields.matching("Package", relations.NAME),
        version=fields.version(),
        architecture=fields.matching("Architecture", _ARCHITECTURE),
        filename=fields.path("Filename"),
        size=int(fields.matching("Size", _SIZE)),
        digest=fields.digest("SHA256"),
        depends=fields.clauses("Depends"),
        pre_depends=fields.clauses("Pre-Depends"),
        conflicts=fields.clauses("Conflicts"),
        breaks=fields.clauses("Breaks"),
        provides=fields.provides(),
        essential=fields.choice("Essential", ("no", "yes")) == "yes",
        important="yes" in (fields.choice(n, ("no", "yes")) for n in ("Important", "Protected")),
        priority=fields.text.get("priority", ""),
        multi_arch=fields.choice("Multi-Arch", ("no", "same", "foreign", "allowed")),
        source=fields.text.get("source", ""),
        source_id=source,
        stanza=stanza,
    )


@attrs.frozen
class _Fields:
    """The fields of one stanza, read one by one as what they must be."""

    text: dict[str, str]
    document: str
    package: str

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.text.get(name.lower())
        if value is None:
            raise self._error(name, "missing")
        if not pattern.match(value):
            raise self._error(name, f"not valid: {value[:200]!r}")
        return value

    def choice(self, name: str, values: tuple[str, ...]) -> str:
        value = self.text.get(name.lower(), values[0])
        if value not in values:
            raise self._error(name, f"expected one of {', '.join(values)}, got {value[:200]!r}")
        return value

    def version(self) -> str:
        value = self.text.get("version", "")
        try:
            version.key(value)
        except ValueError as error:
            raise self._error("Version", str(error)) from None
        return value

    def path(self, name: str) -> str:
        value = self.text.get(name.lower(), "")
        if not all(_COMPONENT.match(component) for component in value.split("/")):
            raise self._error(name, f"not a relative path inside the archive: {value[:200]!r}")
        return value

    def digest(self, name: str) -> Digest:
        try:
            return Digest(self.text.get(name.lower(), ""))
        except ValueError as error:
            raise self._error(name, str(error)) from None

    def clauses(self, name: str) -> tuple[Clause, ...]:
        try:
            return relations.parse(self.text.get(name.lower(), ""))
        except ValueError as error:
            raise self._error(name, str(error)) from None

    def provides(self) -> tuple[Relation, ...]:
        try:
            return relations.parse_provides(self.text.get("provides", ""))
        except ValueError as error:
            raise self._error("Provides", str(error)) from None

    def _error(self, field: str, problem: str) -> DocumentError:
        return DocumentError(
            document=self.document, place=f"{self.package}.{field}", problem=problem
        )


def _group(found: Iterable[tuple[bytes, int]]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for name, place in found:
        groups.setdefault(name.decode(errors="replace"), []).append(place)
    return groups
