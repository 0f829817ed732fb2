"""The examples of this repository, for tests that look at all of them alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import attrs
import pytest
from builders.real import REPOSITORY
from builders.shell import Ended, Shell

from imagesmith.build import execute, plan
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.execute import Rootfs
from imagesmith.build.plan import Plan
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.arch import Arch
from imagesmith.store import Store

MANIFESTS = REPOSITORY / "manifests"
POLICY = MANIFESTS / "trust.toml"
NAMES = tuple(sorted(path.parent.name for path in MANIFESTS.glob("*/manifest.toml.asc")))
"""The directories with a signed manifest."""


@attrs.frozen(slots=False)
class Example:
    """One example, as it is committed."""

    name: str

    @property
    def directory(self) -> Path:
        """Return where its recipe and manifest lie."""
        return MANIFESTS / self.name

    @cached_property
    def manifest(self) -> Manifest:
        """Return what is pinned."""
        raw = (self.directory / "manifest.toml").read_bytes()
        return manifests.parse(raw, document=f"{self.name}/manifest.toml")

    def plan(self, arch: Arch) -> Plan:
        """Return the plan for one of its architectures."""
        return plan.plan(self.manifest, arch, encoder=self.manifest.encoder)


def built(shell: Shell, example: Example, output: Path, *options: str) -> Ended:
    """Build an example; skip when the mirror has moved on to newer packages."""
    named = ("--trust", POLICY, "-o", output)
    ended = shell.imagesmith("build", example.directory, *named, *options)
    if ended.status == 7 and "not found" in ended.err:
        pytest.skip(f"the mirror no longer has a pinned package: {ended.err}")
    assert ended.status == 0, ended.err
    return ended


@attrs.frozen
class Made:
    """The root file system of an example, made again from packages that a store has."""

    plan: Plan
    rootfs: Rootfs
    contents: Contents
    effects: Effects


def offline(store: Path) -> Effects:
    """Return what a build needs that finds everything in a store."""
    return Effects(store=Store.open(store), stream=None, mirrors=lambda _: (), now=0)


@contextmanager
def made(example: Example, arch: Arch, store: Path) -> Iterator[Made]:
    """Lend what an example ships for an architecture, with the reasons; nothing is fetched."""
    effects, plan = offline(store), example.plan(arch)
    with Contents(effects.store) as contents:
        yield Made(plan, execute.rootfs(plan, contents, effects), contents, effects)
