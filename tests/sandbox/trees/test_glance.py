"""A glance at an archive says what the audit says, or nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders.layout import Amend, Layer, archive, drop, make, put
from builders.probe import Runner, files
from builders.tar import GNU, Raw, make_tar, pax
from builders.tar import archive as raw

from imagesmith.sandbox.trees import glance
from imagesmith.sandbox.trees.glance import Glance

Document = Mapping[str, object]


def seen(path: Path, content: bytes) -> Glance:
    """Write an archive and glance at it."""
    path.write_bytes(content)
    return glance.glance(str(path))


@pytest.mark.parametrize("kind", ["index.json", "index"])
@pytest.mark.parametrize("images", [1, 3])
def test_images_are_those_the_audit_finds(images: int, kind: str, tmp_path: Path) -> None:
    """By platform and digest, in image indices too; `index.json` comes with them."""
    made = make(images=images, nested=kind == "index")
    found = seen(tmp_path / "a.tar", made.content)
    audited = made.layout()

    assert [(each.platform, f"sha256:{each.digest}") for each in found.images] == [
        (image.platform, str(image.digest)) for image in audited.images
    ]
    assert b'"manifests"' in found.index_json


def named(key: str, value: object) -> Mapping[str, Amend]:
    """Change a descriptor of `index.json`."""
    return {"index.json": put("manifests", 0, key, to=value)}


@pytest.mark.parametrize(
    ("kind", "amend"),
    [
        ("index.json", {"index.json": lambda _document: b"{"}),
        ("index.json", {"index.json": lambda _document: b"[]"}),
        ("index.json", {"index.json": lambda _document: b"[" * 100_000}),
        ("index.json", {"index.json": lambda _document: b'"' + b"x" * 5_000_000 + b'"'}),
        ("index.json", {"index.json": drop("manifests")}),
        ("index.json", named("digest", "sha512:00")),
        ("index.json", named("digest", 1)),
        ("index.json", named("mediaType", "text/plain")),
        ("index.json", named("platform", [])),
        ("index", named("digest", f"sha256:{'0' * 64}")),
        ("index", {"index": put("manifests", 0, "mediaType", to="text/plain")}),
    ],
)
def test_what_is_odd_is_left_to_the_audit(
    kind: str, amend: Mapping[str, Amend], tmp_path: Path
) -> None:
    """Documents that are none, digests of other kinds, things that are no images."""
    assert seen(tmp_path / "a.tar", make(amend, nested=kind == "index").content) == Glance()


def test_an_index_of_other_bytes_is_left_to_the_audit(tmp_path: Path) -> None:
    """It is held against its digest."""

    def changed(members: dict[str, bytes], at: object) -> None:
        name = at("index")  # type: ignore[operator]  # a way from a role to a name
        members[name] = members[name].replace(b'"os": "linux"', b'"os": "Linux"')

    assert seen(tmp_path / "a.tar", make(nested=True, members=changed).content) == Glance()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text" * 200,
        archive([("index.json", b"{}"), ("index.json", b"{}")]),
        raw(Raw(name=b"index.json", type=b"2", link=b"x")),
        raw(pax({b"path": b"y"}), Raw(name=b"index.json")),
        raw(Raw(name=b"index.json", magic=GNU, size=2**40)),
        raw(Raw(name=b"json", prefix=b"index", body=b"{}")),
        raw(Raw(name=b"\xff")),
        raw(*(Raw(name=b"%d" % number) for number in range(5000))),
    ],
)
def test_only_the_plainest_of_archives_are_read(content: bytes, tmp_path: Path) -> None:
    """Everything that two readers could take in two ways is for the strict one."""
    assert seen(tmp_path / "a.tar", content) == Glance()


def test_what_is_no_file_says_nothing(tmp_path: Path) -> None:
    """And nobody waits for a FIFO."""
    os.mkfifo(tmp_path / "fifo")

    assert glance.glance(str(tmp_path / "fifo")) == Glance()
    assert glance.glance(str(tmp_path / "missing")) == Glance()
    assert glance.glance(str(tmp_path)) == Glance()


def test_an_image_it_does_not_see_runs_all_the_same(tmp_path: Path) -> None:
    """The audit exports it, and every later time finds it there."""

    def amended(config: Document) -> Document:
        return {**config, "config": {"Entrypoint": ["/bin/probe"]}}

    made = make({"config": amended}, layers=(Layer(tar=make_tar(files())),))
    odd = tmp_path / "odd.tar"
    comment = raw(pax({b"comment": b"x"}), Raw(name=b"blobs/", type=b"5"), end=b"")
    odd.write_bytes(comment + made.content)
    run = Runner(tmp_path / "store")

    assert glance.glance(str(odd)) == Glance()
    assert [run(odd, "exit", "3"), run(odd, "exit", "4")] == [3, 4]
    assert not (run.root().parent / "start").exists()
