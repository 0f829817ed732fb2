"""Layers are decompressed, hashed and indexed, and every fault has its layer's name on it."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import NoReturn

import attrs
import pytest
import zstandard
from builders.layout import LAYER, TAR, Archive, Layer, drop, make, put, zipped
from builders.tar import Raw, archive, make_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith import compression
from imagesmith.audit import contents
from imagesmith.audit.contents import LAYERS
from imagesmith.audit.layout import ImageFound
from imagesmith.errors import HostError
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Span

ZIPPED = zipped()
GZIP = gzip.compress(TAR, mtime=0)
END = f"header at byte {len(TAR) - 1024}"
ZERO = f"sha256:{'0' * 64}"
NO_END = "the archive ends without its end-of-archive blocks [layer]"
LONGER = TAR + b"junk"
JUNK = "Error -3 while decompressing data: incorrect header check"


def tarred(*members: Raw) -> Archive:
    """Return an archive of one layer with these members."""
    return make(layers=[Layer(tar=archive(*members))])


def packed(content: bytes, media_type: str, tar: bytes = TAR) -> Archive:
    """Return an archive of one layer that is stored as `content`."""
    return make(layers=[Layer(tar=tar, content=content, media_type=media_type)])


class TestSound:
    """What can be read."""

    @pytest.mark.parametrize(
        "layer",
        [
            Layer(),
            ZIPPED,
            Layer(content=zstandard.compress(TAR), media_type=f"{LAYER}+zstd"),
            attrs.evolve(ZIPPED, content=GZIP + bytes(512)),
            attrs.evolve(ZIPPED, media_type="application/vnd.docker.image.rootfs.diff.tar.gzip"),
            Layer(media_type="application/vnd.docker.image.rootfs.diff.tar"),
            Layer(tar=make_tar({})),
            Layer(tar=archive()),
            Layer(tar=make_tar({"/" + "n" * 200: b"", "/]": b""}, gnu=True)),
            Layer(tar=archive(Raw(name=b"]"))),  # starts like .lzma, which no consumer looks for
            Layer(tar=archive(Raw(name=b"a/b/c", body=b"parents missing"))),
        ],
    )
    def test_layers_as_anybody_packs_them(self, layer: Layer) -> None:
        """The media types of OCI and docker, paddings, empty layers, implied directories."""
        assert make(layers=[layer]).verdicts() == []

    def test_what_is_found(self) -> None:
        """The tree of all layers, and their diff-ids, computed."""
        upper = make_tar({"/etc/issue": b"x"})
        (image,) = make(layers=[ZIPPED, Layer(tar=upper)]).layout().images
        found = contents.read(image)

        assert found.problems == ()
        assert found.diff_ids == (Digest.of(TAR), Digest.of(upper)) == image.diff_ids
        assert list(found.tree.entries) == ["/etc", "/etc/issue", "/etc/motd"]
        assert found.tree.file("/etc/issue") == attrs.evolve(
            File.of(b"x"), content=Span(Digest.of(upper), len(upper) - 1536)
        )

    def test_an_image_may_have_no_layers(self) -> None:
        """Its tree is empty."""
        (image,) = make(layers=[]).layout().images
        found = contents.read(image)

        assert (len(found.tree), found.diff_ids, found.problems) == (0, (), ())

    def test_every_compression_of_ours_has_its_media_type(self) -> None:
        """And no media type promises what cannot be read."""
        assert {"none", "gzip", "zstd"} == set(LAYERS.values())


EMPTY = gzip.compress(b"", mtime=0)
ROWS: list[tuple[str, Archive, list[str]]] = [
    (
        "cut short",
        packed(GZIP[:-9], f"{LAYER}+gzip"),
        ["layer: truncated gzip stream [layer]"],
    ),
    (
        "bytes after the end",
        packed(GZIP + b"junk", f"{LAYER}+gzip"),
        [f"layer: invalid bytes after the gzip stream ({JUNK}) [layer]"],
    ),
    (
        "bytes after the padding",
        packed(GZIP + b"\0junk", f"{LAYER}+gzip"),
        ["layer: bytes after the padding of the gzip stream [layer]"],
    ),
    (
        "a tar cut short",
        make(layers=[zipped(TAR[:-1024])]),
        [f"layer: {END}: {NO_END}"],
    ),
    (
        "data after the end of the tar",
        make(layers=[zipped(LONGER)]),
        [f"layer: {END}: data after the end of the archive [layer]"],
    ),
    (
        "nothing, compressed",
        make(layers=[Layer(tar=b"", content=EMPTY, media_type=f"{LAYER}+gzip")]),
        ["layer: decompresses to nothing [layer]"],
    ),
    (
        "nothing at all",
        packed(b"", LAYER, b""),
        [
            f"layer: header at byte 0: {NO_END}",
        ],
    ),
    (
        "compressed, and described as a plain tar",
        packed(GZIP, LAYER),
        [f"layer: described as {LAYER}, compressed with gzip [media-type]"],
    ),
    (
        "a plain tar, described as compressed",
        packed(TAR, f"{LAYER}+zstd"),
        [f"layer: described as {LAYER}+zstd, compressed with none [media-type]"],
    ),
    (
        "zstd, described as gzip",
        packed(zstandard.compress(TAR), f"{LAYER}+gzip"),
        [f"layer: described as {LAYER}+gzip, compressed with zstd [media-type]"],
    ),
    (
        "xz, which has no media type",
        packed(lzma.compress(TAR), f"{LAYER}+xz"),
        [f"layer: described as '{LAYER}+xz', which is no layer [media-type]"],
    ),
    (
        "bzip2, described as gzip",
        packed(bz2.compress(TAR), f"{LAYER}+gzip"),
        [f"layer: described as {LAYER}+gzip, compressed with bzip2 [media-type]"],
    ),
    (
        "another diff-id",
        make({"config": put("rootfs", "diff_ids", 0, to=ZERO)}, layers=[ZIPPED]),
        [f"layer: config says {ZERO}, its tar has {Digest.of(TAR)} [diff-id]"],
    ),
    (
        "another diff-id of a tar that cannot be read",
        make(
            {"config": put("rootfs", "diff_ids", 0, to=ZERO)},
            layers=[zipped(LONGER)],
        ),
        [
            f"layer: config says {ZERO}, its tar has {Digest.of(LONGER)} [diff-id]",
            f"layer: {END}: data after the end of the archive [layer]",
        ],
    ),
    (
        "an attestation for a layer",
        packed(b"{}", "application/vnd.in-toto+json", b"{}"),
        [
            "layer: described as 'application/vnd.in-toto+json', which is no layer [media-type]",
            f"layer: header at byte 0: {NO_END}",
        ],
    ),
    (
        "a whiteout",
        tarred(Raw(name=b"etc/.wh.motd")),
        [
            "layer: etc/.wh.motd: a whiteout name, which deletes files of lower layers [layer]",
        ],
    ),
    (
        "a device",
        tarred(Raw(name=b"dev/null", type=b"3")),
        ["layer: dev/null: a character device, which no image may contain [layer]"],
    ),
    (
        "a name that climbs",
        tarred(Raw(name=b"../etc/passwd")),
        ["layer: ../etc/passwd: path component '..' [layer]"],
    ),
    (
        "one path twice",
        tarred(Raw(name=b"a", body=b"1"), Raw(name=b"./a", body=b"2")),
        ["layer: ./a: a second member with this path [layer]"],
    ),
    (
        "a hard link to nothing",
        tarred(Raw(name=b"a", type=b"1", link=b"b")),
        ["layer: a: hard link to /b, which is no earlier file [layer]"],
    ),
    (
        "a file below a link",
        tarred(Raw(name=b"d", type=b"2", link=b"/"), Raw(name=b"d/x")),
        ["layer: d/x: /d above it is no directory [layer]"],
    ),
    (
        "a file below a link of a lower layer",
        make(
            layers=[
                Layer(tar=archive(Raw(name=b"d\n", type=b"2", link=b"/"))),
                Layer(tar=archive(Raw(name=b"d\n/x"))),
            ]
        ),
        ["manifest: /d\\n: a directory in one layer and a file or link in a lower one [layer]"],
    ),
]


class TestVerdicts:
    """What cannot be read, or is not what it is said to be."""

    @pytest.mark.parametrize(
        ("found", "problems"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
    )
    def test_every_lie_has_a_verdict(self, found: Archive, problems: list[str]) -> None:
        """Of the layer it is about, and nothing else."""
        assert problems == found.verdicts()

    def test_other_layers_are_read_all_the_same(self) -> None:
        """The tree is what they hold; each diff-id is held against its own place."""
        bad = Layer(content=b"\x1f\x8bjunk", media_type=f"{LAYER}+gzip")
        made = make(layers=[bad, Layer(tar=make_tar({"/a": b"1"}))])
        (image,) = made.layout().images
        found = contents.read(image)

        assert [(made.named(p.place), p.code) for p in found.problems] == [("layer", "layer")]
        assert list(found.tree.entries) == ["/a"]
        assert found.diff_ids == image.diff_ids[1:]

    def test_a_missing_layer_moves_no_diff_id(self) -> None:
        """The one after it is still held against its own."""
        upper = Layer(tar=make_tar({"/a": b"1"}))
        found = make(
            {"manifest": put("layers", 0, "digest", to="sha512:0")}, layers=[Layer(), upper]
        )
        codes = [line.rpartition(" ")[2] for line in found.verdicts()]

        assert "[diff-id]" not in codes
        assert "[digest-algorithm]" in codes

    def test_a_bomb_is_not_unpacked(self) -> None:
        """What `compression` refuses is a fault of the layer."""
        bomb = zstandard.compress(bytes(compression.RATIO_FREE + 1024**2))
        text = f"decompression bomb: more than {compression.RATIO_LIMIT} times its size"

        assert packed(bomb, f"{LAYER}+zstd").verdicts() == [f"layer: {text} [layer]"]

    def test_entries_of_all_layers_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is too much is left out, and said."""
        monkeypatch.setattr(contents, "MAX_ENTRIES", 3)
        names = ("/a", "/b/c", "/d")
        made = make(layers=[Layer(tar=make_tar({name: b""})) for name in names])
        (image,) = made.layout().images

        assert made.verdicts() == ["layer2: more than 3 entries in all layers [layer]"]
        assert list(contents.read(image).tree.entries) == ["/a", "/b", "/b/c"]


class TestEffort:
    """What reading costs."""

    def test_a_blob_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However often one image, or several, name it."""
        images = make(layers=[ZIPPED] * 3, images=3).layout().images
        assert read_counting(images, monkeypatch) == 1

    def test_what_is_kept_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Past the bound layers are read again rather than remembered."""
        monkeypatch.setattr(contents, "MAX_ENTRIES", 2)
        layers = [ZIPPED, zipped(make_tar({"/b/c": b""}))]
        images = make(layers=layers, images=2).layout().images

        assert read_counting(images, monkeypatch) == 4

    def test_memory_does_not_grow_with_the_layer(self) -> None:
        """The tar lies in a file without a name; only its entries are in memory."""
        tar = make_tar({"/big": bytes(48 * 1024**2)})
        (image,) = make(layers=[zipped(tar)]).layout().images
        tracemalloc.start()
        try:
            found = contents.read(image)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert found.problems == ()
        assert peak < 4 * 1024**2

    def test_a_full_disk_is_the_hosts_problem(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is known of the layer then, so nothing is said of it."""

        def refuse() -> NoReturn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        made = make(layers=[ZIPPED])
        (image,) = made.layout().images
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        with pytest.raises(HostError) as caught:
            contents.read(image)

        path = f"temporary file for {image.layers[0].member}"
        assert HostError(path=path, problem="no space left on device") == caught.value

    def test_a_plain_tar_needs_no_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is read where it lies."""
        monkeypatch.delattr(tempfile, "TemporaryFile")

        assert make().verdicts() == []


def read_counting(images: tuple[ImageFound, ...], monkeypatch: pytest.MonkeyPatch) -> int:
    """Read the layers of these images and return how many blobs were decompressed."""
    calls: list[str] = []
    decompressed = compression.decompressed

    def counted(
        chunks: Iterable[bytes | memoryview], kind: compression.Kind, *, what: str, limit: int
    ) -> Iterator[bytes]:
        calls.append(what)
        return decompressed(chunks, kind, what=what, limit=limit)

    monkeypatch.setattr(compression, "decompressed", counted)
    found = list(contents.read_all(images))

    assert len(found) == len(images)
    assert all(each == found[0] for each in found)
    return len(calls)


class TestDamage:
    """Bytes changed inside a layer whose descriptor says they are right."""

    @given(st.data(), st.sampled_from(["none", "gzip", "zstd"]))
    @settings(deadline=None, max_examples=150)
    def test_no_damage_passes_for_the_same_files(
        self, drawn: st.DataObject, kind: compression.EncoderKind
    ) -> None:
        """The diff-id is computed from what was decompressed; nothing else is raised."""
        content = bytearray(compression.encoder(kind).compress(TAR))
        position = drawn.draw(st.integers(0, len(content) - 1))
        content[position] ^= drawn.draw(st.integers(1, 255))
        suffix = "" if kind == "none" else f"+{kind}"
        made = packed(bytes(content), f"{LAYER}{suffix}")
        (image,) = made.layout().images
        found = contents.read(image)

        assert found.problems or found.diff_ids == image.diff_ids

    def test_a_config_that_cannot_be_read_leaves_no_image(self) -> None:
        """Layers without diff-ids cannot be judged."""
        assert make({"config": lambda _: b"{"}).layout().images == ()
        assert make({"manifest": drop("config")}).layout().images == ()
        assert len(make({"config": lambda _: b"{"}, images=2).layout().images) == 1
