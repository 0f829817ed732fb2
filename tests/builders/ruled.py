"""Small systems in which the runtime rules are applied, and what came of one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader

from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.closure import Closure
from imagesmith.trace.seeds import trace


def ruled(
    content: Mapping[str, Content],
    *seeds: str,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    runtime: RuntimeSection = RuntimeSection(),
    promised: frozenset[str] = frozenset(),
) -> Closure:
    """Trace in a system with a loader and this content, with all rules of the first rule set."""
    tree = make_tree({GLIBC_INTERP: make_glibc(), **content})
    return trace(
        tree,
        seeds,
        include=include,
        exclude=exclude,
        runtime=runtime,
        rules=1,
        promised=promised,
        suspecting=True,
        read=reader(tree),
    )


def with_rules(*names: str) -> RuntimeSection:
    """Apply rules that are only listed otherwise."""
    return RuntimeSection(with_rules=names)


def shipped(closure: Closure, rule: str) -> list[str]:
    """Return the paths that a rule is the reason for."""
    return [path for path, reason in closure.paths.items() if reason.rule == rule]


def suspected(closure: Closure, rule: str) -> list[tuple[str, str]]:
    """Return what a rule suspects, each with the detail."""
    return [(each.what, each.detail) for each in closure.suspects if each.rule == rule]


def a_program(*strings: str, needed: Sequence[str] = (), rpath: str | None = None) -> bytes:
    """Write a program with these strings compiled in."""
    return make_elf(interp=GLIBC_INTERP, needed=needed, rpath=rpath, payload=compiled_in(*strings))


def a_library(
    soname: str, *strings: str, needed: Sequence[str] = (), rpath: str | None = None
) -> bytes:
    """Write a library with these strings compiled in."""
    return make_elf(soname=soname, needed=needed, rpath=rpath, payload=compiled_in(*strings))


def compiled_in(*strings: str) -> bytes:
    """Return strings as a compiler lays them out, each ended by NUL."""
    return b"".join(b"\0" + text.encode() for text in strings) + b"\0"
