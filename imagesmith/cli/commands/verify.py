"""`imagesmith verify`: every claim re-checked, all problems listed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.audit.expectation import Comparison
    from imagesmith.audit.problem import Problem
    from imagesmith.cli.documents import ImageDirectory


@click.command("verify", short_help="Re-check every claim of an image or a manifest.")
@click.argument("target", metavar="IMAGE|DIR")
@click.option(
    "--rebuild", is_flag=True, help="Build again from the packages, believing nothing derived."
)
@click.option(
    "--trust",
    envvar="IMAGESMITH_TRUST",
    help="Trust policy that must accept the manifest's signatures.",
)
@click.option(
    "--manifest",
    "directory",
    help="Directory of the manifest the IMAGE must answer; default: manifests/NAME if it is there.",
)
@mirrored
@shared
@click.pass_context
def command(ctx: click.Context, /, target: str, **options: Any) -> None:  # noqa: ANN401 - click's own
    """Re-compute every digest of an IMAGE archive, or re-check a manifest's DIR.

    An IMAGE is held against the expectations of a manifest whose signatures the
    trust policy accepts; --rebuild builds from that manifest and compares.
    """
    session: Session = ctx.obj
    path = Path(target)
    if path.is_dir() or path.suffix == ".toml":
        problems, comparisons = _directory(session, target, options)
    else:
        problems, comparisons = _archive(session, path, options)
    lines = [str(problem) for problem in problems]
    lines += [f"{found.arch}: {found.level}" for found in comparisons if not found.problems]
    session.result(
        "\n".join([*lines, f"{target}: {_verdict(problems)}"]),
        {
            "verified": not problems,
            "problems": [problem.to_json() for problem in problems],
            "images": [{"architecture": f.arch, "level": f.level} for f in comparisons],
        },
    )
    ctx.exit(1 if problems else 0)


def _verdict(problems: list[Problem]) -> str:
    return "verified" if not problems else f"not verified, {len(problems)} problems"


def _directory(
    session: Session, target: str, options: dict[str, Any]
) -> tuple[list[Problem], list[Comparison]]:
    """Check signatures, recipe and mtrees of a manifest's directory."""
    from imagesmith.audit.problem import Problem
    from imagesmith.cli import documents, trusting
    from imagesmith.model.digest import Digest

    image = documents.at(target)
    found = trusting.manifest(session, image, options["trust"]).manifest
    problems = [
        Problem(str(image.mtree(arch)), "mtree", "not the mtree the manifest expects")
        for arch, expected in found.expect
        if Digest.of(image.recorded(arch) or b"") != expected.rootfs
    ]
    comparisons = _rebuilt(session, image, options) if options["rebuild"] else []
    return problems + [p for c in comparisons for p in c.problems], comparisons


def _rebuilt(session: Session, image: ImageDirectory, options: dict[str, Any]) -> list[Comparison]:
    """Build every architecture anew and compare with the expectations."""
    import attrs

    from imagesmith.build import deliver
    from imagesmith.cli import trusting

    trusted = trusting.manifest(session, image, options["trust"])
    effects = attrs.evolve(session.effects(mirrors=options["mirrors"]), fresh=True)
    delivery = deliver.build(
        trusted, trusted.manifest.architectures, effects, recorded=image.recorded
    )
    return list(delivery.comparisons)


def _archive(
    session: Session, path: Path, options: dict[str, Any]
) -> tuple[list[Problem], list[Comparison]]:
    """Check an archive by itself, against its manifest, and against a rebuild of it."""
    from imagesmith.audit.problem import Problem
    from imagesmith.cli import auditing, trusting
    from imagesmith.errors import UsageError

    found = auditing.read(path)
    beside = _manifest_of(found.reference, options["directory"])
    manifest = None
    if beside is not None:
        manifest = trusting.manifest(session, beside, options["trust"]).manifest
    elif options["rebuild"]:
        hint = "name its directory with --manifest DIR"
        raise UsageError(problem=f"{path}: no manifest to rebuild from", hint=hint)
    else:
        session.note(f"{path}: not held against a manifest; name one with --manifest DIR")
    checked = auditing.check(found, manifest, beside)
    problems = [*found.problems, *(p for each in checked for p in each.problems)]
    comparisons = [each.comparison for each in checked if each.comparison]
    identical = len(checked) > 1 and all(each.level == "identical" for each in comparisons)
    if manifest and identical and found.digest != manifest.expect_index:
        text = f"expected {manifest.expect_index}, got {found.digest}"
        problems.append(Problem("index.json", "index", text))
    if options["rebuild"] and beside is not None:
        rebuilt = _rebuilt(session, beside, options)
        problems += [problem for each in rebuilt for problem in each.problems]
        for each in rebuilt:
            session.note(f"rebuilt {each.arch}: {each.level}")
    return sorted(set(problems)), comparisons


def _manifest_of(reference: str, named: str | None) -> ImageDirectory | None:
    """Return the directory of the manifest an image answers, if it is known."""
    from imagesmith.cli import documents

    if named:
        return documents.at(named)
    folder, slash, last = reference.rpartition("/")
    name = folder + slash + last.partition(":")[0]
    candidate = documents.ImageDirectory(Path("manifests") / name)
    plain = name and not name.startswith("/") and ".." not in name.split("/")
    return candidate if plain and candidate.manifest.is_file() else None
