"""Other people's tools agree: they read what is called sound and refuse what is not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.image import write_archive
from builders.layout import Archive, Change, Layer, make, zipped
from builders.tar import make_tar
from builders.trees import adversarial

from imagesmith.audit import contents
from imagesmith.compression import EncoderKind
from imagesmith.model.tree import Directory, Entry, File, Symlink, Tree

needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo not installed")
needs_umoci = pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci not installed")


def skopeo(*arguments: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run skopeo under a policy that accepts anything, with its temporary files out of the way."""
    policy = tmp_path / "policy.json"
    policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    return subprocess.run(
        ["skopeo", f"--policy={policy}", f"--tmpdir={tmp_path}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def spoil(role: str) -> Change:
    """Change the last byte of a blob without changing its name."""

    def spoiled(members: dict[str, bytes], at: Callable[[str], str]) -> None:
        members[at(role)] = members[at(role)][:-1] + b" "

    return spoiled


@needs_skopeo
class TestSkopeo:
    """`skopeo inspect` and `skopeo copy`."""

    @pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
    def test_it_copies_what_is_sound(self, tmp_path: Path, kind: EncoderKind) -> None:
        """And finds the digest, the platform and the layers that the audit finds."""
        path = tmp_path / "image.tar"
        write_archive(path, {"amd64": adversarial()}, kind=kind)
        made = Archive(path.read_bytes(), {})
        found = made.layout()
        (image,) = found.images
        inspected = skopeo("inspect", f"oci-archive:{path}", tmp_path=tmp_path)
        copied = skopeo("copy", f"oci-archive:{path}", f"oci:{tmp_path}/x:1", tmp_path=tmp_path)
        told = json.loads(inspected.stdout)

        assert made.verdicts() == []
        assert copied.returncode == 0, copied.stderr
        assert told["Digest"] == str(found.digest)
        assert f"{told['Os']}/{told['Architecture']}" == image.platform
        assert told["Layers"] == [str(layer.digest) for layer in image.layers]

    @pytest.mark.parametrize("destination", ["oci-archive", "docker-archive"])
    def test_the_audit_reads_what_it_writes(self, tmp_path: Path, destination: str) -> None:
        """An OCI archive is sound; a docker-archive alone is no OCI layout, and that is said."""
        source, target = tmp_path / "a.tar", tmp_path / "b.tar"
        source.write_bytes(make(layers=[zipped(), Layer(tar=make_tar({"/b": b"2"}))]).content)
        copied = skopeo(
            "copy", f"oci-archive:{source}", f"{destination}:{target}:b:1", tmp_path=tmp_path
        )
        found = Archive(target.read_bytes(), {})

        assert copied.returncode == 0, copied.stderr
        if destination == "oci-archive":
            assert found.verdicts() == []
        else:
            assert "index.json: missing [document]" in found.verdicts()

    @pytest.mark.parametrize("role", ["layer", "config"])
    def test_it_refuses_a_blob_with_a_wrong_digest(self, tmp_path: Path, role: str) -> None:
        """As the audit does; what it does not look at is the size of a layer."""
        made = make(members=spoil(role))
        path = tmp_path / "a.tar"
        path.write_bytes(made.content)
        copied = skopeo("copy", f"oci-archive:{path}", f"dir:{tmp_path}/x", tmp_path=tmp_path)

        assert any(line.endswith("[blob-digest]") for line in made.verdicts())
        assert copied.returncode != 0
        assert "digest" in copied.stderr.lower()


@needs_umoci
class TestUmoci:
    """`umoci raw unpack`: layers over each other."""

    def test_it_unpacks_the_tree_that_was_read(self, tmp_path: Path) -> None:
        """Replaced directories, links and attributes, of three layers."""
        layers: list[dict[str, Entry | bytes | str]] = [
            {"/d/x": b"1", "/e/y": b"1", "/l": Symlink(target="e"), "/m": Directory(mode=0o700)},
            {"/d": b"2", "/l": Directory(), "/l/z": b"2"},
            {"/e/y": b"3", "/e": Directory(mode=0o711)},
        ]
        made = make(layers=[zipped(make_tar(layer)) for layer in layers])
        (tmp_path / "oci").mkdir()
        (tmp_path / "a.tar").write_bytes(made.content)
        subprocess.run(["tar", "xf", "../a.tar"], check=True, cwd=tmp_path / "oci")
        rootfs = tmp_path / "rootfs"
        unpacked = subprocess.run(
            [
                *("umoci", "raw", "unpack", "--rootless"),
                *("--image", f"{tmp_path}/oci:registry.example.org/app:1.4.2", rootfs),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        (image,) = made.layout().images

        assert unpacked.returncode == 0, unpacked.stderr
        assert made.verdicts() == []
        assert on_disk(rootfs) == flat(contents.read(image).tree)


def on_disk(root: Path) -> dict[str, str]:
    """Render what lies below a directory."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = "/" + str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"symlink {path.readlink()}"
        elif path.is_dir():
            found[name] = f"dir {path.stat().st_mode & 0o7777:o}"
        else:
            found[name] = f"file {path.stat().st_size}"
    return found


def flat(tree: Tree) -> dict[str, str]:
    """Render a tree without hard links the same way."""
    found = {}
    for path, entry in tree:
        match entry:
            case Directory():
                found[path] = f"dir {entry.mode:o}"
            case Symlink():
                found[path] = f"symlink {entry.target}"
            case _:
                assert isinstance(entry, File)
                found[path] = f"file {entry.size}"
    return found
