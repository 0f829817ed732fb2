"""The examples of this repository, built from real packages."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.real import REPOSITORY
from builders.shell import Ended, Shell

from imagesmith.manifest import manifest as manifests

pytestmark = pytest.mark.e2e
POLICY = REPOSITORY / "manifests" / "trust.toml"


@pytest.fixture(scope="session")
def examples(shell: Shell) -> Shell:
    """Return a shell whose store knows no other images of the examples' names."""
    return shell.elsewhere(shell.directory, store=shell.store.with_name("examples-store"))


def built(shell: Shell, name: str, output: Path, *options: str) -> Ended:
    """Build an example; skip when the mirror has moved on to newer packages."""
    named = ("--trust", POLICY, "-o", output)
    ended = shell.imagesmith("build", REPOSITORY / "manifests" / name, *named, *options)
    if ended.status == 7 and "not found" in ended.err:
        pytest.skip(f"the mirror no longer has a pinned package: {ended.err}")
    assert ended.status == 0, ended.err
    return ended


@pytest.mark.parametrize("name", ["curl", "busybox"])
def test_an_example_builds_to_the_digests_of_its_manifest(
    name: str, examples: Shell, tmp_path: Path
) -> None:
    """Every image is identical to what its manifest expects, and so is the index."""
    raw = (REPOSITORY / "manifests" / name / "manifest.toml").read_bytes()
    manifest = manifests.parse(raw, document="manifest.toml")
    ended = built(examples, name, tmp_path / "image.tar", "--json")

    assert str(manifest.expect_index) == ended.json["digest"]
    assert [
        {"architecture": arch, "digest": str(expected.image), "level": "identical"}
        for arch, expected in manifest.expect
    ] == ended.json["images"]


def test_a_second_build_leaves_the_archive_alone(examples: Shell, tmp_path: Path) -> None:
    """The file that already holds the result keeps its inode and its time."""
    archive = tmp_path / "busybox.tar"
    built(examples, "busybox", archive)
    before = archive.stat()
    built(examples, "busybox", archive)
    after = archive.stat()

    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_an_example_verifies_against_a_rebuild(examples: Shell, tmp_path: Path) -> None:
    """`verify --rebuild` in another store finds the image identical."""
    archive = tmp_path / "busybox.tar"
    built(examples, "busybox", archive)
    fresh = examples.elsewhere(tmp_path, store=tmp_path / "store")
    named = ("--manifest", REPOSITORY / "manifests" / "busybox", "--trust", POLICY)
    ended = fresh.ok("verify", archive, "--rebuild", *named)

    assert ended.out.splitlines()[:2] == ["amd64: identical", "s390x: identical"]
    assert "rebuilt amd64: identical\nrebuilt s390x: identical\n" in ended.err
