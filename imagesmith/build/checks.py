"""The checks of a manifest, run in the images that were made of it.

Each image is verified and written out as `run` does it, from its layers in the store.
Where a check fails it is run once more, the failing step under strace: what that
looked for in vain and the packages have is the likely cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import attrs

from imagesmith.audit import exporting as audited
from imagesmith.audit.layout import ImageFound, LayerFound
from imagesmith.build import exporting
from imagesmith.build import plan as plans
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.build.union import configured
from imagesmith.errors import HostError, ImagesmithError, UsageError
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.sections import Check
from imagesmith.model.arch import Arch
from imagesmith.model.canonical import Json
from imagesmith.oci.image import Image
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.overlay import Overlay
from imagesmith.sandbox.checks import checking, expect, holder
from imagesmith.sandbox.checks.absent import Absent, absent
from imagesmith.sandbox.checks.checking import Failure, Stage
from imagesmith.sandbox.starting import inside, launch, platform, refusal
from imagesmith.sandbox.starting.launch import Host
from imagesmith.sandbox.trees.lending import Exported
from imagesmith.sandbox.watching import calls, strace
from imagesmith.sandbox.watching.accesses import Access, accesses
from imagesmith.store import Store


@attrs.frozen(kw_only=True)
class Checked:
    """What came of one check on one architecture."""

    arch: str
    """Its Debian name."""
    check: Check
    failure: Failure | None = None
    absent: tuple[Absent, ...] = ()
    """What the failing step looked for in vain, though packages have it; most telling first."""
    untraced: str = ""
    """Why nobody knows what it looked for."""


def obstacle(arch: Arch, host: Host) -> ImagesmithError | None:
    """Return what keeps this machine from running programs of an architecture, if anything does."""
    try:
        bwrap = launch.bubblewrap_of(host)
        holder.programs(host)
        if not _is_native(arch, host):
            platform.emulator(_platform(arch), host.which)
    except (HostError, UsageError) as error:
        return error
    return refusal.reason(bwrap, host.read)


def _platform(arch: Arch) -> str:
    return platform.normal("/".join(filter(None, ("linux", arch.oci, arch.variant))))


def _is_native(arch: Arch, host: Host) -> bool:
    return platform.is_native(_platform(arch), platform.host(host.machine))


def run(manifest: Manifest, image: Image, effects: Effects, host: Host) -> Iterator[Checked]:
    """Run every check of `manifest` that is for the architecture of `image`, its own.

    HostError where this machine cannot (`obstacle` tells before); IntegrityError if the
    store has other bytes than were built.
    """
    checks = [check for check in manifest.checks if check.is_for(image.arch)]
    if not checks:
        return
    plan = plans.plan(manifest, image.arch, encoder=manifest.encoder)
    needs_full = any(step.tree == "full" for check in checks for step in check.steps)
    with ExitStack() as stack:
        contents = stack.enter_context(Contents(effects.store))
        world = _World(plan=plan, contents=contents, effects=effects)
        exported = stack.enter_context(_lent(image, manifest.reference, effects.store))
        stage = Stage(
            image=exported,
            full=stack.enter_context(world.lent()) if needs_full else None,
            stop=expect.stop_signal(manifest.image.config.stop_signal),
            host=host,
            patience=1 if _is_native(image.arch, host) else checking.EMULATED,
        )
        for done, check in enumerate(checks):
            effects.progress(f"check {image.arch}", done, len(checks))
            yield _checked(check, stage, world)
        effects.progress(f"check {image.arch}", len(checks), len(checks))


@attrs.define(kw_only=True)
class _World:
    """The packages of a plan as one tree, which is made only if somebody asks for it."""

    plan: Plan
    contents: Contents
    effects: Effects
    _packages: Configured | None = attrs.field(default=None, init=False)

    @property
    def packages(self) -> Configured:
        """Return the packages as their maintainer scripts leave them."""
        if self._packages is None:
            self._packages = configured(self.plan, self.contents, self.effects)
        return self._packages

    @property
    def whole(self) -> Overlay:
        """Return the union of the packages."""
        return self.packages.overlay

    @contextmanager
    def lent(self) -> Iterator[Exported]:
        """Lend it on disk."""
        tree = exporting.full(self.plan, self.packages, self.contents)
        with exporting.lent(tree, self.plan, self.effects.store) as found:
            yield found


def _checked(check: Check, stage: Stage, world: _World) -> Checked:
    arch = world.plan.arch.debian
    failure = checking.run(check, stage)
    if failure is None:
        return Checked(arch=arch, check=check)
    if check.steps[failure.step].tree == "full":
        return Checked(arch=arch, check=check, failure=failure)
    try:
        seen = _accesses(check, failure, stage)
    except HostError as error:
        return Checked(arch=arch, check=check, failure=failure, untraced=error.message)
    has = partial(inside.has, stage.image.root)
    missed = absent(seen, world.whole.tree, world.whole.owners, has=has)
    return Checked(arch=arch, check=check, failure=failure, absent=missed)


def _accesses(check: Check, failure: Failure, stage: Stage) -> Iterable[Access]:
    """Run a check again and return what the failing step does to files.

    HostError where there is no strace, or may be none.
    """
    if failure.sought:
        return [Access(path, calls.EXECUTE, "ENOENT") for path in failure.sought]
    step = failure.step
    with strace.log(stage.host.which) as log:
        checking.run(check, stage, through=lambda index: log.through if index == step else ())
        found = accesses(log.lines())
    tracer = stage.host.which(strace.PROGRAM)
    why_not = tracer and not found.is_started and strace.reason(tracer, stage.host.read)
    if why_not:
        raise why_not
    return found.all


@contextmanager
def _lent(image: Image, reference: str, store: Store) -> Iterator[Exported]:
    """Lend the root of an image on disk, written if it is new."""
    with ExitStack() as stack:
        stack.enter_context(store.in_use())
        layers = tuple(
            LayerFound(
                member=f"blobs/sha256/{layer.digest.hex}",
                digest=layer.digest,
                media_type=layer.media_type,
                content=stack.enter_context(store.map(layer.digest)),
                diff_id=layer.diff_id,
            )
            for layer in image.layers
        )
        audited.export(_found(image, layers), store, reference=reference, what=str(image.digest))
    with audited.lent(store, image.digest.hex) as exported:
        yield exported


def _found(image: Image, layers: tuple[LayerFound, ...]) -> ImageFound:
    """Describe an image that was built here as one that was found in an archive."""
    config: Mapping[str, Json] = json.loads(image.config)
    return ImageFound(
        platform=_platform(image.arch),
        member=f"blobs/sha256/{image.digest.hex}",
        digest=image.digest,
        config_member=f"blobs/sha256/{image.config_digest.hex}",
        config_digest=image.config_digest,
        config=config,
        diff_ids=tuple(layer.diff_id for layer in image.layers),
        layers=layers,
    )
