"""The plan: a closed value that determines one image for one architecture.

Its digest is the key under which results are kept.  Whatever can change a byte
of the image is in it, and nothing else: not where artefacts lie, not the
manifest's serial, not what the manifest expects.
"""

from __future__ import annotations

import attrs

from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.sections import (
    Acknowledged,
    ImageSection,
    RootfsSection,
    RuntimeSection,
    TraceSection,
)
from imagesmith.model import canonical
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest

REVISION = 3
"""Version of tracing and assembling; kept results of another one are not used."""


@attrs.frozen(kw_only=True)
class Wanted:
    """One artefact of one architecture, with everything needed to get and check it."""

    name: str
    version: str
    architecture: str
    """As its control file says: a Debian architecture or `all`."""
    suite: str
    path: str
    size: int
    digest: Digest

    def __str__(self) -> str:
        """Return the spelling used in messages: `curl 7.88.1 amd64`."""
        return f"{self.name} {self.version} {self.architecture}"


@attrs.frozen(kw_only=True)
class Plan:
    """Everything that decides the bytes of one image."""

    format: int
    arch: Arch
    epoch: int
    artefacts: tuple[Wanted, ...]
    """Sorted by name."""
    rules: int
    runtime: RuntimeSection
    trace: TraceSection
    """For this architecture, as `rootfs` is."""
    recorded: tuple[str, ...]
    rootfs: RootfsSection
    image: ImageSection
    scripts: tuple[Acknowledged, ...]
    encoder: str
    """Implementation and version that will compress the layers."""

    @property
    def digest(self) -> Digest:
        """Return the key of this plan's result."""
        sections = attrs.asdict(
            attrs.evolve(self, artefacts=()), value_serializer=lambda _, __, value: _plain(value)
        )
        sections["arch"] = self.arch.debian
        sections["artefacts"] = [
            [item.name, item.version, item.architecture, item.digest.hex] for item in self.artefacts
        ]
        return Digest.of(canonical.to_bytes({**sections, "revision": REVISION}))


def _plain(value: object) -> object:
    """Return what canonical JSON has for a value: a digest for bytes."""
    return Digest.of(value).hex if isinstance(value, bytes) else value


def plan(manifest: Manifest, arch: Arch, *, encoder: str) -> Plan:
    """Return the plan of `manifest` for one of its architectures."""
    return Plan(
        format=manifest.format,
        arch=arch,
        epoch=manifest.epoch,
        artefacts=wanted(manifest, arch),
        rules=manifest.rules,
        runtime=manifest.runtime,
        trace=manifest.trace.on(arch),
        recorded=dict(manifest.recorded).get(arch.debian, ()),
        rootfs=manifest.rootfs.on(arch),
        image=manifest.image,
        scripts=tuple(attrs.evolve(each, because="", skipped=()) for each in manifest.scripts),
        encoder=encoder,
    )


def wanted(manifest: Manifest, arch: Arch) -> tuple[Wanted, ...]:
    """Return the artefacts that a build for `arch` uses, sorted by name."""
    suites = {name: evidence.source.suite for name, evidence in manifest.sources}
    found: list[Wanted] = []
    for artefact in manifest.artefacts:
        pin = artefact.pin(arch)
        if pin is not None:
            found.append(
                Wanted(
                    name=artefact.name,
                    version=artefact.version_for(arch),
                    architecture="all" if pin.path.endswith("_all.deb") else arch.debian,
                    suite=suites[artefact.source_for(arch)],
                    path=pin.path,
                    size=pin.size,
                    digest=pin.digest,
                )
            )
    return tuple(found)
