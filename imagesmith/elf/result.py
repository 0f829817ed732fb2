"""What loading a program comes to, and how `trace --json` says it (DESIGN.md §4)."""

from __future__ import annotations

import attrs

from imagesmith.elf.search import PassedOver, Unloadable
from imagesmith.model.canonical import Json
from imagesmith.model.facts import Loader


@attrs.frozen(kw_only=True)
class Object:
    """One file the loader maps."""

    path: str
    """As found."""
    real: str
    """After links."""
    soname: str | None = None
    links: tuple[str, ...] = ()
    """Every symlink crossed on the way, in order."""
    rule: str
    needed_by: str | None = None
    """Path of the requester as found."""
    name: str = ""
    """What was asked for: the name in DT_NEEDED, or the path."""
    detail: str = ""
    """Whose RPATH, which cache."""
    aliases: tuple[str, ...] = ()
    """Further real paths, hard links of one file, under which it was found as well."""
    searched: tuple[str, ...] = attrs.field(default=(), eq=False)
    """Directories tried for it, the one that has it last; how it was found, not what it is."""
    passed_over: tuple[PassedOver, ...] = attrs.field(default=(), eq=False)
    """Files of its name that were skipped on the way."""


@attrs.frozen
class Edge:
    """One request that was answered, the first for an object or a later one."""

    requester: str
    """Path as found."""
    name: str
    """As written in DT_NEEDED, or another entry that names an object."""
    target: str
    """Path of the object that answers, as found."""


@attrs.frozen
class Missing:
    """A name that nothing answered."""

    name: str
    needed_by: str | None
    """Path of the requester as found; None for a seed."""
    searched: tuple[str, ...] = ()
    hint: str | None = None


@attrs.frozen(kw_only=True)
class LoaderClosure:
    """What loading one seed comes to."""

    loader: Loader | None = None
    """None where nothing loads: static programs, or none of the loaders was found."""
    objects: tuple[Object, ...] = ()
    """In the loader's order, the seed first."""
    extras: tuple[Object, ...] = ()
    """Needed, but not in the loader's list: what better processors load instead (rule `hwcaps`)
    and audit modules (rule `audit`), with what these need."""
    missing: tuple[Missing, ...] = ()
    errors: tuple[Unloadable, ...] = ()
    warnings: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = attrs.field(default=(), eq=False)
    """Every request among `objects` and `extras` that was answered, in the loader's order."""
    consulted: tuple[tuple[str, str], ...] = ()
    """Configuration files the result rests on, each with the rule that read it."""

    @property
    def complete(self) -> bool:
        """Whether the program would start."""
        return not self.missing and not self.errors

    def to_json(self) -> Json:
        """Return the document of `trace --json` (DESIGN.md §4)."""
        loader = self.loader
        return {
            "format": 1,
            "loader": {
                "kind": loader.kind if loader else None,
                "version": loader.version if loader else None,
            },
            "objects": [_object_json(each) for each in self.objects],
            **({"extras": [_object_json(each) for each in self.extras]} if self.extras else {}),
            "missing": [
                {
                    "name": each.name,
                    "needed_by": each.needed_by,
                    "searched": list(each.searched),
                    "hint": each.hint,
                }
                for each in self.missing
            ],
            "errors": [{"path": each.path, "problem": each.problem} for each in self.errors],
            "warnings": list(self.warnings),
        }


def _object_json(each: Object) -> Json:
    return {
        "path": each.path,
        "real": each.real,
        "soname": each.soname,
        "links": list(each.links),
        "rule": each.rule,
        "needed_by": each.needed_by,
    }
