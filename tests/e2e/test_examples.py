"""The examples of this repository, built from real packages and made to do their job."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from builders.examples import MANIFESTS, NAMES, POLICY, Example, built, made, offline
from builders.pages import DOCS, script
from builders.sandbox import EMULATORS, bubblewrap, program
from builders.shell import Shell

from imagesmith.build import checks, results
from imagesmith.manifest import mtree
from imagesmith.model.arch import Arch
from imagesmith.sandbox.starting import launch

pytestmark = pytest.mark.e2e

EXAMPLES = tuple(Example(name) for name in NAMES)
IMAGES = [
    pytest.param(example, arch, id=f"{example.name}-{arch}")
    for example in EXAMPLES
    for arch in example.manifest.architectures
]


@pytest.fixture(scope="session")
def stocked(examples: Shell, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Example], Path]:
    """Return a function to have the packages of an example put into a store."""

    @cache
    def store(example: Example) -> Path:
        built(examples, example, tmp_path_factory.mktemp(example.name) / "image.tar")
        return examples.store

    return store


def test_every_example_is_signed() -> None:
    """No recipe lies about without a manifest that people can build."""
    assert [path.parent.name for path in sorted(MANIFESTS.glob("*/recipe.toml"))] == [*NAMES]


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_an_example_builds_to_the_digests_of_its_manifest(
    example: Example, examples: Shell, tmp_path: Path
) -> None:
    """Every image is identical to what its manifest expects, and so is the index."""
    ended = built(examples, example, tmp_path / "image.tar", "--json")

    assert str(example.manifest.expect_index) == ended.json["digest"]
    assert [
        {"architecture": arch, "digest": str(expected.image), "level": "identical"}
        for arch, expected in example.manifest.expect
    ] == ended.json["images"]


@pytest.mark.parametrize(("example", "arch"), IMAGES)
def test_an_example_does_its_job(
    example: Example, arch: Arch, stocked: Callable[[Example], Path]
) -> None:
    """Every check of its recipe passes in the minimal image, natively or emulated."""
    bubblewrap()
    if arch.debian in EMULATORS:
        program(EMULATORS[arch.debian], "qemu-user-static")
    effects = offline(stocked(example))
    kept = results.kept(example.plan(arch), effects.store)
    assert kept is not None
    found = list(checks.run(example.manifest, kept.image, effects, launch.here(os.environ)))

    assert [each.failure for each in found] == [None] * len(found)
    assert [each.check.name for each in found] == [
        check.name for check in example.manifest.checks if check.is_for(arch)
    ]
    assert found


def parents(path: str) -> Iterator[str]:
    """Yield every directory above a path."""
    while path != "/":
        path = posixpath.dirname(path)
        yield path


@pytest.mark.parametrize(("example", "arch"), IMAGES)
def test_every_path_of_an_example_has_a_reason(
    example: Example, arch: Arch, stocked: Callable[[Example], Path]
) -> None:
    """Nothing else is there but directories above; who is named as needing it is there too."""
    with made(example, arch, stocked(example)) as found:
        tree, reasons = found.rootfs.tree, found.rootfs.reasons
    above = {directory for path in reasons for directory in parents(path)}

    assert [path for path, _ in tree if path not in reasons and path not in above] == []
    assert [
        f"{path}: {reason}"
        for path, reason in reasons.items()
        if path not in tree or (reason.needed_by and reason.needed_by not in reasons)
    ] == []
    assert all(reason.rule for reason in reasons.values())
    assert (example.directory / f"{arch}.mtree").read_bytes() == mtree.to_bytes(tree)


@pytest.mark.parametrize(("example", "arch"), IMAGES)
def test_the_sizes_shown_are_those_of_the_build(
    example: Example, arch: Arch, stocked: Callable[[Example], Path]
) -> None:
    """Layer and packages are measured; docs/check.py compares the rest."""
    with script("sizes") as sizes, made(example, arch, stocked(example)) as found:
        measured = sizes.measure(example.manifest, arch, found.effects)
        row = sizes.row(example.directory, example.manifest, arch, measured)

        assert row in sizes.shown((DOCS / "sizes.md").read_text())


def test_a_second_build_leaves_the_archive_alone(examples: Shell, tmp_path: Path) -> None:
    """The file that already holds the result keeps its inode and its time."""
    archive = tmp_path / "busybox.tar"
    built(examples, Example("busybox"), archive)
    before = archive.stat()
    built(examples, Example("busybox"), archive)
    after = archive.stat()

    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_an_example_verifies_against_a_rebuild(examples: Shell, tmp_path: Path) -> None:
    """`verify --rebuild` in another store finds the image identical."""
    archive = tmp_path / "busybox.tar"
    busybox = Example("busybox")
    built(examples, busybox, archive)
    fresh = examples.elsewhere(tmp_path, store=tmp_path / "store")
    named = ("--manifest", busybox.directory, "--trust", POLICY)
    ended = fresh.ok("verify", archive, "--rebuild", *named)

    assert ended.out.splitlines()[:2] == ["amd64: identical", "s390x: identical"]
    assert "rebuilt amd64: identical\nrebuilt s390x: identical\n" in ended.err
