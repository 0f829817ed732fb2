"""GNU tar and `unpack.tar` read each other's archives alike."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builders.tar import Files, make_tar

from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Hardlink, Symlink
from imagesmith.unpack import tar

pytestmark = pytest.mark.skipif(shutil.which("tar") is None, reason="GNU tar is not installed")


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar"])
def test_what_gnu_tar_writes_is_read(form: str, tmp_path: Path) -> None:
    """An archive of a directory on disk has the entries of that directory."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "file").write_bytes(b"content")
    (root / "sub" / "file").chmod(0o640)
    (root / "sub" / "twin").hardlink_to(root / "sub" / "file")
    (root / "link").symlink_to("/nowhere")
    if form != "ustar":
        (root / ("d" * 150)).mkdir()
        (root / ("d" * 150) / ("f" * 150)).write_bytes(b"long")
    command = [
        "tar",
        f"--format={form}",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "-C",
        str(root),
        "-c",
    ]
    raw = subprocess.run([*command, "."], check=True, capture_output=True).stdout
    tree = tar.index(memoryview(raw), blob=Digest.of(raw), artefact="x.tar")

    names = {"/" + str(path.relative_to(root)) for path in root.rglob("*")}
    assert names == {path for path, _ in tree} - {"/"}
    assert Hardlink(target="/sub/file") == tree.entry("/sub/twin")
    assert Symlink(target="/nowhere") == tree.entry("/link")
    file = tree.file("/sub/file")
    assert file is not None
    assert (0o640, Digest.of(b"content")) == (file.mode, file.digest)


@pytest.mark.parametrize("gnu", [False, True])
def test_gnu_tar_reads_what_the_builder_writes(tmp_path: Path, *, gnu: bool) -> None:
    """Otherwise these tests would prove nothing."""
    files: Files = {
        "/a/" + "n" * 120: File.of(b"content", mode=0o4711),
        "/l": Symlink(target="t" * 120),
        "/z": Hardlink(target="/a/" + "n" * 120),
    }
    path = tmp_path / "x.tar"
    path.write_bytes(make_tar(files, gnu=gnu))
    command = ["tar", "--numeric-owner", "--utc", "-tvf", str(path)]
    listed = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}
    )

    assert [
        "drwxr-xr-x 0/0               0 2023-11-14 22:13 ./",
        "drwxr-xr-x 0/0               0 2023-11-14 22:13 ./a/",
        f"-rws--x--x 0/0               7 2023-11-14 22:13 ./a/{'n' * 120}",
        f"lrwxrwxrwx 0/0               0 2023-11-14 22:13 ./l -> {'t' * 120}",
        f"hrws--x--x 0/0               0 2023-11-14 22:13 ./z link to ./a/{'n' * 120}",
    ] == listed.stdout.splitlines()
    assert listed.stderr == ""
