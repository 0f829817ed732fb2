"""Results held against what a manifest expects.

Identity has two levels (DESIGN.md §5): *identical* is the same image digest,
*equivalent* the same config and diff-ids in other compressed bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

from imagesmith.audit.problem import Problem
from imagesmith.errors import DocumentError
from imagesmith.manifest import mtree
from imagesmith.manifest.pins import Expectation
from imagesmith.model.digest import Digest

Level = Literal["identical", "equivalent", "different"]
MAX_NAMED = 20
"""Differing files named in one finding."""


@attrs.frozen(kw_only=True)
class Result:
    """What was built, or found in an archive, for one architecture."""

    arch: str
    rootfs: bytes
    """Its mtree."""
    diff_ids: tuple[Digest, ...]
    config: Digest
    image: Digest


@attrs.frozen(kw_only=True)
class Comparison:
    """How a result stands to an expectation."""

    arch: str
    level: Level
    problems: tuple[Problem, ...]
    """Empty unless the level is *different*."""


def compare(result: Result, expected: Expectation, recorded: bytes | None) -> Comparison:
    """Hold `result` against `expected`; `recorded` is the manifest's ARCH.mtree, if at hand."""
    problems = [
        Problem(result.arch, code, f"expected {wanted}, got {got}")
        for code, wanted, got in (
            ("rootfs", expected.rootfs, Digest.of(result.rootfs)),
            ("diff-id", _joined(expected.diff_ids), _joined(result.diff_ids)),
            ("config", expected.config, result.config),
        )
        if wanted != got
    ]
    problems += differences(result, expected, recorded)
    level: Level = "different" if problems else "equivalent"
    if not problems and result.image == expected.image:
        level = "identical"
    return Comparison(arch=result.arch, level=level, problems=tuple(problems))


def differences(result: Result, expected: Expectation, recorded: bytes | None) -> Sequence[Problem]:
    """Name the files in which a root filesystem differs from the recorded one."""
    if recorded is None or Digest.of(result.rootfs) == expected.rootfs:
        return ()
    document = f"{result.arch}.mtree"
    if Digest.of(recorded) != expected.rootfs:
        return (Problem(document, "mtree", "not the mtree the manifest expects"),)
    try:
        before = mtree.parse(recorded, document=document)
        lines = mtree.differences(before, mtree.parse(result.rootfs, document=document))
    except DocumentError as error:
        text = ": ".join(part for part in (error.place, error.problem) if part)
        return (Problem(document, "mtree", text),)
    named = [Problem(result.arch, "file", line) for line in lines[:MAX_NAMED]]
    if len(lines) > MAX_NAMED:
        more = f"{len(lines) - MAX_NAMED} more files differ"
        named.append(Problem(result.arch, "file", more))
    return named


def _joined(digests: tuple[Digest, ...]) -> str:
    return " ".join(str(digest) for digest in digests) or "none"
