"""Two archives side by side: the difference that lies deepest is named, with its place."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from builders.image import EPOCH, REFERENCE, Blobs, make_image, make_layer, write_archive
from builders.tar import make_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.audit import difference
from imagesmith.audit.difference import Difference
from imagesmith.model.config import ImageConfig
from imagesmith.model.tree import Entry, File, Symlink, Tree
from imagesmith.oci import archive, bundle
from imagesmith.oci import image as documents
from imagesmith.oci.image import Image


def tree(mode: int) -> Tree:
    """Return three entries, the second with a mode."""
    entries: dict[str, Entry] = {
        "/a": File.of(b"1"),
        "/b": File.of(b"2", mode=mode),
        "/c": Symlink(target="a"),
    }
    return Tree(entries)


TREE, OTHER = tree(0o600), tree(0o644)


def written(path: Path, *images: Image, blobs: Blobs) -> memoryview:
    """Return the archive of some images."""
    archive.write(path, bundle.of(images), reference=REFERENCE, blobs=blobs.chunks, epoch=EPOCH)
    return memoryview(path.read_bytes())


def first(root: Path, one: Mapping[str, Any], other: Mapping[str, Any]) -> Difference | None:
    """Compare the archives of two images that are made of something."""
    views = []
    for number, made in enumerate((one, other)):
        blobs = Blobs()
        image = make_image(**{"tree": TREE, "blobs": blobs, **made})
        views.append(written(root / str(number), image, blobs=blobs))
    return difference.first(*views, name="x")


def test_the_same_archives_do_not_differ(tmp_path: Path) -> None:
    """Byte for byte."""
    assert first(tmp_path, {}, {}) is None


@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
def test_a_path_and_its_field_are_named(kind: str, tmp_path: Path) -> None:
    """However layers are compressed; the digests above it differ only because of it."""
    found = first(tmp_path, {"kind": kind}, {"kind": kind, "tree": OTHER})

    assert found is not None
    assert found.member.startswith("blobs/sha256/")
    assert found == Difference(
        member=found.member,
        platform="linux/amd64",
        layer=1,
        path="/b",
        field="mode",
        one="0600",
        other="0644",
    )
    assert found.place == f"linux/amd64: {found.member}: layer 1: /b: mode"


def test_another_compressor_is_named_where_the_files_are_the_same(tmp_path: Path) -> None:
    """The layer's tar is equal, its blob is not."""
    found = first(tmp_path, {"kind": "gzip"}, {"kind": "zstd"})

    assert found is not None
    assert (found.layer, found.path, found.field) == (1, "", "compressed bytes")
    assert "others from byte 0" in found.one


def test_times_are_named_on_the_first_path(tmp_path: Path) -> None:
    """The config has the other time as well."""
    found = first(tmp_path, {}, {"epoch": EPOCH + 1})

    assert found is not None
    assert (found.path, found.field, found.one) == ("/a", "mtime", str(EPOCH))


def test_a_key_of_the_config_is_named(tmp_path: Path) -> None:
    """Before the image manifest, which has its digest; inside of lists as well."""
    found = first(tmp_path, {}, {"config": ImageConfig(cmd=("/bin/false",))})
    more = first(tmp_path, {}, {"config": ImageConfig(cmd=("/bin/true", "x"))})

    assert found is not None
    assert (found.field, found.one, found.other) == ("config.Cmd[0]", "'/bin/true'", "'/bin/false'")
    assert found.platform == "linux/amd64"
    assert more is not None
    assert more.field == "config.Cmd"


def test_bytes_of_documents_count(tmp_path: Path) -> None:
    """White space says nothing and gives another digest."""
    blobs = Blobs()
    image = make_image(TREE, blobs)
    spaced = attrs.evolve(image, manifest=image.manifest + b"\n")
    one = written(tmp_path / "one", image, blobs=blobs)
    found = difference.first(one, written(tmp_path / "two", spaced, blobs=blobs), name="x")

    assert found is not None
    assert (found.field, found.one) == ("bytes", f"{len(image.manifest)}")


def test_layers_and_images_that_one_lacks_are_named(tmp_path: Path) -> None:
    """By their number, and by their platform."""
    blobs = Blobs()
    one = make_image(TREE, blobs)
    layers = [*one.layers, make_layer(OTHER, blobs)]
    config = ImageConfig(cmd=("/bin/true",))
    two = documents.image(
        arch=one.arch, layers=layers, config=config, epoch=EPOCH, created_by="imagesmith"
    )
    arm = make_image(TREE, blobs, arch="arm64")
    single, double, both = (
        written(tmp_path / str(number), *images, blobs=blobs)
        for number, images in enumerate(([one], [two], [one, arm]))
    )
    fewer = difference.first(single, double, name="x")
    alone = difference.first(single, both, name="x")
    back = difference.first(both, single, name="x")

    assert fewer is not None
    assert (fewer.field, fewer.one, fewer.other) == ("layers", "1", "2")
    for found, values in ((alone, ("missing", "present")), (back, ("present", "missing"))):
        assert found is not None
        assert (found.platform, found.field) == ("linux/arm64", "image")
        assert (found.one, found.other) == values


def test_the_archive_itself_is_compared(tmp_path: Path) -> None:
    """Members of other times, and what no image names."""
    write_archive(tmp_path / "one", {"amd64": TREE})
    one = (tmp_path / "one").read_bytes()
    touched = io.BytesIO()
    with (
        tarfile.open(tmp_path / "one") as source,
        tarfile.open(fileobj=touched, mode="w", format=tarfile.USTAR_FORMAT) as target,
    ):
        for member in source:
            member.mtime += 1
            target.addfile(member, source.extractfile(member))
    found = difference.first(memoryview(one), memoryview(touched.getvalue()), name="x")

    assert found is not None
    assert (found.platform, found.field, found.one) == ("", "mtime", str(EPOCH))


def test_an_index_is_compared_where_the_images_are_the_same(tmp_path: Path) -> None:
    """Its keys, not only its digest."""
    blobs = Blobs()
    images = [make_image(TREE, blobs, arch=arch) for arch in ("amd64", "arm64")]
    bundled = bundle.of(images)
    one = written(tmp_path / "one", *images, blobs=blobs)
    index = bundled.documents[bundled.root.digest].replace(b'"arm64"', b'"arm63"')
    root = bundle.descriptor(documents.descriptor(documents.IMAGE_INDEX, index))
    known = {**bundled.documents, root.digest: index}
    changed = bundle.walk(root, lambda asked: known[asked.digest], what="x")
    configs = {each.config_digest: each.config for each in images}
    changed = attrs.evolve(changed, documents={**changed.documents, **configs})
    archive.write(tmp_path / "two", changed, reference=REFERENCE, blobs=blobs.chunks, epoch=EPOCH)
    two = memoryview((tmp_path / "two").read_bytes())
    found = difference.first(one, two, name="x")

    assert found is not None
    assert (found.field, found.one, found.other) == (
        "manifests[1].platform.architecture",
        "'arm64'",
        "'arm63'",
    )


def test_archives_that_lead_nowhere_are_compared_as_tars() -> None:
    """Nothing in them is an image."""
    one, other = (memoryview(make_tar({"/index.json": text})) for text in (b"{}", b"[]"))

    assert difference.first(one, other, name="x") == Difference(
        member="./index.json", field="content", one="b'{}' at byte 0", other="b'[]' at byte 0"
    )


ENTRY = st.builds(File.of, st.binary(max_size=9), mode=st.sampled_from([0o644, 0o755]))
ENTRIES = st.dictionaries(st.sampled_from(["/a", "/b", "/c"]), ENTRY, min_size=1)


@settings(deadline=None, max_examples=30)
@given(entries=ENTRIES, others=ENTRIES)
def test_what_differs_is_where_it_is_said_to_be(
    entries: dict[str, File], others: dict[str, File], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The first path in order whose entry is another; both ways round."""
    root = tmp_path_factory.mktemp("two")
    one, other = {"tree": Tree(entries)}, {"tree": Tree(others)}
    differing = [p for p in sorted({*entries, *others}) if entries.get(p) != others.get(p)]
    found, back = first(root, one, other), first(root, other, one)

    assert [each.path for each in (found, back) if each] == differing[:1] * 2
