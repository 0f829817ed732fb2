"""`imagesmith export`: one image in every form."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from builders.image import EPOCH, write_archive
from builders.trees import adversarial
from builders.unpacked import expected, on_disk
from builders.world import World
from click.testing import CliRunner, Result

from imagesmith.cli.app import app
from imagesmith.compression import EncoderKind
from imagesmith.model.tree import File, Tree

TREES = {"amd64": adversarial(), "arm64": Tree({"/b": File.of(b"b")})}


def run(*words: str | Path) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an archive with images for two architectures."""
    write_archive(tmp_path / "a.tar", TREES, reference="team/app:1", kind="zstd")
    return tmp_path / "a.tar"


def test_an_archive_comes_back_from_a_layout_unchanged(image: Path, tmp_path: Path) -> None:
    """The directory has every byte of it, under a name of one's own if asked."""
    said = run("export", image, f"oci:{tmp_path}/d")
    named = run("export", image, f"oci:{tmp_path}/d", "--name", "other:2", "--json")
    copy = run("export", image, tmp_path / "b.tar")
    listed = json.loads((tmp_path / "d" / "index.json").read_text())["manifests"]

    assert said.stdout == copy.stdout
    assert {each["digest"] for each in listed} == {said.stdout.strip()}
    assert len(listed) == 2
    assert json.loads(named.stdout)["reference"] == "other:2"
    assert (tmp_path / "b.tar").read_bytes() == image.read_bytes()


@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
def test_a_docker_archive_has_plain_layers_and_the_same_config(
    tmp_path: Path, kind: EncoderKind
) -> None:
    """So the image has the id that engines know it by."""
    image = tmp_path / "a.tar"
    write_archive(image, {"amd64": adversarial()}, reference="team/app", kind=kind)
    said = run("export", image, f"docker-archive:{tmp_path}/d.tar")
    with tarfile.open(tmp_path / "d.tar") as opened:
        (listing,) = json.loads(opened.extractfile("manifest.json").read())  # type: ignore[union-attr]
        config = opened.extractfile(listing["Config"]).read()  # type: ignore[union-attr]
        layers = [opened.extractfile(name).read() for name in listing["Layers"]]  # type: ignore[union-attr]

    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    assert said.exit_code == 0
    assert listing["RepoTags"] == ["team/app:latest"]
    assert [f"sha256:{name.removesuffix('.tar')}" for name in listing["Layers"]] == diff_ids
    assert json.loads(config)["rootfs"]["diff_ids"] == diff_ids
    assert f"{hashlib.sha256(config).hexdigest()}.json" == listing["Config"]
    assert hashlib.sha256(config).hexdigest().encode() in image.read_bytes()


def test_the_root_filesystem_is_the_one_layer(image: Path, tmp_path: Path) -> None:
    """Its tar is the bytes that the diff-id names."""
    said = run("export", image, f"tar:{tmp_path}/r.tar", "--arch", "amd64")
    again = run("export", tmp_path / "a.tar", f"tar:{tmp_path}/r.tar", "--arch", "amd64")
    run("export", image, f"docker-archive:{tmp_path}/d.tar", "--arch", "amd64")
    with tarfile.open(tmp_path / "d.tar") as opened:
        names = opened.getnames()

    assert f"{said.stdout.strip().removeprefix('sha256:')}.tar" in names
    assert again.stdout == said.stdout
    with tarfile.open(tmp_path / "r.tar") as opened:
        assert len(opened.getnames()) == len(TREES["amd64"])


def test_the_root_filesystem_can_be_a_directory(image: Path, tmp_path: Path) -> None:
    """With everything its tar says; it is not written over anything."""
    said = run("export", image, f"dir:{tmp_path}/root", "--arch", "amd64")
    run("export", image, f"tar:{tmp_path}/r.tar", "--arch", "amd64")
    again = run("export", image, f"dir:{tmp_path}/root", "--arch", "amd64")

    assert (said.exit_code, again.exit_code) == (0, 2)
    assert "exists already" in again.stderr
    assert on_disk(tmp_path / "root") == expected(TREES["amd64"], epoch=EPOCH)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "r.tar", "root"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tar:r.tar",), "holds one architecture, and there are linux/amd64, linux/arm64"),
        (("tar:r.tar", "--arch", "s390x"), "--arch s390x: there is no such image"),
        (("tar:r.tar", "--arch", "vax"), "--arch: unknown architecture 'vax'"),
        (("oci:d", "--arch", "amd64"), "--arch amd64: oci:d holds what the archive holds"),
        (("oci:",), "names no file"),
        (("tar:-", "--arch", "amd64"), "nothing is written to the standard output"),
        (("b.tar", "--name", "A B"), "not an image reference"),
    ],
)
def test_what_cannot_be_written_is_said(
    image: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    """And nothing is."""
    place, *options = words
    kind, _, path = place.rpartition(":")
    where = f"{kind}:{tmp_path / path}" if kind and path.strip("-") else place
    said = run("export", image, where if kind else tmp_path / place, *options)

    assert said.exit_code == 2
    assert message.replace("oci:d", where) in said.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar"]


def test_what_is_not_sound_is_not_exported(image: Path, tmp_path: Path) -> None:
    """A copy would look as if it were."""
    raw = bytearray(image.read_bytes())
    raw[raw.index(b'"created"') + 1] ^= 1
    image.write_bytes(raw)
    said = run("export", image, f"oci:{tmp_path}/d")

    assert said.exit_code == 5
    assert not (tmp_path / "d").exists()


@pytest.mark.skipif(shutil.which("umoci") is None, reason="install umoci")
def test_umoci_unpacks_an_exported_layout(tmp_path: Path) -> None:
    """Which it cannot do with an archive."""
    tree = {"amd64": Tree({"/b": File.of(b"content")})}
    write_archive(tmp_path / "a.tar", tree, reference="app", kind="gzip")
    run("export", tmp_path / "a.tar", f"oci:{tmp_path}/d", "--name", "one")
    subprocess.run(
        ["umoci", "unpack", "--rootless", "--image", f"{tmp_path}/d:one", tmp_path / "bundle"],
        check=True,
        capture_output=True,
    )

    assert (tmp_path / "bundle" / "rootfs" / "b").read_bytes() == b"content"


class TestBuild:
    """`build -o KIND:PATH`: the same forms, without an archive between."""

    def test_every_form_is_what_export_makes_of_the_archive(self, tmp_path: Path) -> None:
        """Byte for byte."""
        world = World.built(tmp_path, "amd64")
        world.ok("build", str(world.image), "-o", str(tmp_path / "a.tar"))
        for kind in ("oci", "docker-archive", "tar"):
            world.ok("build", str(world.image), "-o", f"{kind}:{tmp_path}/built-{kind}")
            said = run("export", tmp_path / "a.tar", f"{kind}:{tmp_path}/exported-{kind}")
            assert said.exit_code == 0

        for path in sorted(tmp_path.glob("exported-*/**/*")):
            twin = Path(str(path).replace("exported-", "built-"))
            assert path.is_dir() or path.read_bytes() == twin.read_bytes()
        for kind in ("docker-archive", "tar"):
            exported = tmp_path / f"exported-{kind}"
            assert exported.read_bytes() == (tmp_path / f"built-{kind}").read_bytes()

    def test_one_form_for_two_architectures_is_refused_at_once(self, tmp_path: Path) -> None:
        """Before anything is built."""
        world = World.built(tmp_path)
        shutil.rmtree(tmp_path / "store")
        said = world.run("build", str(world.image), "-o", f"tar:{tmp_path}/r.tar")

        assert said.status == 2
        assert "holds one architecture, and there are 2" in said.err
        assert (
            world.run(
                "build", str(world.image), "--arch", "arm64", "-o", f"tar:{tmp_path}/r.tar"
            ).status
            == 0
        )
