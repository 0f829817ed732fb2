"""Checks of images that were built: what they run in, and what is found out where they fail."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest
from builders.checked import GREETING, world
from builders.world import World

from imagesmith.build import checks, plan, results
from imagesmith.build.checks import Checked
from imagesmith.build.effects import Effects
from imagesmith.errors import HostError, IntegrityError, MalformedArtefact, UsageError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.sections import Check, Step
from imagesmith.model import arch
from imagesmith.oci.image import Image
from imagesmith.sandbox.checks.absent import Absent
from imagesmith.sandbox.checks.checking import Failure
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.starting.launch import Host
from imagesmith.store import Store

HOST = launch.here(os.environ)
AMD64, ARM64 = arch.parse("amd64"), arch.parse("arm64")
FAILS = Check(name="fails", steps=(Step(args=("show", GREETING)),))
FAILURE = Failure(step=0, problem="exit status 2, expected 0")


def lacking(*names: str) -> Host:
    """Return this machine without some programs."""
    return HOST._replace(which=lambda name: None if name in names else HOST.which(name))


@attrs.frozen
class Locked:
    """A world that is locked, and its image."""

    world: World
    manifest: Manifest
    effects: Effects
    image: Image

    def run(self, *wanted: Check, host: Host = HOST) -> list[Checked]:
        """Run checks in the image."""
        manifest = attrs.evolve(self.manifest, checks=wanted)
        return list(checks.run(manifest, self.image, self.effects, host))


def lock(root: Path) -> Locked:
    """Make a world whose image lacks the greeting."""
    made = world(root, "")
    made.ok("lock", str(made.image))
    manifest = manifests.parse(made.manifest.read_bytes(), document="m")
    effects = Effects(store=Store.open(root / "store"), stream=None, mirrors=lambda _: (), now=0)
    built = results.kept(plan.plan(manifest, AMD64, encoder=manifest.encoder), effects.store)
    assert built is not None
    return Locked(made, manifest, effects, built.image)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Locked:
    """Return a world for all who leave it as it is."""
    return lock(tmp_path_factory.mktemp("world"))


def test_a_failure_names_what_is_absent(locked: Locked) -> None:
    """The others pass, and say no more."""
    passes = attrs.evolve(FAILS, name="passes", steps=(Step(args=("exit", "0")),))
    elsewhere = attrs.evolve(FAILS, architectures=("arm64",))

    assert locked.run(passes, elsewhere, FAILS) == [
        Checked(arch="amd64", check=passes),
        Checked(
            arch="amd64",
            check=FAILS,
            failure=FAILURE,
            absent=(Absent(path=GREETING, how="opened", packages=("hello",)),),
        ),
    ]
    assert locked.run(elsewhere) == []


def test_nothing_is_absent_from_the_full_tree(locked: Locked) -> None:
    """A step in it has everything there is; a step after it may not."""
    full = Step(tree="full", args=("show", GREETING), output="hello, world\n")
    wrong = attrs.evolve(full, output="")
    first, second = locked.run(
        attrs.evolve(FAILS, steps=(wrong,)), attrs.evolve(FAILS, steps=(full, *FAILS.steps))
    )

    assert (first.failure and first.failure.step, first.absent) == (0, ())
    assert second.failure == attrs.evolve(FAILURE, step=1)
    assert [each.path for each in second.absent] == [GREETING]


def test_a_server_that_does_not_come_up_is_looked_into(locked: Locked) -> None:
    """Not the client that it was for."""
    server = Step(args=("show", GREETING), background=True, port=4711)
    (found,) = locked.run(attrs.evolve(FAILS, steps=(server, Step(args=("exit", "0")))))

    assert found.failure == Failure(step=0, problem="exit status 2 before it was ready")
    assert [each.path for each in found.absent] == [GREETING]


def test_a_program_that_is_not_there_is_absent_itself(locked: Locked) -> None:
    """Wherever on the path the packages have it."""
    client = Check(name="client", steps=(Step(command=("client",)),))
    (found,) = locked.run(client)

    assert found.absent == (Absent(path="/usr/bin/client", how="executed", packages=("client",)),)


def test_without_strace_a_failure_is_still_told(locked: Locked) -> None:
    """With why nobody knows more; no check needs strace to pass."""
    (found,) = locked.run(FAILS, host=lacking("strace"))

    assert found == Checked(
        arch="amd64", check=FAILS, failure=FAILURE, untraced="strace: is not installed"
    )


def test_where_nothing_may_be_traced_that_is_told(locked: Locked, tmp_path: Path) -> None:
    """As in a container that forbids ptrace(2)."""
    refusing = tmp_path / "strace"
    refusing.write_text("#!/bin/sh\necho 'strace: PTRACE_TRACEME: Not permitted.' >&2\nexit 1\n")
    refusing.chmod(0o755)
    host = HOST._replace(which=lambda name: str(refusing) if name == "strace" else HOST.which(name))
    (found,) = locked.run(FAILS, host=host)

    assert (found.failure, found.absent) == (FAILURE, ())
    assert "this host allows no tracing: PTRACE_TRACEME: Not permitted" in found.untraced


def test_damaged_images_do_not_run(tmp_path: Path) -> None:
    """Every byte is verified before it is written out."""
    locked = lock(tmp_path)
    blob = locked.world.blob(locked.image.layers[0].digest.hex)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)
    with pytest.raises((IntegrityError, MalformedArtefact)):
        locked.run(FAILS)

    assert list((locked.world.root / "store" / "rootfs").iterdir()) == []


def test_checks_decide_no_byte(locked: Locked) -> None:
    """A manifest with other checks has the same plan."""
    other = attrs.evolve(locked.manifest, checks=(FAILS,))
    digests = {
        plan.plan(each, AMD64, encoder=each.encoder).digest for each in (locked.manifest, other)
    }

    assert len(digests) == 1


def test_what_keeps_programs_from_running_is_known_before() -> None:
    """No bubblewrap, no sandbox, no emulator."""
    host = HOST._replace(machine="x86_64")
    no_emulator = checks.obstacle(
        ARM64, lacking("qemu-aarch64-static", "qemu-aarch64")._replace(machine="x86_64")
    )

    assert checks.obstacle(AMD64, lacking("bwrap")) == HostError(
        path="bwrap", problem="is not installed", hint="apt-get install bubblewrap"
    )
    assert isinstance(no_emulator, UsageError)
    assert "no static qemu-aarch64 is installed" in no_emulator.message
    assert checks.obstacle(AMD64, host) is None
