"""`imagesmith why`: the reason for a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.build.execute import Rootfs
    from imagesmith.trace.closure import Reason


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
    """Show why PATH is in the image that DIRECTORY describes."""
    from imagesmith.build import execute
    from imagesmith.build.contents import Contents
    from imagesmith.cli import documents, tracing
    from imagesmith.errors import UsageError
    from imagesmith.model.resolve import Found, resolve
    from imagesmith.trace.closure import chain

    image = documents.at(directory)
    plan = tracing.plan_of(image, arch)
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
    lines = [_line(step, reason, owners[step]) for step, reason in steps]
    session.result(
        "\n".join(f"{'  ' * depth}{line}" for depth, line in enumerate(lines)),
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


def _alone(rootfs: Rootfs, path: str) -> tuple[tuple[str, Reason], ...]:
    """Return the reason of a path that no seed leads to: generated, a licence, a parent."""
    from imagesmith.trace.closure import Reason

    return ((path, rootfs.reasons.get(path, Reason("parent", None, "of what lies below it"))),)


def _elsewhere(rootfs: Rootfs, path: str) -> str:
    owners = rootfs.overlay.owners.get(path, ())
    if owners:
        return f'{", ".join(owners)} ships it; to take it: include = ["{path}"] under [trace]'
    return "no package of the manifest ships it"


def _line(path: str, reason: Reason, owners: tuple[str, ...]) -> str:
    detail = f" {reason.detail}" if reason.detail else ""
    package = f" ({', '.join(owners)})" if owners else ""
    return f"{path}{package} [{reason.rule}{detail}]"
