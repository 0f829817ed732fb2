"""Small roots of glibc or musl, and runtime rules that are asked about programs in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from builders.elf import GLIBC_INTERP, MUSL_INTERP, make_glibc, make_musl
from builders.roots import Content, make_tree, reader
from builders.symbols import make_object, wanted

from imagesmith.elf.closure import BARE, Root
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace import patterns
from imagesmith.trace.program import program
from imagesmith.trace.reasons import Reasons
from imagesmith.trace.rules.apply import Applied, ask
from imagesmith.trace.rules.rule import Rule
from imagesmith.trace.shipping import Shipping

DIRECTORY = "/lib/x86_64-linux-gnu"
"""The first of the directories that `make_glibc` looks into."""
LIBC = f"{DIRECTORY}/libc.so.6"


def glibc(*strings: str, version: str = "2.36") -> dict[str, Content]:
    """Return a loader, and a libc.so.6 that has some strings compiled in."""
    content = make_object(soname="libc.so.6") + with_strings(*strings)
    return {GLIBC_INTERP: make_glibc(version=version), LIBC: content}


def musl() -> dict[str, Content]:
    """Return a loader, which is the C library as well."""
    return {MUSL_INTERP: make_musl()}


def importing(
    *symbols: str,
    interp: str | None = GLIBC_INTERP,
    needed: Sequence[str] = ("libc.so.6",),
    strings: Sequence[str] = (),
) -> bytes:
    """Return a program, or a library without `interp`, that imports some symbols."""
    made = make_object([wanted(name) for name in symbols], interp=interp, needed=needed)
    return made + with_strings(*strings)


def with_strings(*strings: str) -> bytes:
    """Return what follows a file to have strings in it."""
    return b"\0" + b"".join(text.encode() + b"\0" for text in strings)


def added(applied: Applied, rule: str) -> dict[str, str]:
    """Return the paths that a rule brought, each with the detail of its reason."""
    reasons = applied.shipping.reasons.paths.items()
    return {path: reason.detail for path, reason in reasons if reason.rule == rule}


@attrs.frozen
class Asked:
    """A root, and programs in it, about which some rules are asked."""

    files: Mapping[str, Content]
    seeds: Sequence[str] = ()
    exclude: Sequence[str] = ()
    """Patterns."""
    runtime: RuntimeSection = RuntimeSection()
    promised: frozenset[str] = frozenset()

    def about(self, *rules: Rule, suspecting: bool = False) -> Applied:
        """Ask these rules only; the closure is in the `shipping` of the answer."""
        tree = make_tree(self.files)
        paths = tuple(tree.entries)
        reasons = Reasons(Root(tree, reader(tree)))
        for seed in self.seeds:
            reasons.add_load(program(reasons.root, seed))
        named = (patterns.match(tree, pattern, lambda: paths) for pattern in self.exclude)
        excluded = {path for match in named for path in match.paths}
        applied = Applied(Shipping(reasons, BARE, lambda: paths, excluded), self.runtime)
        return ask(rules, applied, promised=self.promised, suspecting=suspecting)
