"""What `trace --suspects` adds: what runtime rules suspect beside what a program loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagesmith.cli import wording
from imagesmith.elf.closure import Environment, LoaderClosure, Root
from imagesmith.manifest.manifest import RULES
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.canonical import Json
from imagesmith.model.text import printable
from imagesmith.model.tree import Filesystem, Tree
from imagesmith.trace.closure import Suspected
from imagesmith.trace.reasons import Reasons
from imagesmith.trace.rules.apply import apply
from imagesmith.trace.shipping import Shipping

if TYPE_CHECKING:
    from imagesmith.cli.tracing import Traced


def suspects(
    traced: Traced,
    closure: LoaderClosure,
    environment: Environment,
) -> tuple[Suspected, ...]:
    """Return what is suspected beside a closure and what rules would add to it."""
    reasons = Reasons(Root(traced.filesystem, traced.read, traced.lend))
    reasons.add_load(closure)
    shipping = Shipping(reasons, environment, lambda: _listing(traced.filesystem), ())
    runtime, rules = RuntimeSection(), RULES
    if traced.plan is not None:
        runtime, rules = traced.plan.runtime, traced.plan.rules
    applied = apply(shipping, runtime, rules, suspecting=True)
    return tuple(applied.suspects)


def _listing(filesystem: Filesystem) -> tuple[str, ...]:
    """Return the paths of a tree; a directory of the host is walked where a rule looks at it."""
    return tuple(filesystem.entries) if isinstance(filesystem, Tree) else ()


def text(found: Sequence[Suspected]) -> str:
    """Render suspects a line each: what, the rule, whether it is there, and for whom."""
    rows = [
        (each.what, each.rule, "present" if each.present else "absent", _why(each))
        for each in found
    ]
    return "\n".join(["suspected:", *(f"  {printable(row)}" for row in wording.columns(rows))])


def _why(each: Suspected) -> str:
    return " ".join(part for part in (each.needed_by or "-", each.detail) if part)


def to_json(found: Sequence[Suspected]) -> list[Json]:
    """Return the rows of `trace --json --suspects`."""
    return [
        {
            "rule": each.rule,
            "what": each.what,
            "needed_by": each.needed_by,
            "detail": each.detail,
            "present": each.present,
        }
        for each in found
    ]
