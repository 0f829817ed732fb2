"""`[trace]`: where tracing starts, and what people add to or take from its result."""

from __future__ import annotations

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections.words import image_paths
from imagesmith.manifest.table import Table
from imagesmith.model.arch import ARCHES, Arch

_KEYS = ("seeds", "include", "exclude")


@attrs.frozen(kw_only=True)
class Additions:
    """What one architecture has besides."""

    seeds: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class TraceSection:
    """Seeds, includes and excludes: for every architecture, and for single ones."""

    seeds: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    additions: tuple[tuple[str, Additions], ...] = ()
    """By Debian architecture name, sorted."""

    def on(self, arch: Arch) -> TraceSection:
        """Return what holds for one architecture; what is for all comes first."""
        own = dict(self.additions).get(arch.debian, Additions())
        return TraceSection(
            seeds=tuple(dict.fromkeys((*self.seeds, *own.seeds))),
            include=tuple(dict.fromkeys((*self.include, *own.include))),
            exclude=tuple(dict.fromkeys((*self.exclude, *own.exclude))),
        )


def read_trace(table: Table, architectures: tuple[Arch, ...]) -> TraceSection:
    """Read `[trace]` of a document about `architectures`."""
    known = [arch.debian for arch in architectures]
    for name in table.names():
        if name in ARCHES and name not in known:
            hint = f"the document is about {', '.join(known)}"
            raise table.error(name, "not one of the architectures", hint=hint)
    section = TraceSection(
        seeds=image_paths(table, "seeds"),
        include=image_paths(table, "include"),
        exclude=image_paths(table, "exclude"),
        additions=tuple(
            (name, _read_additions(table.table(name))) for name in known if table.has(name)
        ),
    )
    table.end()
    for arch in architectures:
        found = section.on(arch)
        if not found.seeds and not found.include:
            where = f" for {arch}" if section.additions else ""
            raise table.error("seeds", f"nothing to ship{where}: name a seed or an include")
    return section


def _read_additions(table: Table) -> Additions:
    found = Additions(
        seeds=image_paths(table, "seeds"),
        include=image_paths(table, "include"),
        exclude=image_paths(table, "exclude"),
    )
    table.end()
    if found == Additions():
        raise table.error("", f"expected some of {', '.join(_KEYS)}")
    return found


def write_trace(section: TraceSection) -> list[str]:
    """Write `[trace]`, one line an element."""
    lines = ["", "[trace]", f"seeds = {toml.array(section.seeds)}", *_write_patterns(section)]
    for name, own in section.additions:
        lines += ["", f"[trace.{name}]"]
        lines += [f"seeds = {toml.array(own.seeds)}"] if own.seeds else []
        lines += _write_patterns(own)
    return lines


def _write_patterns(section: TraceSection | Additions) -> list[str]:
    patterns = {"include": section.include, "exclude": section.exclude}
    return [f"{key} = {toml.block(values)}" for key, values in patterns.items() if values]
