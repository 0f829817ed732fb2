"""Reading image archives strictly: our own and other people's, for auditing them.

Promises that every member handed out is a regular file under a plain name that
no other member has, and that documents have one meaning: UTF-8, no key twice,
no NaN, bounded depth.  What is wrong with the rest of the archive is reported,
not raised, so that an audit can list every problem.  Whether blobs match their
digests, and what the documents say, is left to the audit.

An OCI archive is a tar of an OCI layout (image-spec 1.1, image-layout.md), a
docker-archive a tar around `manifest.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NoReturn

import attrs

from imagesmith.errors import MalformedArtefact
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.text import printable
from imagesmith.unpack import tar
from imagesmith.unpack.header import Header
from imagesmith.unpack.paths import image_path

MAX_DOCUMENT = 4 * 1024 * 1024
"""What registries accept as an image manifest (distribution-spec 1.1), in bytes."""

_REGULAR, _DIRECTORY = "0", "5"


@attrs.frozen(order=True)
class Problem:
    """Something an archive should not have; the rest of it can still be read."""

    member: str
    """Name inside the archive, escaped for terminals."""
    problem: str


@attrs.frozen(kw_only=True)
class Archive:
    """The members of an archive, by their names without a leading `./`."""

    name: str
    """What messages call the archive."""
    members: Mapping[str, memoryview]
    problems: tuple[Problem, ...]

    def blob(self, digest: Digest) -> memoryview | None:
        """Return the blob stored under `digest`, its content not yet compared with it."""
        return self.members.get(f"blobs/sha256/{digest.hex}")

    def document(self, member: str) -> Mapping[str, Json]:
        """Return a member that must be a JSON object; MalformedArtefact if it is none."""
        if member not in self.members:
            raise MalformedArtefact(artefact=self.name, member=printable(member), problem="missing")
        value = parse(self.members[member], artefact=self.name, member=member)
        if not isinstance(value, Mapping):
            _refuse(self.name, member, "not a JSON object")
        return value


def read(view: memoryview, *, name: str) -> Archive:
    """Index the members of the archive `view`; MalformedArtefact if it is no tar to its end."""
    members: dict[str, memoryview] = {}
    problems = []
    for header in tar.entries(view, artefact=name):
        try:
            path = _member_path(header, members)
        except ValueError as error:
            problems.append(Problem(printable(header.name), str(error)))
            continue
        if path and header.type == _REGULAR:
            members[path] = view[header.offset : header.offset + header.size]
    return Archive(name=name, members=MappingProxyType(members), problems=tuple(sorted(problems)))


def parse(raw: bytes | memoryview, *, artefact: str, member: str) -> Json:
    """Parse one JSON document strictly; MalformedArtefact where readers could differ."""
    if len(raw) > MAX_DOCUMENT:
        _refuse(artefact, member, f"a document of more than {MAX_DOCUMENT} bytes")
    try:
        value: Json = json.loads(
            str(raw, "utf-8"), object_pairs_hook=_object, parse_constant=_constant
        )
    except RecursionError:
        _refuse(artefact, member, "JSON nested too deeply")
    except ValueError as error:
        _refuse(artefact, member, f"not JSON: {error}")
    return value


def _member_path(header: Header, members: Mapping[str, memoryview]) -> str:
    if header.type not in (_REGULAR, _DIRECTORY):
        raise ValueError(f"neither a file nor a directory: type {printable(header.type)}")
    if header.name.startswith("/"):
        raise ValueError("an absolute name")
    name = header.name.removesuffix("/") if header.type == _DIRECTORY else header.name
    path = image_path(name)[1:]
    if path in members:
        raise ValueError("a second member with this name")
    return path


def _object(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"key {key!a} twice")
        members[key] = value
    return members


def _constant(name: str) -> NoReturn:
    raise ValueError(f"the constant {name}")


def _refuse(artefact: str, member: str, problem: str) -> NoReturn:
    raise MalformedArtefact(artefact=artefact, member=printable(member), problem=problem)
