"""`imagesmith why`: the reason for a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from imagesmith.cli import wording
from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.build.execute import Rootfs
    from imagesmith.elf.closure import Object
    from imagesmith.trace.closure import Reason

    Step = tuple[str, Reason]


@click.command("why", short_help="Show the chain from a seed to a path of the image.")
@click.argument("directory")
@click.argument("path")
@click.option("--arch", default="", help="Architecture; default: the host's, else the first.")
@mirrored
@shared
@click.pass_obj
def command(
    session: Session, directory: str, path: str, arch: str, mirrors: tuple[str, ...]
) -> None:
    """Show why PATH is in the image that DIRECTORY describes.

    The chain starts at a seed; whoever needs PATH besides is named after it, and
    with -v everybody.
    """
    from imagesmith.build import execute
    from imagesmith.build.contents import Contents
    from imagesmith.cli import documents, tracing
    from imagesmith.errors import UsageError
    from imagesmith.model.resolve import Found, resolve
    from imagesmith.trace.closure import chain

    image = documents.at(directory)
    plan = tracing.plan_of(tracing.manifest_of(image), arch)
    effects = session.effects(mirrors=mirrors)
    with Contents(effects.store) as contents:
        rootfs = execute.rootfs(plan, contents, effects)
    found = path if path in rootfs.reasons else resolve(rootfs.tree, path)
    real = found if isinstance(found, str) else found.path if isinstance(found, Found) else None
    if real is None:
        raise UsageError(
            problem=f"{path}: not in the image for {plan.arch}",
            hint=_elsewhere(rootfs, path),
        )
    steps = chain(rootfs.closure, real) or _alone(rootfs, real)
    owners = {step: rootfs.overlay.owners.get(step, ()) for step, _ in steps}
    session.result(
        _text(rootfs, steps, every=bool(session.verbose)),
        {
            "path": real,
            "architecture": plan.arch.debian,
            "chain": [
                {
                    "path": step,
                    "rule": reason.rule,
                    "needed_by": reason.needed_by,
                    "detail": reason.detail,
                    "packages": list(owners[step]),
                }
                for step, reason in steps
            ],
        },
    )


def _alone(rootfs: Rootfs, path: str) -> tuple[Step, ...]:
    """Return the reason of a path that no seed leads to: generated, a licence, a parent."""
    from imagesmith.trace.closure import Reason

    return ((path, rootfs.reasons.get(path, Reason("parent", None, "of what lies below it"))),)


def _elsewhere(rootfs: Rootfs, path: str) -> str:
    """Say which package has a path that is not in the image, or what may have been meant."""
    from imagesmith.model.resolve import Found, resolve

    union = rootfs.overlay
    found = resolve(union.tree, path)
    known = path if path in union.owners or not isinstance(found, Found) else found.path
    owners = union.owners.get(known, ())
    if owners:
        return f'{", ".join(owners)} ships it; to take it: include = ["{known}"] under [trace]'
    name = path.rstrip("/").rpartition("/")[2]
    same = [each for each in rootfs.tree.entries if name and each.endswith(f"/{name}")]
    meant = f"; did you mean {' or '.join(same[:3])}" if same else ""
    return f"no package of the manifest ships it{meant}"


def _text(rootfs: Rootfs, steps: tuple[Step, ...], *, every: bool) -> str:
    """Render the chain, each step below the one before, and who needs the last one besides."""
    lines = []
    for depth, (path, reason) in enumerate(steps):
        owners = rootfs.overlay.owners.get(path, ())
        package = f" ({wording.few(owners)})" if owners else ""
        lines.append(f"{'  ' * depth}{path}{package} [{_reason(rootfs, path, reason)}]")
    others = _others(rootfs, steps)
    if others:
        named = ", ".join(others) if every else wording.few(others)
        lines.append(f"{'  ' * (len(steps) - 1)}also needed by {named}")
    return "\n".join(lines)


def _reason(rootfs: Rootfs, path: str, reason: Reason) -> str:
    """Spell a reason, the rule of a library as `trace` does."""
    match reason.rule:
        case "needed":
            found = next(each for each in _objects(rootfs) if path in (each.real, *each.aliases))
            return f"needed {found.name} by {wording.rule(found.rule, found.detail)}"
        case "symlink":
            return f"symlink on the way of {reason.detail}"
        case "parent":
            above = f"{path.rstrip('/')}/"
            below = sorted(each for each in rootfs.reasons if each.startswith(above))
            return f"parent of {wording.few(below)}"
        case _:
            return f"{reason.rule} {reason.detail}".rstrip()


def _objects(rootfs: Rootfs) -> Iterator[Object]:
    for load in rootfs.closure.loads:
        yield from (*load.objects, *load.extras)


def _others(rootfs: Rootfs, steps: tuple[Step, ...]) -> list[str]:
    """Return who else asks for the last step, sorted; the chain shows only who was first."""
    last = steps[-1][0]
    found: set[str | None] = set()
    for load in rootfs.closure.loads:
        objects = (*load.objects, *load.extras)
        real = {each.path: each.real for each in objects}
        found |= {real.get(each.needed_by or "") for each in objects if each.real == last}
        found |= {real.get(edge.requester) for edge in load.edges if real.get(edge.target) == last}
    return sorted(each for each in found - {path for path, _ in steps} if each is not None)
