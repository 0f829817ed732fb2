"""Checks for people and for programs: run where they can be, told where they fail."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from imagesmith.build import checks
from imagesmith.build.checks import Checked
from imagesmith.build.deliver import Delivery
from imagesmith.build.effects import Effects
from imagesmith.build.lock import Locked
from imagesmith.cli import wording
from imagesmith.cli.documents import ImageDirectory
from imagesmith.cli.session import Session
from imagesmith.errors import CheckFailed, ImagesmithError
from imagesmith.manifest import table as toml
from imagesmith.manifest.manifest import Manifest
from imagesmith.model import arch as arches
from imagesmith.model.arch import Arch
from imagesmith.model.canonical import Json
from imagesmith.oci.image import Image
from imagesmith.sandbox.checks.absent import Absent
from imagesmith.sandbox.starting import launch

MAX_ABSENT = 12
"""Paths that a message names; --json has all."""


def lock(
    session: Session, image: ImageDirectory, locked: Locked, effects: Effects, *, skip: bool
) -> list[Json]:
    """Run the checks of what was locked, before anything is written, unless they are to `skip`."""
    if skip:
        if locked.manifest.checks:
            session.warn(f"{image.recipe}: checks not run, as --no-checks asks")
        return []
    document = str(image.recipe)
    return _run(session, locked.manifest, locked.images, effects, document=document, must=False)


def build(
    session: Session, image: ImageDirectory, delivery: Delivery, effects: Effects
) -> list[Json]:
    """Run the checks of a manifest in what was built of it; an error where they cannot run."""
    document = str(image.manifest)
    return _run(session, delivery.manifest, delivery.images, effects, document=document, must=True)


def _run(
    session: Session,
    manifest: Manifest,
    images: Sequence[Image],
    effects: Effects,
    *,
    document: str,
    must: bool,
) -> list[Json]:
    """Run all checks of a manifest in images of it, and return a row of each for --json.

    CheckFailed names every check that failed.  Where this machine cannot run an
    architecture there is a warning, or the reason as an error if it `must`.
    """
    host, found, rows = launch.here(os.environ), [], list[Json]()
    for image in images:
        if not any(check.is_for(image.arch) for check in manifest.checks):
            continue
        obstacle = checks.obstacle(image.arch, host)
        if obstacle:
            rows += _skipped(session, manifest, image.arch, obstacle, must=must)
            continue
        for checked in checks.run(manifest, image, effects, host):
            session.detail(f"{checked.check.name} ({checked.arch}): {_word(checked)}")
            found.append(checked)
            rows.append(_row(checked))
    _judge(session, manifest, found, rows, document)
    return rows


def _skipped(
    session: Session, manifest: Manifest, arch: Arch, obstacle: ImagesmithError, *, must: bool
) -> Iterator[Json]:
    if must:
        raise obstacle
    advice = f"; {obstacle.hint}" if obstacle.hint else ""
    session.warn(f"checks of {arch} not run: {obstacle.message}{advice}")
    for check in manifest.checks:
        if check.is_for(arch):
            name = check.name
            yield {"architecture": arch.debian, "check": name, "status": "skipped"}


def _judge(
    session: Session,
    manifest: Manifest,
    found: Sequence[Checked],
    rows: Sequence[Json],
    document: str,
) -> None:
    """Say that everything passed; CheckFailed if something did not."""
    failed = [checked for checked in found if checked.failure]
    if not failed:
        for arch in dict.fromkeys(checked.arch for checked in found):
            count = sum(checked.arch == arch for checked in found)
            session.note(f"{wording.plural(count, 'check')} of {arch} passed")
        return
    if session.as_json:
        session.result("", {"checks": rows})
    hint = "[trace] include of the recipe adds files; see Smoke tests in docs/how-to.md"
    raise CheckFailed(
        document=document,
        failures=tuple("\n".join(_told(checked, manifest)) for checked in failed),
        hint=hint if any(checked.absent for checked in failed) else None,
    )


def _word(checked: Checked) -> str:
    return "failed" if checked.failure else "passed"


def _row(checked: Checked) -> Json:
    failure = checked.failure
    row: dict[str, Json] = {
        "architecture": checked.arch,
        "check": checked.check.name,
        "status": _word(checked),
    }
    if failure:
        absent = [
            {"path": each.path, "how": each.how, "packages": list(each.packages)}
            for each in checked.absent
        ]
        row |= {
            "step": failure.step + 1,
            "problem": failure.problem,
            "tail": list(failure.tail),
            "absent": absent,
        }
    return row


def _told(checked: Checked, manifest: Manifest) -> Iterator[str]:
    """Yield the lines that tell of a failure."""
    assert checked.failure is not None
    steps = len(checked.check.steps)
    step = f", step {checked.failure.step + 1} of {steps}" if steps > 1 else ""
    yield f"{checked.check.name} ({checked.arch}){step}: {checked.failure.problem}"
    yield from (f"  | {line}" for line in checked.failure.tail)
    if checked.untraced:
        yield f"  what it looked for in vain is not known: {checked.untraced}"
    if checked.absent:
        yield "  looked for in vain, though the packages have it:"
        for absent in _by_package(checked.absent[:MAX_ABSENT]):
            include = toml.array((_pattern(absent.path, checked.arch, manifest),))
            whose = f"; of {' '.join(absent.packages)}" if absent.packages else ""
            yield f"    include = {include}  # {absent.how}{whose}"
    if len(checked.absent) > MAX_ABSENT:
        yield f"    and {len(checked.absent) - MAX_ABSENT} more, which --json lists"


def _by_package(found: Iterable[Absent]) -> Iterator[Absent]:
    """Yield what is absent with that of one package together, most telling package first."""
    by_package: dict[tuple[str, ...], list[Absent]] = {}
    for each in found:
        by_package.setdefault(each.packages, []).append(each)
    for absent in by_package.values():
        yield from absent


def _pattern(path: str, arch: str, manifest: Manifest) -> str:
    """Return how a recipe includes a path: it must name something on every architecture."""
    if len(manifest.architectures) == 1:
        return path
    return path.replace(f"/{arches.parse(arch).triplet}/", "/*/")
