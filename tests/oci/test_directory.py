"""An OCI layout as a directory, by itself and shared."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders.image import Blobs, make_image

from imagesmith.errors import HostError, ImagesmithError
from imagesmith.model.tree import File, Tree
from imagesmith.oci import bundle, directory
from imagesmith.oci.bundle import Bundle


def made(blobs: Blobs, text: str, *arches: str) -> Bundle:
    """Return images that hold one file."""
    tree = Tree({"/a": File.of(text.encode())})
    return bundle.of([make_image(tree, blobs, arch=arch) for arch in arches])


@pytest.fixture
def blobs() -> Blobs:
    """Return blobs in memory."""
    return Blobs()


def files(root: Path) -> dict[str, int]:
    """Return every file with the time of its last change."""
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file()
    }


def names(root: Path) -> list[str]:
    """Return the names in index.json."""
    listed = json.loads((root / "index.json").read_text())["manifests"]
    return sorted(each["annotations"][directory.NAME] for each in listed)


def test_a_layout_has_every_blob_under_its_digest(tmp_path: Path, blobs: Blobs) -> None:
    """And nothing else; the second time nothing is touched."""
    found = made(blobs, "x", "amd64", "arm64")
    target = tmp_path / "d"
    digest = directory.write(target, found, reference="app:1", blobs=blobs.chunks)
    before = files(target)
    directory.write(target, found, reference="app:1", blobs=blobs.chunks)

    named = {blob.digest for blob in found.blobs} | found.documents.keys()
    assert digest == found.root.digest
    assert before.keys() == {
        "index.json",
        "oci-layout",
        *(f"blobs/sha256/{each.hex}" for each in named),
    }
    assert files(target) == before


def test_images_share_a_layout(tmp_path: Path, blobs: Blobs) -> None:
    """A name that is there gets the new image, the others stay."""
    one, two = made(blobs, "1", "amd64"), made(blobs, "2", "amd64")
    for reference, each in (("a:1", one), ("b:1", one), ("a:1", two)):
        directory.write(tmp_path, each, reference=reference, blobs=blobs.chunks)
    listed = json.loads((tmp_path / "index.json").read_text())["manifests"]

    assert names(tmp_path) == ["a:1", "b:1"]
    assert {each["digest"] for each in listed} == {str(one.root.digest), str(two.root.digest)}


def test_the_order_of_writing_does_not_show(tmp_path: Path, blobs: Blobs) -> None:
    """Two images give the same bytes either way."""
    one, two = made(blobs, "1", "amd64"), made(blobs, "2", "amd64")
    for target, order in ((tmp_path / "x", "ab"), (tmp_path / "y", "ba")):
        for name in order:
            found = one if name == "a" else two
            directory.write(target, found, reference=name, blobs=blobs.chunks)

    assert (tmp_path / "x/index.json").read_bytes() == (tmp_path / "y/index.json").read_bytes()


def test_a_damaged_blob_is_made_whole(tmp_path: Path, blobs: Blobs) -> None:
    """It is compared, not believed."""
    found = made(blobs, "x", "amd64")
    directory.write(tmp_path, found, reference="a", blobs=blobs.chunks)
    damaged = tmp_path / "blobs" / "sha256" / found.blobs[1].digest.hex
    content = damaged.read_bytes()
    damaged.write_bytes(b"?" * len(content))
    directory.write(tmp_path, found, reference="a", blobs=blobs.chunks)

    assert damaged.read_bytes() == content


def test_nothing_is_written_into_another_directory(tmp_path: Path, blobs: Blobs) -> None:
    """Or in the place of a file, or below nothing."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    (tmp_path / "file").write_text("mine")
    found = made(blobs, "x", "amd64")
    for name in ("full", "file", "none/below"):
        with pytest.raises(HostError):
            directory.write(tmp_path / name, found, reference="a", blobs=blobs.chunks)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "x"]


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"manifests": {}}'])
def test_an_index_that_cannot_be_read_is_not_replaced(
    tmp_path: Path, blobs: Blobs, index: str
) -> None:
    """What it names would be lost."""
    found = made(blobs, "x", "amd64")
    directory.write(tmp_path, found, reference="a", blobs=blobs.chunks)
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(ImagesmithError):
        directory.write(tmp_path, found, reference="a", blobs=blobs.chunks)

    assert (tmp_path / "index.json").read_text() == index


def test_what_a_killed_writer_began_is_finished(tmp_path: Path, blobs: Blobs) -> None:
    """A layout without `index.json` names nothing, and is no obstacle."""
    found = made(blobs, "x", "amd64")

    def killed(_: object) -> list[bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        directory.write(tmp_path / "d", found, reference="app", blobs=killed)
    assert not (tmp_path / "d" / "index.json").exists()
    directory.write(tmp_path / "d", found, reference="app", blobs=blobs.chunks)

    assert names(tmp_path / "d") == ["app"]


def test_writers_of_one_layout_take_turns(tmp_path: Path, blobs: Blobs) -> None:
    """Also the first ones: every name is there in the end."""
    found = made(blobs, "x", "amd64")
    wanted = [f"app:{number}" for number in range(6)]

    def write(reference: str) -> None:
        directory.write(tmp_path / "d", found, reference=reference, blobs=blobs.chunks)

    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(write, wanted))

    assert names(tmp_path / "d") == wanted
