"""One reading of an archive: blobs by descriptor, documents by name, problems as they come.

Promises that a blob is hashed once and a document parsed once, however often
they are named, and that whatever is not as the descriptor says, or could be
understood in two ways, has become a problem.  Descriptors: OCI image-spec 1.1,
descriptor.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TypeGuard

import attrs

from imagesmith.audit import spelling
from imagesmith.audit.problem import Problem
from imagesmith.errors import MalformedArtefact
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.oci import reader
from imagesmith.oci.reader import Archive

Object = Mapping[str, Json]

MAX_LISTED = 1024
"""Members of one list that are looked at; images have some hundred layers at most."""

_OTHER_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<encoded>[\w=-]+)")
"""The grammar of descriptor.md, "Digests"."""
_SHOWN = 80
"""Characters of a wrong value that a message repeats."""


@attrs.frozen(kw_only=True, eq=False)
class Described:
    """A descriptor with the blob it leads to."""

    member: str
    """Where the blob lies: under the digest that was named."""
    digest: Digest
    """Of the content, computed; where it is another than was named, a problem says so."""
    media_type: str
    """As the descriptor says; empty where it does not."""
    content: memoryview


@attrs.define
class Reading:
    """An archive being read."""

    archive: Archive
    problems: set[Problem] = attrs.field(factory=set, init=False)
    used: set[str] = attrs.field(factory=set, init=False)
    """Blobs that something names."""
    _digests: dict[str, Digest] = attrs.field(factory=dict, init=False)
    _documents: dict[str, Object | None] = attrs.field(factory=dict, init=False)

    def problem(self, place: str, code: str, text: str) -> None:
        """Add a finding."""
        self.problems.add(Problem(place, code, text))

    def parsed(self, member: str, names: tuple[str, ...] = spelling.OCI) -> Json:
        """Return the JSON of a member, or None if there is none; that is a problem already."""
        if member not in self.archive.members:
            self.problem(member, "document", "missing")
            return None
        try:
            value = reader.parse(
                self.archive.members[member], artefact=self.archive.name, member=member
            )
        except MalformedArtefact as error:
            self.problem(member, "document", error.problem)
            return None
        if value is None:
            self.problem(member, "document", "nothing but null")
        if keys := spelling.ambiguous_keys(value, names):
            text = ", ".join(shown(key) for key in keys[:3])
            self.problem(member, "ambiguous", f"keys that readers ignoring case mistake: {text}")
        return value

    def document(self, member: str) -> Object | None:
        """Return a member that must be a JSON object, or None if it is none."""
        if member not in self._documents:
            value = self.parsed(member)
            if value is not None and not isinstance(value, Mapping):
                self.problem(member, "document", f"expected an object, got {shown(value)}")
            self._documents[member] = value if isinstance(value, Mapping) else None
        return self._documents[member]

    def objects(self, document: Object, key: str, place: str) -> tuple[Object, ...]:
        """Return the objects of the list at `key`; other members are problems."""
        listed = document.get(key)
        if not isinstance(listed, list):
            self.problem(place, "document", f"{key}: expected a list, got {shown(listed)}")
            return ()
        if len(listed) > MAX_LISTED:
            text = f"{key}: {len(listed)} members, only {MAX_LISTED} of them looked at"
            self.problem(place, "document", text)
        for position, item in enumerate(listed[:MAX_LISTED]):
            if not isinstance(item, Mapping):
                text = f"{key}[{position}]: expected an object, got {shown(item)}"
                self.problem(place, "document", text)
        return tuple(item for item in listed[:MAX_LISTED] if isinstance(item, Mapping))

    def described(self, descriptor: Object, by: str) -> Described | None:
        """Return the blob that a descriptor in the document `by` leads to, if it is there."""
        named = self._named(descriptor.get("digest"), by)
        if named is None:
            return None
        member = f"blobs/sha256/{named.hex}"
        content = self.archive.blob(named)
        if content is None:
            self.problem(member, "blob-missing", f"not in the archive, named by {by}")
            return None
        self.used.add(member)
        if member not in self._digests:
            self._digests[member] = Digest.of(content)
        if self._digests[member] != named:
            self.problem(member, "blob-digest", f"has the digest {self._digests[member]}")
        self._check_descriptor(descriptor, member, content, by)
        media_type = descriptor.get("mediaType")
        return Described(
            member=member,
            digest=self._digests[member],
            media_type=media_type if isinstance(media_type, str) else "",
            content=content,
        )

    def _named(self, digest: Json, by: str) -> Digest | None:
        named = digest_or_none(digest)
        if named is not None:
            return named
        other = _OTHER_DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if other and other["algorithm"] != "sha256":
            self.used.add(f"blobs/{other['algorithm']}/{other['encoded']}")
            self.problem(by, "digest-algorithm", f"{shown(digest)} is not sha256: not checked")
        else:
            self.problem(by, "descriptor", f"expected a digest, got {shown(digest)}")
        return None

    def _check_descriptor(
        self, descriptor: Object, member: str, content: memoryview, by: str
    ) -> None:
        size = descriptor.get("size")
        if type(size) is not int:  # True is an int
            self.problem(by, "descriptor", f"{member}: size: expected bytes, got {shown(size)}")
        elif size != len(content):
            self.problem(member, "blob-size", f"expected {size} bytes, got {len(content)}")
        media_type = descriptor.get("mediaType")
        if not isinstance(media_type, str):
            text = f"{member}: its descriptor has the mediaType {shown(media_type)}"
            self.problem(by, "media-type", text)
        if descriptor.get("data") is not None and not _embeds(descriptor["data"], content):
            self.problem(by, "descriptor", f"{member}: data: another content than the blob's")
        if not is_strings(descriptor.get("annotations", {})):
            self.problem(by, "descriptor", f"{member}: annotations: expected strings by name")


def digest_or_none(value: Json) -> Digest | None:
    """Return the digest that a value of a document spells, if it spells one."""
    try:
        return Digest.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def is_strings(value: Json) -> TypeGuard[Mapping[str, str]]:
    """Say whether a value is an object of nothing but strings."""
    return isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())


def shown(value: Json) -> str:
    """Render a value for a message: short, and no structure."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case Mapping():
            return "an object"
        case str() | int() | float():
            text = repr(value)
            return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        case _:
            return "a list"


def _embeds(encoded: Json, content: memoryview) -> bool:
    """Say whether a descriptor's `data` is its blob ("Embedded Content")."""
    try:
        return isinstance(encoded, str) and base64.b64decode(encoded, validate=True) == content
    except ValueError:
        return False
