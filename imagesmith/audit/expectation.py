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


def compare(
    result: Result, expected: Expectation, recorded: bytes | None, *, exact: bool = False
) -> Comparison:
    """Hold `result` against `expected`; `recorded` is the manifest's ARCH.mtree, if at hand.

    `exact` says that the encoder the manifest names was used: then nothing excuses
    another image digest.
    """
    problems: list[Problem] = []
    rootfs = Digest.of(result.rootfs)
    if rootfs != expected.rootfs:
        text = f"expected {expected.rootfs}, got {rootfs}"
        problems.append(Problem(result.arch, "rootfs", text))
    if result.diff_ids != expected.diff_ids:
        text = _other_layers(expected.diff_ids, result.diff_ids)
        problems.append(Problem(result.arch, "diff-id", text))
    if result.config != expected.config:
        text = f"expected {expected.config}, got {result.config}"
        problems.append(Problem(result.arch, "config", text))
    if exact and not problems and result.image != expected.image:
        text = f"expected {expected.image}, got {result.image}"
        problems.append(Problem(result.arch, "image", text))
    problems += differences(result, expected, recorded)
    level: Level = "different" if problems else "equivalent"
    if not problems and result.image == expected.image:
        level = "identical"
    return Comparison(arch=result.arch, level=level, problems=tuple(problems))


def index_problems(
    comparisons: Sequence[Comparison], got: Digest | None, expected: Digest | None
) -> tuple[Problem, ...]:
    """Hold the image index over all images of a manifest against `expected`.

    Equivalent images have another index than identical ones; it is asked for only
    where nothing else excuses a difference.
    """
    excused = any(each.level != "identical" for each in comparisons)
    if expected is None or got == expected or excused:
        return ()
    return (Problem("index.json", "index", f"expected {expected}, got {got}"),)


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


def _other_layers(expected: tuple[Digest, ...], got: tuple[Digest, ...]) -> str:
    """Name the layers that only one side has, if both have some that the other has not."""
    missing = tuple(digest for digest in expected if digest not in got)
    added = tuple(digest for digest in got if digest not in expected)
    if missing and added:
        expected, got = missing, added
    return f"expected {_joined(expected)}, got {_joined(got)}"


def _joined(digests: tuple[Digest, ...]) -> str:
    return " ".join(str(digest) for digest in digests) or "none"
