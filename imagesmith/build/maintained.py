"""Packages as their maintainer scripts leave them, and who has to know what is left out.

What a script of a shipped package would do besides is skipped: an image is made
only where a `[[script]]` acknowledges that very script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from imagesmith.build.contents import Contents
from imagesmith.build.plan import Plan
from imagesmith.errors import DocumentError, EffectsUnacknowledged, ScriptEffects
from imagesmith.manifest.sections import Acknowledged
from imagesmith.model.digest import Digest
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.effects.ledger import Ledger
from imagesmith.rootfs.overlay import overlay
from imagesmith.unpack.codec import PackageIndex

_Script = tuple[str, str]
"""Package and name."""


def configured(plan: Plan, indexed: Sequence[PackageIndex], contents: Contents) -> Configured:
    """Return the union of a plan's packages, configured as on a fresh system."""
    trees = {item.name: index.tree for item, index in zip(plan.artefacts, indexed, strict=True)}
    if not any(index.control.scripts for index in indexed):
        return Configured(overlay=overlay(trees.items()))
    from imagesmith.rootfs.effects import configure  # many packages have no scripts
    from imagesmith.sources.debian import relations, version

    packages = [
        configure.Package(
            name=item.name,
            version=item.version,
            scripts=index.control.scripts,
            depends=relations.names(
                index.control.fields.get(field, "") for field in ("Pre-Depends", "Depends")
            ),
        )
        for item, index in zip(plan.artefacts, indexed, strict=True)
    ]
    circumstances = configure.Circumstances(
        arch=plan.arch,
        compare=version.compare,
        users=plan.rootfs.users,
        ca_bundle=plan.rootfs.ca_bundle,
    )
    whole = overlay(configure.diverted(packages, trees, circumstances).items())
    return configure.configure(whole, packages, circumstances, read=contents.reader(whole.tree))


def check(scripts: Sequence[Acknowledged], lacking: Iterable[Ledger]) -> None:
    """Raise EffectsUnacknowledged unless each of the ledgers' scripts is acknowledged."""
    known = {(each.package, each.name, digest) for each in scripts for digest in each.digests}
    unknown = [each for each in lacking if (each.package, each.script, each.digest) not in known]
    if unknown:
        raise EffectsUnacknowledged(scripts=tuple(map(_described, unknown)))


def _described(ledger: Ledger) -> ScriptEffects:
    return ScriptEffects(
        package=ledger.package,
        name=ledger.script,
        digests=(ledger.digest.hex,),
        skipped=tuple(map(str, ledger.skipped)),
    )


def joined(errors: Iterable[EffectsUnacknowledged]) -> EffectsUnacknowledged:
    """Return one error for several architectures, each script named once."""
    found: dict[_Script, ScriptEffects] = {}
    for each in (script for error in errors for script in error.scripts):
        key = (each.package, each.name)
        before = found.setdefault(key, each)
        digests = tuple(sorted({*before.digests, *each.digests}))
        skipped = tuple(dict.fromkeys((*before.skipped, *each.skipped)))
        found[key] = attrs.evolve(before, digests=digests, skipped=skipped)
    return EffectsUnacknowledged(scripts=tuple(found[key] for key in sorted(found)))


def answered(
    scripts: Sequence[Acknowledged], lacking: Iterable[Ledger]
) -> tuple[Acknowledged, ...]:
    """Return acknowledgements with what they are for; DocumentError for one that is for nothing."""
    skipped: dict[_Script, dict[Digest, tuple[str, ...]]] = {}
    for ledger in lacking:
        lines = tuple(map(str, ledger.skipped))
        skipped.setdefault((ledger.package, ledger.script), {})[ledger.digest] = lines
    return tuple(_answered(each, skipped.get((each.package, each.name), {})) for each in scripts)


def _answered(script: Acknowledged, skipped: Mapping[Digest, tuple[str, ...]]) -> Acknowledged:
    for digest in script.digests:
        if digest not in skipped:
            raise DocumentError(
                document="recipe.toml",
                place=f"script.{script.package}.{script.name}",
                problem=f"nothing is left out of a script with sha256 {digest.hex}",
                hint="take it out of sha256, or the whole [[script]] if nothing else is in it",
            )
    lines = (line for digest in script.digests for line in skipped[digest])
    return attrs.evolve(script, skipped=tuple(dict.fromkeys(lines)))
