"""What a package says of itself: the control archive of a .deb (deb-control(5)).

The stanza is kept verbatim beside its parsed fields.  Relations between
packages are read elsewhere; here they are text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.text import printable
from imagesmith.model.tree import Span, Tree
from imagesmith.unpack import tar
from imagesmith.unpack.paths import Refused, decoded

SCRIPTS = ("config", "postinst", "postrm", "preinst", "prerm")
"""Maintainer scripts, sorted (deb-postinst(5) and its like; debconf-devel(7))."""

_FIELD = re.compile(r"([!\"$-,.-9;-~][!-9;-~]*):[ \t]*(.*)\Z")


def _frozen(scripts: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return MappingProxyType(dict(scripts))


@attrs.frozen(kw_only=True)
class Control:
    """The control archive of one package."""

    stanza: bytes
    """The control file, verbatim."""
    fields: Mapping[str, str] = attrs.field(init=False, eq=False, repr=False)
    """The stanza's fields in their order; lines of one value are joined with line feeds."""
    conffiles: tuple[str, ...] = ()
    """In the file's order, as it spells them; what dpkg is to delete is not among them."""
    md5sums: bytes | None = None
    scripts: Mapping[str, bytes] = attrs.field(factory=dict, converter=_frozen)
    """Those of `SCRIPTS` that the package has."""

    @fields.default
    def _parsed(self) -> Mapping[str, str]:
        return MappingProxyType(stanza_fields(self.stanza))


def from_archive(raw: bytes, *, artefact: str) -> Control:
    """Read the decompressed control archive `raw` of `artefact`."""
    view = memoryview(raw)
    tree = tar.index(view, blob=Digest.of(raw), artefact=artefact)
    stanza = _content(tree, raw, "control")
    if stanza is None:
        raise MalformedArtefact(artefact=artefact, member="control", problem="missing")
    try:
        return Control(
            stanza=stanza,
            conffiles=_conffiles(_content(tree, raw, "conffiles") or b""),
            md5sums=_content(tree, raw, "md5sums"),
            scripts={
                name: script
                for name in SCRIPTS
                if (script := _content(tree, raw, name)) is not None
            },
        )
    except Refused as error:
        raise MalformedArtefact(artefact=artefact, member="control", problem=str(error)) from None


def check_identity(
    control: Control, *, name: str, version: str, architecture: str, artefact: str
) -> None:
    """Refuse a package that is another than the one pinned; `all` suits any architecture."""
    expected = {
        "Package": (name,),
        "Version": (version,),
        "Architecture": (architecture, "all"),
    }
    for field, accepted in expected.items():
        got = control.fields.get(field)
        if got not in accepted:
            shown = "missing" if got is None else printable(got)
            raise MalformedArtefact(
                artefact=artefact,
                member="control",
                problem=f"{field} is {shown}, expected {accepted[0]}",
            )


def source_name(fields: Mapping[str, str], package: str) -> str:
    """Return what a package was built from; the name is left out where both are called alike."""
    return fields.get("Source", "").partition(" ")[0] or package


def stanza_fields(stanza: bytes) -> dict[str, str]:
    """Return the fields of the only stanza in `stanza`; Refused if it is not exactly one."""
    fields: dict[str, list[str]] = {}
    seen: set[str] = set()
    value: list[str] | None = None
    for number, line in enumerate(decoded(stanza).rstrip("\n").split("\n"), start=1):
        if line.startswith((" ", "\t")) and value is not None and line.strip():
            value.append(line)
            continue
        field = _FIELD.match(line)
        if field is None:
            raise Refused(f"line {number} is no field")
        if field[1].lower() in seen:
            raise Refused(f"field {field[1]} twice")
        seen.add(field[1].lower())
        value = fields[field[1]] = [field[2].rstrip()]
    return {name: "\n".join(lines) for name, lines in fields.items()}


def _content(tree: Tree, raw: bytes, name: str) -> bytes | None:
    file = tree.file(f"/{name}")
    if file is None:
        return None
    assert isinstance(file.content, Span)
    return raw[file.content.offset : file.content.offset + file.size]


def _conffiles(listing: bytes) -> tuple[str, ...]:
    """Return the paths listed (deb-conffiles(5)): one a line, flags before them."""
    lines = (line.rstrip() for line in decoded(listing).split("\n"))
    return tuple(line for line in lines if line.startswith("/"))
