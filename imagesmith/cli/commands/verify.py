"""`imagesmith verify`: every claim re-checked, all problems listed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click
from click.core import ParameterSource

from imagesmith.cli import moment, upstream
from imagesmith.cli.session import Session, mirrored, shared

if TYPE_CHECKING:
    from imagesmith.audit.expectation import Comparison
    from imagesmith.audit.problem import Problem
    from imagesmith.build.deliver import Delivery
    from imagesmith.build.upstream import Chain
    from imagesmith.cli.documents import ImageDirectory
    from imagesmith.trust.trusted import TrustedManifest


@click.command("verify", short_help="Re-check every claim of an image or a manifest.")
@click.argument("target", metavar="IMAGE|DIR")
@click.option(
    "--rebuild", is_flag=True, help="Build again from the packages, believing nothing derived."
)
@click.option(
    "--upstream",
    is_flag=True,
    help="Replay the chain from the archives' keys to each artefact, from what lock kept.",
)
@click.option(
    "--keyring",
    "keyrings",
    multiple=True,
    help="Keyring to look archive keys up in, with --upstream.",
)
@click.option(
    "--trust",
    envvar="IMAGESMITH_TRUST",
    help="Trust policy that must accept the manifest's signatures.",
)
@click.option(
    "--allow-rollback",
    is_flag=True,
    help="For this run, accept a lower serial than this store has accepted before.",
)
@click.option(
    "--at",
    callback=moment.seconds,
    metavar="TIME",
    help="Judge signatures and expiry at this time (RFC 3339), and serials not at all.",
)
@click.option(
    "--manifest",
    "directory",
    help="Directory of the manifest the IMAGE must answer; default: manifests/NAME if it is there.",
)
@mirrored
@shared
@click.pass_context
def command(ctx: click.Context, /, target: str, **options: Any) -> None:
    """Re-compute every digest of an IMAGE archive, or re-check a manifest's DIR.

    An IMAGE is held against the expectations of a manifest whose signatures the
    trust policy accepts; --rebuild builds from that manifest and compares.
    --upstream works offline from the store that lock filled, years later too.
    """
    session: Session = ctx.obj
    path = Path(target)
    options["asked"] = ctx.get_parameter_source("trust") is ParameterSource.COMMANDLINE
    if path.is_dir() or path.suffix == ".toml":
        found = _directory(session, target, options)
    else:
        found = _archive(session, path, options)
    if options["upstream"]:
        found = _replayed(session, found, options)
    lines = [str(problem) for problem in found.problems]
    lines += [line for chain in found.chains for line in upstream.lines(chain)]
    lines += [f"{each.arch}: {each.level}" for each in found.comparisons if not each.problems]
    session.result(
        "\n".join([*lines, f"{target}: {_verdict(found)}"]),
        {
            "verified": found.verified,
            "manifest": _authority(found.trusted),
            "problems": [problem.to_json() for problem in found.problems],
            "images": [{"architecture": f.arch, "level": f.level} for f in found.comparisons],
            "upstream": [upstream.document(chain) for chain in found.chains],
        },
    )
    ctx.exit(1 if found.problems else 0)


@attrs.frozen(kw_only=True)
class Findings:
    """What a verification found."""

    problems: tuple[Problem, ...]
    comparisons: tuple[Comparison, ...] = ()
    chains: tuple[Chain, ...] = ()
    """What archives vouch for, if that was asked."""
    trusted: TrustedManifest | None = None
    """What things were held against."""

    @property
    def verified(self) -> bool:
        """Whether everything there is to check was checked and is as claimed."""
        return not self.problems and self.trusted is not None


def _verdict(found: Findings) -> str:
    if found.problems:
        count = len(found.problems)
        return f"not verified, {count} problem{'s' if count > 1 else ''}"
    if found.trusted is None:
        return "sound, but not held against a manifest"
    return f"verified as {found.trusted.manifest.name} serial {found.trusted.manifest.serial}"


def _authority(trusted: TrustedManifest | None) -> dict[str, Any] | None:
    """Say what was verified against, for --json."""
    if trusted is None:
        return None
    return {
        "digest": str(trusted.digest),
        "name": trusted.manifest.name,
        "serial": trusted.manifest.serial,
        "expires": trusted.manifest.expires,
        "signers": [accepted.primary for accepted in trusted.verdict.accepted],
    }


def _trusted(session: Session, image: ImageDirectory, options: dict[str, Any]) -> TrustedManifest:
    from imagesmith.cli import trusting

    return trusting.manifest(
        session,
        image,
        options["trust"],
        at=options["at"],
        allow_rollback=options["allow_rollback"],
    )


def _mtrees(image: ImageDirectory, trusted: TrustedManifest) -> list[Problem]:
    """Hold the listings people review against the manifest."""
    from imagesmith.audit.problem import Problem
    from imagesmith.model.digest import Digest

    return [
        Problem(str(image.mtree(arch)), "mtree", "not the mtree the manifest expects")
        for arch, expected in trusted.manifest.expect
        if Digest.of(image.recorded(arch) or b"") != expected.rootfs
    ]


def _directory(session: Session, target: str, options: dict[str, Any]) -> Findings:
    """Check signatures, recipe and mtrees of a manifest's directory."""
    from imagesmith.cli import documents

    image = documents.at(target)
    trusted = _trusted(session, image, options)
    problems = _mtrees(image, trusted)
    if not options["rebuild"]:
        return Findings(problems=tuple(problems), trusted=trusted)
    rebuilt = _rebuilt(session, trusted, image, options)
    _advise(session, trusted, rebuilt.comparisons)
    found = _told(*problems, *rebuilt.problems)
    return Findings(problems=found, comparisons=rebuilt.comparisons, trusted=trusted)


def _told(*problems: Problem) -> tuple[Problem, ...]:
    """Sort problems; each is told once."""
    return tuple(sorted(set(problems)))


def _rebuilt(
    session: Session, trusted: TrustedManifest, image: ImageDirectory, options: dict[str, Any]
) -> Delivery:
    """Build every architecture anew and compare with the expectations."""
    from imagesmith.build import deliver

    effects = attrs.evolve(session.effects(mirrors=options["mirrors"]), fresh=True)
    arches = trusted.manifest.architectures
    return deliver.build(trusted, arches, effects, recorded=image.recorded)


def _replayed(session: Session, found: Findings, options: dict[str, Any]) -> Findings:
    """Add what the archives say of the artefacts."""
    assert found.trusted is not None, "without a manifest nobody comes here"
    replay = upstream.replay(session, found.trusted.manifest, options)
    problems = _told(*found.problems, *replay.problems)
    return attrs.evolve(found, problems=problems, chains=replay.chains)


def _advise(
    session: Session, trusted: TrustedManifest, comparisons: tuple[Comparison, ...]
) -> None:
    """Tell what lacks to be identical where something is only equivalent."""
    from imagesmith.cli import encoders

    if any(each.level == "equivalent" for each in comparisons):
        session.note(encoders.advice(trusted.manifest))


def _archive(session: Session, path: Path, options: dict[str, Any]) -> Findings:
    """Check an archive by itself, against its manifest, and against a rebuild of it."""
    from imagesmith.cli import auditing
    from imagesmith.errors import UsageError

    found = auditing.read(path)
    beside = _manifest_of(found.reference, options["directory"])
    if beside is None:
        hint = "name its directory with --manifest DIR"
        demands = options["rebuild"] or options["upstream"] or options["asked"]
        if demands or options["at"] is not None:
            raise UsageError(problem=f"{path}: no manifest to hold it against", hint=hint)
        session.note(f"{path}: not held against a manifest; {hint}")
        alone = auditing.check(found, None, None)
        return Findings(problems=_told(*found.problems, *(p for c in alone for p in c.problems)))
    trusted = _trusted(session, beside, options)
    checked = auditing.check(found, trusted.manifest, beside)
    comparisons = tuple(each.comparison for each in checked if each.comparison)
    problems = [*found.problems, *(p for each in checked for p in each.problems)]
    problems += auditing.naming(found, trusted.manifest, comparisons)
    problems += _mtrees(beside, trusted)
    session.note(f"{path}: held against {beside.manifest}")
    again: tuple[Comparison, ...] = ()
    if options["rebuild"]:
        rebuilt = _rebuilt(session, trusted, beside, options)
        problems += rebuilt.problems
        again = rebuilt.comparisons
        for each in again:
            session.note(f"rebuilt {each.arch}: {each.level}")
    _advise(session, trusted, (*comparisons, *again))
    return Findings(problems=_told(*problems), comparisons=comparisons, trusted=trusted)


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
